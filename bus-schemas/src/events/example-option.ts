import type { RepairOption } from "../vocabulary.ts";

/** The option that the examples of remediation, approval and action events speak of. */
export const exampleOption: RepairOption = {
  optionId: "opt-1",
  actionType: "k8s.rollout-undo",
  params: { namespace: "shop", name: "payments", toRevision: 1 },
  target: { system: "kubernetes", namespace: "shop", kind: "Deployment", name: "payments" },
  plan: { namespace: "shop", name: "payments", uid: "5e0c", fromRevision: 2, toRevision: 1 },
  planHash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  changes: [
    {
      object: "Deployment shop/payments",
      path: "/spec/template/spec/containers/0/image",
      before: "shop/payments:1.5.0",
      after: "shop/payments:1.4.0",
    },
  ],
  dryRun: "proven",
  reversible: "exact",
  risk: "low",
  blastRadius: { objects: ["Deployment shop/payments"], instances: 2, says: "2 pods are replaced, one at a time." },
  reasons: ["Version 1.5.0 fails, version 1.4.0 of the same service does not."],
  warnings: [],
};
