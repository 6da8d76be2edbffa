import { z } from "zod";
import { defineEvent } from "../define-event.ts";

export const ControlPanicPressed = defineEvent({
  type: "control.panic-pressed",
  says: "Freeze everything, then take back every effect of the window.",
  scope: "control",
  saidBy: ["operator"],
  schema: z.strictObject({
    by: z.string().min(1).max(256),
    windowMs: z.number().int().min(0).max(86_400_000),
    reason: z.string().max(1024).optional(),
  }),
  example: { by: "ada@example.com", windowMs: 300_000, reason: "Rollback made it worse." },
});

export const ControlFrozen = defineEvent({
  type: "control.frozen",
  says: "This Surgeon starts nothing any more until control.resumed.",
  scope: "control",
  saidBy: ["surgeon", "operator"],
  schema: z.strictObject({ instance: z.string().min(1), panicId: z.string().min(1) }),
  example: { instance: "surgeon-1", panicId: "evt-panic-1" },
});

export const ControlResumed = defineEvent({
  type: "control.resumed",
  says: "A person lets Omega act again, with a reason.",
  scope: "control",
  saidBy: ["operator"],
  schema: z.strictObject({ by: z.string().min(1).max(256), reason: z.string().min(1).max(1024) }),
  example: { by: "ada@example.com", reason: "Root cause found; see ticket 4711." },
});
