import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import {
  candidateSchema,
  measurementSchema,
  timeSchema,
  traceIdSchema,
  verificationTermsSchema,
} from "../vocabulary.ts";

export const DiagnosisReached = defineEvent({
  type: "diagnosis.reached",
  says: "Scout ranked the possible causes, each with its evidence; 'inconclusive' and 'healthy' are answers.",
  scope: "incident",
  saidBy: ["scout"],
  schema: z.strictObject({
    verdict: z.enum(["cause", "inconclusive", "healthy"]),
    onset: timeSchema,
    candidates: z.array(candidateSchema).max(16),
    blastRadius: z.strictObject({ services: z.array(z.string()).max(256), trafficShare: z.number().min(0).max(1) }),
    traceIds: z.array(traceIdSchema).max(16),
    /** A model is being asked for a second opinion, which is told by then or not waited for; absent where none is. */
    reviewBy: timeSchema.optional(),
    /** Name of the model that gave a second opinion; absent when the answer is deterministic alone. */
    model: z.string().optional(),
    says: z.string().max(2048),
    tookMs: z.number().min(0),
  }),
  example: {
    verdict: "cause",
    onset: "2026-11-24T03:00:00.000Z",
    candidates: [
      {
        rank: 1,
        service: "payments",
        kind: "code",
        confidence: 0.97,
        operation: "POST /charges",
        errorType: "TypeError",
        version: "1.5.0",
        healthyVersion: "1.4.0",
        location: { function: "loyaltyDiscount", file: "payments/loyalty.ts", lineStart: 21 },
        evidence: [
          {
            kind: "span",
            ref: "trace:0af7651916cd43dd8448eb211c80319c/span:b7ad6b7169203331",
            says: "TypeError thrown in loyaltyDiscount; 24 of 24 failing traces end here.",
          },
        ],
      },
    ],
    blastRadius: { services: ["storefront", "checkout", "payments"], trafficShare: 0.26 },
    traceIds: ["0af7651916cd43dd8448eb211c80319c"],
    says: "payments 1.5.0 throws TypeError at payments/loyalty.ts:21 (loyaltyDiscount).",
    tookMs: 41,
  },
});

export const VerificationRequested = defineEvent({
  type: "verification.requested",
  says: "The Coordinator asks Scout whether the service recovered, by telemetry fresher than the action.",
  scope: "incident",
  saidBy: ["coordinator"],
  schema: z.strictObject({
    actionId: z.string().min(1),
    checks: z
      .array(z.strictObject({ service: z.string().min(1), operation: z.string().min(1) }))
      .min(1)
      .max(16),
    /** Only spans that began after this count. */
    after: timeSchema,
    terms: verificationTermsSchema,
  }),
  example: {
    actionId: "act-1",
    checks: [{ service: "payments", operation: "POST /charges" }],
    after: "2026-11-24T03:00:15.000Z",
    terms: { intervalMs: 2000, count: 3, failureLimit: 1, inconclusiveLimit: 10 },
  },
});

const verdictSchema = z.strictObject({
  actionId: z.string().min(1),
  measurements: z.array(measurementSchema).max(256),
  says: z.string().max(1024),
});
const verdictExample = {
  actionId: "act-1",
  measurements: [{ at: "2026-11-24T03:00:17.000Z", verdict: "successful" as const, requests: 40, failures: 0 }],
  says: "0 of 120 requests to payments POST /charges failed in 3 measurements after the action.",
};

export const RecoveryConfirmed = defineEvent({
  type: "recovery.confirmed",
  says: "Fresh telemetry shows the service healthy.",
  scope: "incident",
  saidBy: ["scout"],
  schema: verdictSchema,
  example: verdictExample,
});

export const RecoveryFailed = defineEvent({
  type: "recovery.failed",
  says: "Fresh telemetry shows the fault still there.",
  scope: "incident",
  saidBy: ["scout"],
  schema: verdictSchema,
  example: {
    ...verdictExample,
    measurements: [{ at: "2026-11-24T03:00:17.000Z", verdict: "failed", requests: 40, failures: 9 }],
    says: "9 of 40 requests to payments POST /charges failed after the action.",
  },
});

export const RecoveryInconclusive = defineEvent({
  type: "recovery.inconclusive",
  says: "There was too little traffic to judge.",
  scope: "incident",
  saidBy: ["scout"],
  schema: verdictSchema,
  example: {
    ...verdictExample,
    measurements: [{ at: "2026-11-24T03:00:17.000Z", verdict: "inconclusive", requests: 0, failures: 0 }],
    says: "No request to payments POST /charges was seen after the action.",
  },
});
