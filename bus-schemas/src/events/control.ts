import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import { failureSchema, panicItemSchema, timeSchema } from "../vocabulary.ts";

export const ControlPanicPressed = defineEvent({
  type: "control.panic-pressed",
  says: "Freeze everything, then take back every effect of the window.",
  scope: "control",
  saidBy: ["operator"],
  schema: z.strictObject({
    by: z.string().min(1).max(256),
    /** Everything that was in the making at any time of these last milliseconds; 0: only what is being done right now. */
    windowMs: z.number().int().min(0).max(86_400_000),
    reason: z.string().max(1024).optional(),
  }),
  example: { by: "ada@example.com", windowMs: 300_000, reason: "Rollback made it worse." },
});

const frozenShape = { instance: z.string().min(1), panicId: z.string().min(1) };

export const ControlFrozen = defineEvent({
  type: "control.frozen",
  says: "This Surgeon starts nothing any more until control.resumed.",
  scope: "control",
  version: 2,
  saidBy: ["surgeon", "operator"],
  schema: z.strictObject({
    ...frozenShape,
    /** Actions of which a call was under way and not answered yet; no other call is sent but to take something back. */
    inFlight: z.array(z.string().min(1)).max(1024),
  }),
  example: { instance: "surgeon-1", panicId: "evt-panic-1", inFlight: ["act-1"] },
  upcasters: { 1: (data) => ({ ...z.strictObject(frozenShape).parse(data), inFlight: [] }) },
});

export const ControlPanicReported = defineEvent({
  type: "control.panic-reported",
  says: "What became of a panic, effect by effect. Said again when something that failed has been taken back after all.",
  scope: "control",
  saidBy: ["surgeon", "operator"],
  schema: z.strictObject({
    panicId: z.string().min(1),
    from: timeSchema,
    to: timeSchema,
    /** Nothing is left to do or to try again. */
    final: z.boolean(),
    undone: z.number().int().min(0),
    conflicted: z.number().int().min(0),
    gone: z.number().int().min(0),
    irreversible: z.number().int().min(0),
    failed: z.number().int().min(0),
    /** Newest first; the two states of what is conflicted are in its undo.conflicted. */
    items: z.array(panicItemSchema).max(1024),
  }),
  example: {
    panicId: "evt-panic-1",
    from: "2026-11-24T02:55:05.000Z",
    to: "2026-11-24T03:00:05.000Z",
    final: true,
    undone: 1,
    conflicted: 0,
    gone: 0,
    irreversible: 0,
    failed: 0,
    items: [
      {
        actionId: "act-1",
        incidentId: "inc-20261124-1a2b3c",
        actionType: "k8s.scale",
        target: { system: "kubernetes", namespace: "shop", kind: "Deployment", name: "payments" },
        startedAt: "2026-11-24T02:58:00.000Z",
        state: "undone",
        says: "Deployment shop/payments is as it was before.",
      },
    ],
  },
});

export const ControlRefused = defineEvent({
  type: "control.refused",
  says: "A press, a resumption or the like that does not count: its signature, its key or the rights of its key are no good.",
  scope: "control",
  saidBy: ["surgeon"],
  schema: z.strictObject({
    /** Stream sequence of what is refused. */
    seq: z.number().int().min(1),
    subject: z.string().min(1).max(256),
    failure: failureSchema,
  }),
  example: {
    seq: 120,
    subject: "omega.control.panic-pressed",
    failure: {
      kind: "terminal",
      code: "expired_key",
      message: "Key operator-0123456789abcdef expired at 2026-11-01T00:00:00.000Z.",
    },
  },
});

export const ControlResumed = defineEvent({
  type: "control.resumed",
  says: "A person lets Omega act again, with a reason.",
  scope: "control",
  saidBy: ["operator"],
  personNeeds: "admin",
  schema: z.strictObject({ by: z.string().min(1).max(256), reason: z.string().min(1).max(1024) }),
  example: { by: "ada@example.com", reason: "Root cause found; see ticket 4711." },
});
