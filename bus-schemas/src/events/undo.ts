import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import { actorSchema, failureSchema } from "../vocabulary.ts";

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
  says: "Surgeon is about to take the action back.",
  scope: "incident",
  saidBy: ["surgeon"],
  schema: z.strictObject(undoneShape),
  example: { actionId: "act-1" },
});

export const UndoDone = defineEvent({
  type: "undo.done",
  says: "The world is as the plan found it.",
  scope: "incident",
  saidBy: ["surgeon"],
  schema: z.strictObject({ ...undoneShape, says: z.string().max(1024), tookMs: z.number().min(0) }),
  example: { actionId: "act-1", says: "Deployment shop/payments is as it was before.", tookMs: 5100 },
});

export const UndoFailed = defineEvent({
  type: "undo.failed",
  says: "The action could not be taken back; a person is told.",
  scope: "incident",
  saidBy: ["surgeon"],
  schema: z.strictObject({ ...undoneShape, failure: failureSchema }),
  example: {
    actionId: "act-1",
    failure: { kind: "terminal", code: "forbidden", message: "403: patch is not allowed." },
  },
});

export const UndoConflicted = defineEvent({
  type: "undo.conflicted",
  says: "Somebody changed it since; their change is left alone and a person is told.",
  scope: "incident",
  saidBy: ["surgeon"],
  schema: z.strictObject({ ...undoneShape, failure: failureSchema }),
  example: {
    actionId: "act-1",
    failure: {
      kind: "conflict",
      code: "template_changed",
      message: "The pod template was changed by kubectl at 03:02.",
    },
  },
});
