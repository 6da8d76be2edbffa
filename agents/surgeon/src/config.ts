import { agentConfigSchema } from "@omega/shared/agent-config.ts";
import { z } from "zod";
import { labelNameSchema } from "./kubernetes/objects.ts";
import { sshConfigSchema } from "./ssh/ssh-config.ts";
import { webhookConfigSchema } from "./webhook/webhook-config.ts";

const milliseconds = z.coerce.number().int().min(100).max(3_600_000);

export const surgeonConfigSchema = agentConfigSchema.extend({
  kubernetes: z
    .strictObject({
      /** Path of a kubeconfig; empty: the service account of the pod that Surgeon runs in. */
      kubeconfig: z.string().default(""),
      /** A context of the kubeconfig; absent: its current one. */
      context: z.string().min(1).optional(),
    })
    .prefault({}),
  namespaces: z
    .strictObject({
      /** Only these may be changed; with none, Surgeon proposes nothing. */
      allow: z.array(labelNameSchema).default([]),
      /** Never changed, even if allowed. */
      protect: z.array(labelNameSchema).default(["kube-system", "kube-public", "kube-node-lease"]),
    })
    .prefault({}),
  ssh: sshConfigSchema.prefault({}),
  webhooks: webhookConfigSchema.prefault({}),
  deadlines: z
    .strictObject({
      /** One call to a target's API. */
      callMs: milliseconds.default(10_000),
      /** Reading the world, planning and dry-running all options of one request. */
      proposeMs: milliseconds.default(30_000),
      /** Execution or undo of one action, the watched rollout included. */
      actionMs: milliseconds.default(120_000),
    })
    .prefault({}),
});
export type SurgeonConfig = z.infer<typeof surgeonConfigSchema>;
