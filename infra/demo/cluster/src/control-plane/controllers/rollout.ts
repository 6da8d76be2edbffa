// The arithmetic of a rolling update, pure: how many replicas each ReplicaSet of a deployment should have next.
import { createHash } from "node:crypto";
import { safeLetters } from "../clock.ts";
import type { Deployment, PodTemplate, ReplicaSet } from "../objects.ts";
import { sameJson } from "../objects.ts";

/** A count or a percentage of `total`; a percentage of pods to add is rounded up, one of pods to do without down. */
export function resolveCount(value: number | string | undefined, total: number, round: "up" | "down"): number {
  if (typeof value === "number") return value;
  if (value === undefined) return 0;
  const exact = (Number.parseInt(value, 10) * total) / 100;
  return round === "up" ? Math.ceil(exact) : Math.floor(exact);
}

export interface Bounds {
  maxSurge: number;
  maxUnavailable: number;
}

export function boundsOf(deployment: Deployment): Bounds {
  const { replicas, strategy } = deployment.spec;
  if (strategy.type !== "RollingUpdate") return { maxSurge: 0, maxUnavailable: 0 };
  const maxSurge = resolveCount(strategy.rollingUpdate?.maxSurge, replicas, "up");
  const maxUnavailable = resolveCount(strategy.rollingUpdate?.maxUnavailable, replicas, "down");
  // Both zero after rounding would never move.
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : Math.min(maxUnavailable, replicas) };
}

function total(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + set.spec.replicas, 0);
}

/** The next size of the new set: as large as the surge allows. */
export function nextNewReplicas(deployment: Deployment, newSet: ReplicaSet, all: readonly ReplicaSet[]): number {
  const { replicas, strategy } = deployment.spec;
  if (strategy.type !== "RollingUpdate" || newSet.spec.replicas > replicas) return replicas;
  const room = replicas + boundsOf(deployment).maxSurge - total(all);
  return room <= 0 ? newSet.spec.replicas : Math.min(replicas, newSet.spec.replicas + room);
}

/** The old sets' next sizes, oldest first: unhealthy pods go at once, healthy ones as availability allows. Sets that stay are left out. */
export function nextOldReplicas(
  deployment: Deployment,
  newSet: ReplicaSet,
  old: readonly ReplicaSet[],
): Map<ReplicaSet, number> {
  const sizes = new Map(old.map((set) => [set, set.spec.replicas]));
  const minAvailable = deployment.spec.replicas - boundsOf(deployment).maxUnavailable;
  const newUnavailable = newSet.spec.replicas - (newSet.status.availableReplicas ?? 0);
  let removable = total([...old, newSet]) - minAvailable - newUnavailable;
  for (const set of old) {
    const unhealthy = Math.max(0, set.spec.replicas - (set.status.availableReplicas ?? 0));
    const removed = Math.min(unhealthy, Math.max(0, removable));
    sizes.set(set, set.spec.replicas - removed);
    removable -= removed;
  }
  const available = [...old, newSet].reduce((sum, set) => sum + (set.status.availableReplicas ?? 0), 0);
  let spare = available - minAvailable;
  for (const set of old) {
    const size = sizes.get(set) ?? 0;
    const removed = Math.min(size, Math.max(0, spare));
    sizes.set(set, size - removed);
    spare -= removed;
  }
  return new Map([...sizes].filter(([set, size]) => size !== set.spec.replicas));
}

/** Sizes that keep the sets' shares when a deployment is scaled in the middle of a rollout; the largest set takes the remainder. */
export function proportionalSizes(active: readonly ReplicaSet[], allowed: number): Map<ReplicaSet, number> {
  const now = total(active);
  const sizes = new Map(active.map((set) => [set, Math.round((set.spec.replicas * allowed) / Math.max(1, now))]));
  const largest = active.toSorted((a, b) => b.spec.replicas - a.spec.replicas)[0];
  const sum = [...sizes.values()].reduce((a, b) => a + b, 0);
  if (largest !== undefined) sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + allowed - sum));
  return sizes;
}

const hashLabel = "pod-template-hash";

function withoutHash(template: PodTemplate): PodTemplate {
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {};
  const { creationTimestamp: _stamp, ...metadata } = template.metadata ?? {};
  return { ...template, metadata: { ...metadata, labels } };
}

/** Whether two pod templates are the same revision. */
export function sameTemplate(a: PodTemplate, b: PodTemplate): boolean {
  return sameJson(withoutHash(a), withoutHash(b));
}

/** A short name for a template. A collision count makes another one when two templates meet. */
export function templateHash(template: PodTemplate, collisions: number): string {
  const digest = createHash("sha256")
    .update(`${canonical(withoutHash(template))}${collisions}`)
    .digest();
  return Array.from(digest.subarray(0, 10), (byte) => safeLetters[byte % safeLetters.length]).join("");
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}
