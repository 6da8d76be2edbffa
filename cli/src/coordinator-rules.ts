import { join } from "node:path";
import { readConfig } from "@omega/shared/config-file.ts";
import { autonomyRulesSchema } from "@omega/shared/policy/autonomy.ts";
import { namespaceRulesSchema } from "@omega/shared/policy/invariants.ts";
import { z } from "zod";
import { CommandFailure, exitCode } from "./exit-code.ts";
import { installation } from "./home.ts";

/** What people's commands need of the Coordinator's config; the rest of the file is the Coordinator's matter. */
const partSchema = z.object({
  policies: z.string().min(1).optional(),
  rules: z
    .object({
      namespaces: namespaceRulesSchema.prefault({}),
      autonomy: autonomyRulesSchema.prefault({}),
      environment: z.string().default("production"),
      confidenceMin: z.number().min(0).max(1).default(0.6),
    })
    .prefault({}),
});
export type CoordinatorPart = z.infer<typeof partSchema>;

export const standardConfig = join(installation, "infra", "config", "coordinator.yaml");
export const standardPolicies = join(installation, "infra", "config", "policies");

export function coordinatorPart(path: string): CoordinatorPart {
  const config = readConfig(path, partSchema, process.env);
  if (!config.ok) throw new CommandFailure(exitCode.config, config.failure.message);
  return config.value;
}
