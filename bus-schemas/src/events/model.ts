import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import { evidenceSchema, failureSchema, locationSchema, modelUsageSchema, sha256Schema } from "../vocabulary.ts";

export const ModelConsulted = defineEvent({
  type: "model.consulted",
  says: "A process asked a model, or wanted to: the exact question and answer, so that nothing has to be asked again, and what it cost.",
  scope: "incident",
  saidBy: ["scout", "surgeon", "scribe"],
  schema: z.strictObject({
    task: z.enum(["review", "propose", "write"]),
    model: z.string().min(1).max(256),
    prompt: z.strictObject({ id: z.string().max(64), version: z.number().int().min(1), sha256: sha256Schema }),
    /** The facts as they were put to the model, JSON; user-controlled text is in it as references only. */
    asked: z.string().max(131_072),
    /** The model's last answer, as it came; whatever it says is a proposal. */
    answered: z.string().max(65_536).optional(),
    /** Why there is no usable answer: the process went on without one. */
    failure: failureSchema.optional(),
    usage: modelUsageSchema,
    /** Requests made; 0 where the budget or the circuit breaker let none through. */
    attempts: z.number().int().min(0),
    tookMs: z.number().min(0),
  }),
  example: {
    task: "review",
    model: "gpt-example",
    prompt: { id: "review", version: 1, sha256: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" },
    asked: '{"candidates":[{"id":"c1","kind":"code","confidence":0.97,"evidence":["e1"]}]}',
    answered: '{"ranking":[{"candidate":"c1","confidence":0.9}],"claims":[],"failing":null,"look":null}',
    usage: { inputTokens: 812, outputTokens: 64, estimated: false, costUsd: 0.0003 },
    attempts: 1,
    tookMs: 840,
  },
});

export const DiagnosisReviewed = defineEvent({
  type: "diagnosis.reviewed",
  says: "Scout's second opinion by a model on its own diagnosis: another order, lower confidence, claims with their evidence; never more authority.",
  scope: "incident",
  saidBy: ["scout"],
  schema: z.strictObject({
    /** `unavailable`: no usable answer came within deadline and budget; the diagnosis stands as it is. */
    outcome: z.enum(["reviewed", "unavailable"]),
    model: z.string().min(1).max(256),
    /** Candidates of the diagnosis by their rank there, most likely first; no confidence is above the one it had. */
    order: z.array(z.strictObject({ rank: z.number().int().min(1), confidence: z.number().min(0).max(1) })).max(16),
    /** The failing call and line that the model named, as the diagnosis has them; absent where it named none that exists. */
    failing: z
      .strictObject({
        rank: z.number().int().min(1),
        operation: z.string().optional(),
        location: locationSchema.optional(),
      })
      .optional(),
    claims: z
      .array(
        z.strictObject({
          says: z.string().min(1).max(600),
          evidence: z
            .array(evidenceSchema.pick({ kind: true, ref: true }))
            .min(1)
            .max(8),
        }),
      )
      .max(16),
    /** Claims that cited no evidence, or some that does not exist: they were not believed. */
    claimsDropped: z.number().int().min(0),
    /** The one more look that the model asked for and was given. */
    looked: z.string().max(512).optional(),
    usage: modelUsageSchema,
    says: z.string().max(1024),
    tookMs: z.number().min(0),
  }),
  example: {
    outcome: "reviewed",
    model: "gpt-example",
    order: [{ rank: 1, confidence: 0.9 }],
    failing: {
      rank: 1,
      operation: "POST /charges",
      location: { function: "loyaltyDiscount", file: "payments/loyalty.ts", lineStart: 21 },
    },
    claims: [
      {
        says: "Every failing trace ends in this call.",
        evidence: [{ kind: "span", ref: "trace:0af7651916cd43dd8448eb211c80319c/span:b7ad6b7169203331" }],
      },
    ],
    claimsDropped: 1,
    usage: { inputTokens: 812, outputTokens: 64, estimated: false, costUsd: 0.0003 },
    says: "gpt-example agrees with the first candidate at confidence 0.90; 1 claim without evidence was dropped.",
    tookMs: 840,
  },
});
