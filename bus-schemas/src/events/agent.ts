import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import { failureSchema, timeSchema } from "../vocabulary.ts";

const processes = z.enum(["scout", "coordinator", "surgeon", "scribe"]);
const saidBy = ["scout", "coordinator", "surgeon", "scribe"] as const;

export const AgentStarted = defineEvent({
  type: "agent.started",
  says: "A process is up, has folded the stream and takes work.",
  scope: "agent",
  saidBy,
  schema: z.strictObject({
    agent: processes,
    instance: z.string().min(1),
    pid: z.number().int(),
    version: z.string().min(1),
    /** Stream sequence up to which it had folded its state. */
    foldedSeq: z.number().int().min(0),
  }),
  example: { agent: "surgeon", instance: "surgeon-4242", pid: 4242, version: "0.1.0", foldedSeq: 118 },
});

export const AgentFaulted = defineEvent({
  type: "agent.faulted",
  says: "A process could not handle a message: it was parked. The message itself stays in the stream.",
  scope: "agent",
  saidBy,
  schema: z.strictObject({
    agent: processes,
    /** Stream sequence of the message that was parked. */
    seq: z.number().int().min(0),
    subject: z.string(),
    deliveries: z.number().int().min(1),
    failure: failureSchema,
  }),
  example: {
    agent: "surgeon",
    seq: 120,
    subject: "omega.incident.inc-1.action.ordered",
    deliveries: 5,
    failure: { kind: "terminal", code: "unknown_event_type", message: "No event type 'action.orderd' exists." },
  },
});

export const DeadlinePassed = defineEvent({
  type: "deadline.passed",
  says: "A wait of the Coordinator ended without its answer; the incident goes on by its defined path.",
  scope: "incident",
  saidBy: ["coordinator"],
  schema: z.strictObject({ awaited: z.string().min(1), dueAt: timeSchema }),
  example: { awaited: "diagnosis", dueAt: "2026-11-24T03:00:30.000Z" },
});
