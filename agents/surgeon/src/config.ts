import { agentConfigSchema } from "@omega/shared/agent-config.ts";
import { z } from "zod";
import { labelNameSchema } from "./kubernetes/objects.ts";
import { sshConfigSchema } from "./ssh/ssh-config.ts";
import { mistakesInRemedies, remediesSchema } from "./remedies.ts";
import { webhookConfigSchema } from "./webhook/webhook-config.ts";

const milliseconds = z.coerce.number().int().min(100).max(3_600_000);

export const surgeonConfigSchema = agentConfigSchema
  .extend({
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
    remedies: remediesSchema.default({}),
    canary: z
      .strictObject({
        judgedBy: z
          .enum(["telemetry", "readiness"])
          .default("telemetry")
          .describe(
            "Who judges the first new pod of a rollout. telemetry: Scout, by the requests that the pod serves; with too few in time, the change is taken back. readiness: Kubernetes alone, where workloads send no traces.",
          ),
        judgeMs: z.coerce
          .number()
          .int()
          .min(1000)
          .max(50_000)
          .default(30_000)
          .describe("How long telemetry may take; a rollout is held for a minute at most."),
      })
      .prefault({}),
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
  })
  .superRefine(({ remedies, ssh, webhooks }, context) => {
    for (const { path, message } of mistakesInRemedies(remedies, { ssh, webhooks })) {
      context.addIssue({ code: "custom", path, message });
    }
  });
export type SurgeonConfig = z.infer<typeof surgeonConfigSchema>;
