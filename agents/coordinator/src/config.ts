import { agentConfigSchema } from "@omega/shared/agent-config.ts";
import { z } from "zod";

const duration = (fallback: number) => z.number().int().min(0).max(86_400_000).default(fallback);

/** What the decider goes by. Every wait ends in a deadline event; every limit escalates to a person. */
export const rulesSchema = z.strictObject({
  /** Signals of a storm are gathered for so long before anything is done, unless memory knows the case. */
  settleMs: duration(4000),
  /** A later signal joins an open incident of another service within this time of its opening. */
  stormMs: duration(120_000),
  /** How early a signal may be and still open an incident. */
  leadTimeMaxMs: duration(900_000),
  waits: z
    .strictObject({
      recallMs: duration(5000),
      diagnosisMs: duration(30_000),
      proposalMs: duration(30_000),
      approvalMs: duration(900_000),
      actionMs: duration(180_000),
      verificationMs: duration(120_000),
      undoMs: duration(180_000),
      recordMs: duration(30_000),
    })
    .prefault({}),
  /** Below this confidence a person is asked. */
  confidenceMin: z.number().min(0).max(1).default(0.6),
  /** A recalled incident at least so similar, with a verified fix, needs no settling. */
  similarityMin: z.number().min(0).max(1).default(0.9),
  /** Repairs tried on one incident before a person takes over. */
  attemptsMax: z.number().int().min(1).max(10).default(3),
  /** The same action on the same target more often than this within the window is flapping: a person is asked. */
  repeatsMax: z.number().int().min(1).default(4),
  repeatsWindowMs: duration(3_600_000),
  verification: z
    .strictObject({
      intervalMs: z.number().int().min(100).default(2000),
      count: z.number().int().min(1).default(3),
      failureLimit: z.number().int().min(0).default(1),
      inconclusiveLimit: z.number().int().min(0).default(20),
    })
    .prefault({}),
  audit: z
    .strictObject({
      /** An authorised plan is ordered only once it is inside a checkpoint of the audit log that Scribe has announced. */
      strict: z.boolean().default(false),
    })
    .prefault({}),
  namespaces: z
    .strictObject({
      /** Where Omega may act at all. An empty list permits nothing. */
      allow: z.array(z.string()).default([]),
      /** Where it never acts, whatever else is said. */
      protect: z.array(z.string()).default(["kube-system", "kube-public", "kube-node-lease"]),
    })
    .prefault({}),
});
export type Rules = z.infer<typeof rulesSchema>;

export const configSchema = agentConfigSchema.extend({ rules: rulesSchema.prefault({}) });
