import { agentConfigSchema } from "@omega/shared/agent-config.ts";
import { z } from "zod";
import { labelNameSchema } from "./kubernetes/objects.ts";
import { sshConfigSchema } from "./ssh/ssh-config.ts";
import { webhookConfigSchema } from "./webhook/webhook-config.ts";

const milliseconds = z.coerce.number().int().min(100).max(3_600_000);

export const surgeonConfigSchema = agentConfigSchema.extend({
  kubernetes: z
    .strictObject({
      kubeconfig: z
        .string()
        .default("")
        .describe("Path of a kubeconfig; empty: the service account of the pod that Surgeon runs in."),
      context: z.string().min(1).optional().describe("A context of the kubeconfig; absent: its current one."),
    })
    .prefault({}),
  namespaces: z
    .strictObject({
      allow: z
        .array(labelNameSchema)
        .default([])
        .describe("Only these may be changed; with none, Surgeon proposes nothing."),
      protect: z
        .array(labelNameSchema)
        .default(["kube-system", "kube-public", "kube-node-lease"])
        .describe("Never changed, even if allowed."),
    })
    .prefault({}),
  ssh: sshConfigSchema.prefault({}),
  webhooks: webhookConfigSchema.prefault({}),
  deadlines: z
    .strictObject({
      callMs: milliseconds.default(10_000).describe("One call to a target's API."),
      proposeMs: milliseconds
        .default(30_000)
        .describe("Reading the world, planning and dry-running all options of one request."),
      actionMs: milliseconds
        .default(120_000)
        .describe("Execution or undo of one action, the watched rollout included."),
    })
    .prefault({}),
});
export type SurgeonConfig = z.infer<typeof surgeonConfigSchema>;
