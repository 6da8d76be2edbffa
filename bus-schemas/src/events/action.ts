import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import { failureSchema, jsonObjectSchema, sha256Schema, targetSchema, timeSchema } from "../vocabulary.ts";
import { exampleOption } from "./example-option.ts";

const orderShape = {
  actionId: z.string().min(1),
  optionId: z.string().min(1),
  actionType: z.string().min(1),
  target: targetSchema,
  plan: jsonObjectSchema,
  planHash: sha256Schema,
  /** The Coordinator's lease revision; Surgeon refuses an order with a lower one than it has seen. */
  fence: z.number().int().min(0),
};
const orderExample = {
  actionId: "act-1",
  optionId: exampleOption.optionId,
  actionType: exampleOption.actionType,
  target: exampleOption.target,
  plan: exampleOption.plan,
  planHash: exampleOption.planHash,
  fence: 7,
};

export const ActionOrdered = defineEvent({
  type: "action.ordered",
  says: "The Coordinator orders exactly this plan. It is void after its deadline, and whatever was ordered before a panic stays undone.",
  scope: "incident",
  saidBy: ["coordinator"],
  schema: z.strictObject({ ...orderShape, notAfter: timeSchema }),
  example: { ...orderExample, notAfter: "2026-11-24T03:05:00.000Z" },
});

export const ActionStarted = defineEvent({
  type: "action.started",
  says: "Surgeon is about to change the world. The plan is the undo log; this event is durable before the first effect.",
  scope: "incident",
  saidBy: ["surgeon"],
  schema: z.strictObject(orderShape),
  example: orderExample,
});

export const ActionSucceeded = defineEvent({
  type: "action.succeeded",
  says: "The world is at the plan's target.",
  scope: "incident",
  saidBy: ["surgeon"],
  schema: z.strictObject({ actionId: z.string().min(1), says: z.string().max(1024), tookMs: z.number().min(0) }),
  example: {
    actionId: "act-1",
    says: "Deployment shop/payments is back at revision 1; 2 of 2 pods are ready.",
    tookMs: 6200,
  },
});

const failedSchema = z.strictObject({ actionId: z.string().min(1), failure: failureSchema });

export const ActionFailed = defineEvent({
  type: "action.failed",
  says: "The action will never work; the world is as it was, or the failure says what is not.",
  scope: "incident",
  saidBy: ["surgeon"],
  schema: failedSchema,
  example: {
    actionId: "act-1",
    failure: { kind: "terminal", code: "revision_missing", message: "ReplicaSet of revision 1 is gone." },
  },
});

export const ActionConflicted = defineEvent({
  type: "action.conflicted",
  says: "Somebody else moved what the plan wanted to move; nothing was touched.",
  scope: "incident",
  saidBy: ["surgeon"],
  schema: failedSchema,
  example: {
    actionId: "act-1",
    failure: {
      kind: "conflict",
      code: "template_changed",
      message: "The pod template changed since the plan was made.",
    },
  },
});

export const ActionOutcomeUnknown = defineEvent({
  type: "action.outcome-unknown",
  says: "It may or may not have happened; the plan is probed, or undone.",
  scope: "incident",
  saidBy: ["surgeon"],
  schema: failedSchema,
  example: {
    actionId: "act-1",
    failure: {
      kind: "unknown",
      code: "no_answer",
      message: "The API server closed the connection before it answered.",
    },
  },
});
