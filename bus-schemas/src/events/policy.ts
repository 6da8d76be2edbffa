import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import { autonomyLevelSchema, policyMistakeSchema, policyTextSchema, sha256Schema } from "../vocabulary.ts";

const exampleText = [
  '@id("only-low-risk-alone")',
  '@reason("risk is {context.risk}")',
  "forbid (principal is Agent, action, resource)",
  'unless { context.risk == Risk::"low" };',
].join("\n");

export const PolicyLoaded = defineEvent({
  type: "policy.loaded",
  says: "From here on the Coordinator decides by exactly these policies; replay takes them from here.",
  scope: "policy",
  saidBy: ["coordinator"],
  schema: z.strictObject({
    /** SHA-256 of the canonical JSON of `policies`. */
    hash: sha256Schema,
    policies: z.array(policyTextSchema).max(512),
  }),
  example: {
    hash: "5f1d7a84db00d2fce00b31a7fc73224fc9c5d1a0d0e2b0e1ab3c1f6a3e5f7c9d",
    policies: [{ id: "only-low-risk-alone", file: "ask.cedar", line: 4, text: exampleText }],
  },
});

export const PolicyRefused = defineEvent({
  type: "policy.refused",
  says: "A changed policy set has mistakes and was not taken; the one in force stays.",
  scope: "policy",
  saidBy: ["coordinator"],
  schema: z.strictObject({
    mistakes: z.array(policyMistakeSchema).min(1).max(32),
    /** Hash of the set that stays in force; absent when there is none, and then nothing is permitted. */
    keeps: sha256Schema.optional(),
  }),
  example: {
    mistakes: [
      {
        file: "ask.cedar",
        line: 7,
        column: 10,
        message: "attribute `riks` in context not found (did you mean `risk`?)",
      },
    ],
    keeps: "5f1d7a84db00d2fce00b31a7fc73224fc9c5d1a0d0e2b0e1ab3c1f6a3e5f7c9d",
  },
});

export const RulesLoaded = defineEvent({
  type: "rules.loaded",
  says: "From here on the Coordinator decides by exactly these rules of its config file; replay takes them from here.",
  scope: "policy",
  saidBy: ["coordinator"],
  schema: z.strictObject({
    /** SHA-256 of the canonical JSON of `rules`. */
    hash: sha256Schema,
    /** The part `rules` of the config file, defaults included. Its shape is the Coordinator's own matter. */
    rules: z.record(z.string().max(64), z.json()),
  }),
  example: {
    hash: "0b1f6a52d4c4e4f2b9b5f0c6a3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4",
    rules: { settleMs: 4000, confidenceMin: 0.6, namespaces: { allow: ["shop"], protect: ["kube-system"] } },
  },
});

export const AutonomySet = defineEvent({
  type: "autonomy.set",
  says: "A person sets how far Omega may go on its own with one action type on one service; from there it is earned and lost as ever.",
  scope: "policy",
  saidBy: ["operator"],
  personNeeds: "admin",
  schema: z.strictObject({
    actionType: z.string().regex(/^[a-z0-9]+\.[a-z0-9-]+$/),
    service: z.string().min(1).max(256),
    level: autonomyLevelSchema,
    by: z.string().min(1).max(256),
    reason: z.string().min(1).max(1024),
  }),
  example: {
    actionType: "k8s.rollout-undo",
    service: "payments",
    level: "approve",
    by: "ada@example.com",
    reason: "The probe that made it fail is mended.",
  },
});
