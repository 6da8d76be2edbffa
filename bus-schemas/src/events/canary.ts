import { z } from "zod";
import { defineEvent } from "../define-event.ts";
import { timeSchema } from "../vocabulary.ts";

const podSchema = z.strictObject({ name: z.string().min(1).max(253), uid: z.string().min(1).max(128) });
const verdictSchema = z.enum(["success", "failed", "inconclusive"]);
const heldShape = { actionId: z.string().min(1), pod: podSchema };
const heldExample = {
  actionId: "act-1",
  pod: { name: "payments-6d5f9c7b4-x2v9k", uid: "0b6b2f4e-4a43-4d7d-9a55-2f1f5f6e1d10" },
};

export const CanaryHeld = defineEvent({
  type: "canary.held",
  says: "The first new pod of a rollout is ready and the others wait: how does it do, by its own telemetry?",
  scope: "incident",
  saidBy: ["surgeon"],
  schema: z.strictObject({
    ...heldShape,
    /** What rolls out, and how many pods it is to have. */
    workload: z.string().min(1).max(512),
    of: z.number().int().min(1),
    heldAt: timeSchema,
    /** Without a judgement by then it is inconclusive, which takes the change back. */
    judgeBy: timeSchema,
  }),
  example: {
    ...heldExample,
    workload: "Deployment shop/payments",
    of: 2,
    heldAt: "2026-11-24T03:00:20.000Z",
    judgeBy: "2026-11-24T03:00:50.000Z",
  },
});

export const CanaryJudged = defineEvent({
  type: "canary.judged",
  says: "What the first new pod's own requests say of it, in the terms of Argo Rollouts: success, failed or inconclusive.",
  scope: "incident",
  saidBy: ["scout"],
  schema: z.strictObject({
    ...heldShape,
    verdict: verdictSchema,
    /** Of the pod itself, up to the judgement. */
    requests: z.number().int().min(0),
    failures: z.number().int().min(0),
    says: z.string().max(1024),
  }),
  example: {
    ...heldExample,
    verdict: "success",
    requests: 12,
    failures: 0,
    says: "0 of 12 requests to the first new pod failed (in the incident 28 %).",
  },
});

export const CanaryEnded = defineEvent({
  type: "canary.ended",
  says: "The first new pod was judged: on success the others follow, else the change is taken back before any other pod is replaced.",
  scope: "incident",
  saidBy: ["surgeon"],
  schema: z.strictObject({
    ...heldShape,
    verdict: verdictSchema,
    says: z.string().max(1024),
  }),
  example: {
    ...heldExample,
    verdict: "success",
    says: "0 of 12 requests to the first new pod failed (in the incident 28 %).",
  },
});
