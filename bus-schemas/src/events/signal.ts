import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import { severitySchema, timeSchema, traceIdSchema } from "../vocabulary.ts";

const identity = {
  /** Names the episode: one episode is one alarm, whatever it does in between. */
  signalId: z.string().min(1),
  service: z.string().min(1),
  operation: z.string().min(1),
  kind: z.enum(["error-ratio", "latency", "saturation", "burn-rate", "anomaly", "restarts", "alert"]),
};

export const SignalDetected = defineEvent({
  type: "signal.detected",
  says: "Scout saw an anomaly, possibly before users hurt: what, where, since when, how sure, and the traces that show it.",
  scope: "signal",
  saidBy: ["scout"],
  schema: z.strictObject({
    ...identity,
    severity: severitySchema,
    since: timeSchema,
    /** One sentence with its numbers. */
    says: z.string().min(1).max(1024),
    confidence: z.number().min(0).max(1),
    measures: z
      .array(
        z.strictObject({
          name: z.string().min(1),
          unit: z.string().min(1),
          value: z.number(),
          baseline: z.number().optional(),
        }),
      )
      .max(16),
    /** Time until the limit is reached, when the signal is early; 0 when users hurt already. */
    leadTimeMs: z.number().min(0).optional(),
    errorType: z.string().optional(),
    /** The error text with its varying parts replaced: what memory matches on. */
    signature: z.string().max(512).optional(),
    traceIds: z.array(traceIdSchema).max(16),
  }),
  example: {
    signalId: "sig-payments-error-ratio-1",
    service: "payments",
    operation: "POST /charges",
    kind: "error-ratio",
    severity: "critical",
    since: "2026-11-24T03:00:00.000Z",
    says: "24 of 90 requests to payments POST /charges failed in the last 6 s (27 %, baseline 0.1 %).",
    confidence: 0.999,
    measures: [{ name: "error-ratio", unit: "1", value: 0.27, baseline: 0.001 }],
    leadTimeMs: 0,
    errorType: "TypeError",
    signature: "Cannot read properties of undefined (reading '<*>')",
    traceIds: ["0af7651916cd43dd8448eb211c80319c"],
  },
});

export const SignalCleared = defineEvent({
  type: "signal.cleared",
  says: "The anomaly of this episode is gone.",
  scope: "signal",
  saidBy: ["scout"],
  schema: z.strictObject({ ...identity, says: z.string().min(1).max(1024) }),
  example: {
    signalId: "sig-payments-error-ratio-1",
    service: "payments",
    operation: "POST /charges",
    kind: "error-ratio",
    says: "0 of 120 requests to payments POST /charges failed in the last 10 s.",
  },
});
