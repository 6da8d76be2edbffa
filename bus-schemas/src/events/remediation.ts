import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import {
  actorSchema,
  candidateSchema,
  memoryMatchSchema,
  optionSchema,
  sha256Schema,
  timeSchema,
} from "../vocabulary.ts";
import { exampleOption } from "./example-option.ts";

export const RemediationRequested = defineEvent({
  type: "remediation.requested",
  says: "The Coordinator asks Surgeon for ordered, dry-run options against the diagnosed cause.",
  scope: "incident",
  saidBy: ["coordinator"],
  schema: z.strictObject({
    cause: candidateSchema,
    recalled: z.array(memoryMatchSchema).max(8),
    /** `<actionType> <target name>` of what this incident tried already. */
    tried: z.array(z.string()).max(16),
  }),
  example: {
    cause: {
      rank: 1,
      service: "payments",
      kind: "code",
      confidence: 0.97,
      version: "1.5.0",
      healthyVersion: "1.4.0",
      evidence: [],
    },
    recalled: [],
    tried: [],
  },
});

export const RemediationProposed = defineEvent({
  type: "remediation.proposed",
  says: "Surgeon's options, best first, each planned and dry-run; and what it considered and refused.",
  scope: "incident",
  saidBy: ["surgeon"],
  schema: z.strictObject({
    options: z.array(optionSchema).max(8),
    refused: z.array(z.strictObject({ actionType: z.string(), reason: z.string().max(1024) })).max(32),
    tookMs: z.number().min(0),
  }),
  example: {
    options: [exampleOption],
    refused: [{ actionType: "k8s.scale", reason: "The fault is in the code; more replicas fail alike." }],
    tookMs: 80,
  },
});

const decisionShape = { optionId: z.string().min(1), planHash: sha256Schema };
/** The policy set that was asked (see policy.loaded), and the ids of its policies that decided. */
const policyShape = {
  policy: z.strictObject({ hash: sha256Schema, decided: z.array(z.string().max(64)).max(16) }).optional(),
};
const decisionExample = { optionId: exampleOption.optionId, planHash: exampleOption.planHash };

export const RemediationAuthorized = defineEvent({
  type: "remediation.authorized",
  says: "Policy, or a person's approval, lets this exact plan run.",
  scope: "incident",
  saidBy: ["coordinator"],
  schema: z.strictObject({
    ...decisionShape,
    ...policyShape,
    by: actorSchema,
    reasons: z.array(z.string().max(1024)).max(16),
  }),
  example: {
    ...decisionExample,
    by: { kind: "policy", name: "default" },
    reasons: ["low risk, exactly reversible, namespace shop is allow-listed"],
  },
});

export const RemediationDenied = defineEvent({
  type: "remediation.denied",
  says: "Policy, or a person, forbids this plan.",
  scope: "incident",
  saidBy: ["coordinator"],
  schema: z.strictObject({
    ...decisionShape,
    ...policyShape,
    by: actorSchema,
    reasons: z.array(z.string().max(1024)).max(16),
  }),
  example: {
    ...decisionExample,
    by: { kind: "policy", name: "default" },
    reasons: ["namespace kube-system is protected"],
  },
});

export const ApprovalRequested = defineEvent({
  type: "approval.requested",
  says: "A person must decide on this exact plan before it may run.",
  scope: "incident",
  saidBy: ["coordinator"],
  schema: z.strictObject({
    ...decisionShape,
    ...policyShape,
    expiresAt: timeSchema,
    reasons: z.array(z.string().max(1024)).max(16),
  }),
  example: { ...decisionExample, expiresAt: "2026-11-24T03:15:00.000Z", reasons: ["medium risk asks for a person"] },
});

const personShape = { ...decisionShape, by: z.string().min(1).max(256), comment: z.string().max(1024).optional() };

export const ApprovalGranted = defineEvent({
  type: "approval.granted",
  says: "A person approved the plan with this hash, and no other.",
  scope: "incident",
  saidBy: ["operator"],
  schema: z.strictObject(personShape),
  example: { ...decisionExample, by: "ada@example.com" },
});

export const ApprovalDenied = defineEvent({
  type: "approval.denied",
  says: "A person said no to the plan with this hash.",
  scope: "incident",
  saidBy: ["operator"],
  schema: z.strictObject(personShape),
  example: { ...decisionExample, by: "ada@example.com", comment: "We are in the middle of a migration." },
});

export const ApprovalRefused = defineEvent({
  type: "approval.refused",
  says: "A person's approval did not count; what it was about stays as it was.",
  scope: "incident",
  saidBy: ["coordinator"],
  schema: z.strictObject({
    ...decisionShape,
    by: z.string().min(1).max(256),
    /**
     * `not_asked`: no question stands (answered, withdrawn or never asked); `plan_changed`: the question is about another plan;
     * `expired`; `used`: it was answered already; `proposer`: who proposed can't approve; `policy`: policy lets this person not approve it.
     */
    reason: z.enum(["not_asked", "plan_changed", "expired", "used", "proposer", "policy"]),
    says: z.string().max(1024),
  }),
  example: {
    ...decisionExample,
    by: "ada@example.com",
    reason: "plan_changed",
    says: "The question is about plan 60303ae22b99; this approval is of plan 9f86d081884c.",
  },
});
