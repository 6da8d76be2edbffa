import type { Target } from "@omega/bus-schemas/vocabulary.ts";
import { z } from "zod";

// What no policy can lift. Freeze, fencing token, plan hash and budgets are the others; they are checked where they are known.

export const namespaceRulesSchema = z.strictObject({
  allow: z
    .array(z.string())
    .default([])
    .describe("Where Omega may act at all. An empty list permits nothing, on no system."),
  protect: z
    .array(z.string())
    .default(["kube-system", "kube-public", "kube-node-lease"])
    .describe("Where it never acts, whatever else is said."),
});
export type NamespaceRules = z.infer<typeof namespaceRulesSchema>;

/** Why this target must not be touched, whatever the policies say and whoever approves; empty when nothing forbids it. */
export function prohibitions({ namespace }: Pick<Target, "namespace">, { allow, protect }: NamespaceRules): string[] {
  if (namespace !== undefined && protect.includes(namespace)) return [`namespace ${namespace} is protected`];
  if (allow.length === 0) return ["the allow-list of namespaces is empty, which permits nothing"];
  return [];
}
