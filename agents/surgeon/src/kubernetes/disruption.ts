import { z } from "zod";
import type { KubernetesObject } from "./objects.ts";

const share = z.union([z.number().int(), z.string().regex(/^\d+%$/)]);

const deploymentSchema = z.object({
  spec: z.object({
    replicas: z.number().default(1),
    strategy: z
      .object({
        type: z.string().default("RollingUpdate"),
        rollingUpdate: z.object({ maxSurge: share.default("25%"), maxUnavailable: share.default("25%") }).prefault({}),
      })
      .prefault({}),
  }),
});

/**
 * How many pods of a deployment are out of service at once, at most, while its own rolling update replaces them: `maxUnavailable`, whose
 * percentage counts downwards, and 1 where that and `maxSurge` come to nothing; all of them with the `Recreate` strategy (Kubernetes,
 * "Deployments", Strategy). A deployment that can't be read counts as taken away whole.
 */
export function unavailableWhileRolling(object: KubernetesObject): {
  readonly unavailable: number;
  readonly of: number;
} {
  const read = deploymentSchema.safeParse(object);
  if (!read.success) return { unavailable: 1, of: 1 };
  const { replicas, strategy } = read.data.spec;
  if (strategy.type !== "RollingUpdate") return { unavailable: replicas, of: replicas };
  const { maxSurge, maxUnavailable } = strategy.rollingUpdate;
  const unavailable = resolved(maxUnavailable, replicas, Math.floor);
  const stuck = unavailable === 0 && resolved(maxSurge, replicas, Math.ceil) === 0;
  return { unavailable: Math.min(replicas, stuck ? 1 : unavailable), of: replicas };
}

function resolved(part: number | string, replicas: number, round: (value: number) => number): number {
  return typeof part === "number" ? part : round((Number(part.slice(0, -1)) / 100) * replicas);
}
