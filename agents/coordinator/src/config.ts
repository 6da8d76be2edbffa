import { fileURLToPath } from "node:url";
import { agentConfigSchema } from "@omega/shared/agent-config.ts";
import { autonomyRulesSchema } from "@omega/shared/policy/autonomy.ts";
import { namespaceRulesSchema } from "@omega/shared/policy/invariants.ts";
import { z } from "zod";

const duration = (fallback: number) => z.number().int().min(0).max(86_400_000).default(fallback);

/** What the decider goes by. Every wait ends in a deadline event; every limit escalates to a person. */
export const rulesSchema = z.strictObject({
  settleMs: duration(4000).describe(
    "Signals of a storm are gathered for so long before anything is done, unless memory knows the case.",
  ),
  stormMs: duration(120_000).describe(
    "A later signal joins an open incident of another service within this time of its opening.",
  ),
  leadTimeMaxMs: duration(900_000).describe("How early a signal may be and still open an incident."),
  waits: z
    .strictObject({
      recallMs: duration(5000),
      diagnosisMs: duration(30_000),
      reviewMs: duration(15_000).describe(
        "A model's review of the diagnosis, at most; it may have said itself that it needs less.",
      ),
      proposalMs: duration(30_000),
      approvalMs: duration(900_000),
      actionMs: duration(180_000),
      verificationMs: duration(120_000),
      undoMs: duration(180_000),
      recordMs: duration(30_000),
    })
    .prefault({}),
  confidenceMin: z.number().min(0).max(1).default(0.6).describe("Below this confidence a person is asked."),
  similarityMin: z
    .number()
    .min(0)
    .max(1)
    .default(0.9)
    .describe("A recalled incident at least so similar, with a verified fix, needs no settling."),
  attemptsMax: z
    .number()
    .int()
    .min(1)
    .max(10)
    .default(3)
    .describe("Repairs tried on one incident before a person takes over."),
  budgets: z
    .strictObject({
      actionsPerMinute: z.number().int().min(1).max(1000).default(6),
      targetsPerHour: z.number().int().min(1).max(1000).default(12),
      repeatsMax: z
        .number()
        .int()
        .min(1)
        .max(1000)
        .default(4)
        .describe("The same action on the same target more often than this within the window is flapping."),
      repeatsWindowMs: duration(3_600_000),
      workloadShareMax: z
        .number()
        .min(0)
        .max(1)
        .default(0.5)
        .describe(
          "Part of a workload's instances that may be taken away within the window, where the action says of how many; 0 to 1.",
        ),
      workloadShareWindowMs: duration(600_000),
      incidentsMax: z
        .number()
        .int()
        .min(1)
        .max(1000)
        .default(5)
        .describe("Incidents that may have an action in hand at once."),
      whenExhausted: z
        .enum(["ask", "escalate"])
        .default("ask")
        .describe("`ask` a person to approve the action, or `escalate` the incident to a person."),
    })
    .prefault({})
    .describe("What can be spent before a person is asked. No policy lifts them."),
  autonomy: autonomyRulesSchema.prefault({}).describe("How autonomy is earned and lost."),
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
      strict: z
        .boolean()
        .default(false)
        .describe(
          "An authorised plan is ordered only once it is inside a checkpoint of the audit log that Scribe has announced.",
        ),
    })
    .prefault({}),
  namespaces: namespaceRulesSchema.prefault({}),
  environment: z
    .string()
    .min(1)
    .max(64)
    .default("production")
    .describe("What policies know this place by, such as `production`."),
});
export type Rules = z.infer<typeof rulesSchema>;

const standardPolicies = fileURLToPath(new URL("../../../infra/config/policies", import.meta.url));

export const configSchema = agentConfigSchema.extend({
  policies: z
    .string()
    .min(1)
    .default(standardPolicies)
    .describe("Folder of `*.cedar` and `*.cedarschema`; read again when it changes."),
  policiesPollMs: z.number().int().min(50).max(600_000).default(1000),
  rules: rulesSchema.prefault({}),
});
