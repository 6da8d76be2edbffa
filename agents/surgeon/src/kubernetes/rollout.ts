import type { ActionContext } from "@omega/shared/action.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../ports.ts";
import { objectTitle, type KubernetesObject, type ObjectRef } from "./objects.ts";

/** Short rollouts are seen at once, long ones are not a load. */
const pollFirstMs = 10;
const pollMaxMs = 500;
/** A progress line in the log at most this often. */
const progressEveryMs = 2000;

const rolloutSchema = z.object({
  metadata: z.object({ uid: z.string(), generation: z.number().default(0) }),
  spec: z.object({ replicas: z.number().default(1) }),
  status: z
    .object({
      observedGeneration: z.number().default(0),
      replicas: z.number().default(0),
      updatedReplicas: z.number().default(0),
      availableReplicas: z.number().default(0),
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), reason: z.string().default("") }))
        .default([]),
    })
    .prefault({}),
});

/** What a deployment's status says of its rollout, by the rules of `kubectl rollout status`. */
export function rolloutProgress(object: KubernetesObject): { complete: boolean; stuck: boolean; says: string } {
  const parsed = rolloutSchema.safeParse(object);
  if (!parsed.success) return { complete: false, stuck: false, says: "its status can't be read" };
  const { metadata, spec, status } = parsed.data;
  const observed = status.observedGeneration >= metadata.generation;
  const says = `${status.updatedReplicas} of ${spec.replicas} pods are new, ${status.availableReplicas} available, ${status.replicas - status.updatedReplicas} old`;
  const stuck =
    observed &&
    status.conditions.some(
      (condition) => condition.type === "Progressing" && condition.reason === "ProgressDeadlineExceeded",
    );
  const complete =
    observed &&
    status.updatedReplicas >= spec.replicas &&
    status.replicas <= status.updatedReplicas &&
    status.availableReplicas >= status.updatedReplicas;
  return { complete, stuck, says: observed ? says : "the controller has not seen the change yet" };
}

/**
 * Watches a deployment until its pods are as its spec says. The change itself is made already, so every failure is `unknown`:
 * `rollout_incomplete` (the deadline came), `rollout_stuck` (the controller gave up); `conflict/object_gone` when it was deleted.
 */
export async function awaitRollout(
  context: ActionContext<Clients>,
  ref: ObjectRef,
  uid: string,
): Promise<Outcome<void>> {
  const { clients, clock, log, signal } = context;
  let says = "nothing was seen yet";
  let loggedAt = 0;
  let pollMs = pollFirstMs;
  while (!signal.aborted) {
    const found = await clients.kubernetes.get(ref);
    if (found.ok) {
      if (found.value.metadata.uid !== uid)
        return fail("conflict", "object_replaced", `${objectTitle(ref)} was made anew.`);
      const progress = rolloutProgress(found.value);
      if (progress.complete) return ok();
      if (progress.stuck) {
        return fail(
          "unknown",
          "rollout_stuck",
          `${objectTitle(ref)}: the rollout exceeded its progress deadline: ${progress.says}.`,
        );
      }
      says = progress.says;
    } else if (found.failure.code === "not_found") {
      return fail("conflict", "object_gone", `${objectTitle(ref)} was deleted during the rollout.`);
    } else if (found.failure.kind === "terminal") {
      return fail("unknown", "rollout_unseen", `${objectTitle(ref)}: ${found.failure.message}`);
    } else says = found.failure.message;
    if (clock.now() - loggedAt >= progressEveryMs) {
      loggedAt = clock.now();
      log.info({ object: objectTitle(ref), progress: says }, "rolling out");
    }
    await clock.sleep(pollMs, signal);
    pollMs = Math.min(pollMaxMs, pollMs * 1.5);
  }
  return fail("unknown", "rollout_incomplete", `${objectTitle(ref)}: the rollout did not end in time: ${says}.`);
}
