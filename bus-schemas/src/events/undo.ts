import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import { actorSchema, driftSchema, failureSchema, timeSchema } from "../vocabulary.ts";

export const UndoOrdered = defineEvent({
  type: "undo.ordered",
  says: "Take this action back, by the plan that its action.started holds.",
  scope: "incident",
  saidBy: ["coordinator", "operator"],
  schema: z.strictObject({
    actionId: z.string().min(1),
    fence: z.number().int().min(0),
    reason: z.enum(["recovery-failed", "outcome-unknown", "panic", "person"]),
    by: actorSchema,
  }),
  example: {
    actionId: "act-1",
    fence: 7,
    reason: "recovery-failed",
    by: { kind: "process", name: "coordinator" },
  },
});

const undoneShape = { actionId: z.string().min(1) };

export const UndoStarted = defineEvent({
  type: "undo.started",
  says: "Somebody is about to take the action back: Surgeon, or a person's `omega panic --direct`.",
  scope: "incident",
  version: 2,
  saidBy: ["surgeon", "operator"],
  schema: z.strictObject({ ...undoneShape, attempt: z.number().int().min(1) }),
  example: { actionId: "act-1", attempt: 1 },
  upcasters: { 1: (data) => ({ ...z.strictObject(undoneShape).parse(data), attempt: 1 }) },
});

export const UndoDone = defineEvent({
  type: "undo.done",
  says: "The world is as the plan found it.",
  scope: "incident",
  saidBy: ["surgeon", "operator"],
  schema: z.strictObject({ ...undoneShape, says: z.string().max(1024), tookMs: z.number().min(0) }),
  example: { actionId: "act-1", says: "Deployment shop/payments is as it was before.", tookMs: 5100 },
});

const failedShape = { ...undoneShape, failure: failureSchema };

export const UndoFailed = defineEvent({
  type: "undo.failed",
  says: "The action could not be taken back; a person is told, and it is tried again where that can help.",
  scope: "incident",
  version: 2,
  saidBy: ["surgeon", "operator"],
  schema: z.strictObject({
    ...failedShape,
    attempt: z.number().int().min(1),
    /** When the next attempt begins; absent: no attempt will ever work. */
    retryAt: timeSchema.optional(),
  }),
  example: {
    actionId: "act-1",
    failure: { kind: "terminal", code: "forbidden", message: "403: patch is not allowed." },
    attempt: 1,
    retryAt: "2026-11-24T03:00:10.000Z",
  },
  upcasters: { 1: (data) => ({ ...z.strictObject(failedShape).parse(data), attempt: 1 }) },
});

export const UndoConflicted = defineEvent({
  type: "undo.conflicted",
  says: "Somebody changed it since; their change is left alone and a person is told.",
  scope: "incident",
  version: 2,
  saidBy: ["surgeon", "operator"],
  schema: z.strictObject({
    ...failedShape,
    /** Both states, field by field, where the action can tell them. */
    differs: z.array(driftSchema).max(64),
  }),
  example: {
    actionId: "act-1",
    failure: {
      kind: "conflict",
      code: "field_changed",
      message: "Deployment shop/payments: /spec/replicas is not as the plan left it; it is 5.",
    },
    differs: [
      {
        object: "Deployment shop/payments",
        path: "/spec/replicas",
        expected: 3,
        found: 5,
        changedBy: "kubectl-scale",
        changedAt: "2026-11-24T03:02:00.000Z",
      },
    ],
  },
  upcasters: { 1: (data) => ({ ...z.strictObject(failedShape).parse(data), differs: [] }) },
});
