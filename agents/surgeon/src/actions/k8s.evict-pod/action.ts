import type { Action, ActionContext } from "@omega/shared/action.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import {
  labelNameSchema,
  objectNameSchema,
  objectRefSchema,
  objectTitle,
  targetOf,
  type ObjectRef,
} from "../../kubernetes/objects.ts";
import type { Clients } from "../../ports.ts";

const pollMs = 250;

const paramsSchema = z.strictObject({ namespace: labelNameSchema, name: objectNameSchema });
type Params = z.infer<typeof paramsSchema>;

const planSchema = z.strictObject({
  pod: objectRefSchema,
  uid: z.string().min(1),
  /** Where it ran, for people; a new one may come up elsewhere. */
  node: z.string(),
  /** Pods of the same controller that are not on their way out, this one among them. */
  siblings: z.number().int().min(1),
  /** The controller, as people name it. */
  owner: z.string(),
  warnings: z.array(z.string()),
});
type Plan = z.infer<typeof planSchema>;

const ownerSchema = z.looseObject({ kind: z.string().default("controller"), name: z.string().default("") });
const podSchema = z.object({ spec: z.object({ nodeName: z.string().default("") }) });
const refOf = ({ namespace, name }: Params): ObjectRef => ({ kind: "Pod", namespace, name });

/**
 * Evicts one pod through the Eviction API, so that PodDisruptionBudgets have their say; its controller makes a new one. The uid in the
 * eviction sees to it that it is this pod and no later one of the same name.
 */
export const action: Action<Params, Plan, Clients> = {
  type: "k8s.evict-pod",
  paramsSchema,
  planSchema,
  traits: {
    reversible: "none",
    risk: "low",
    permissions: [
      { apiGroup: "", resource: "pods", verbs: ["get", "list"] },
      { apiGroup: "", resource: "pods/eviction", verbs: ["create"] },
    ],
    refuses: {
      pod_unowned: "no controller would replace the pod",
      too_many_requests: "a PodDisruptionBudget says no (429)",
    },
    target: (params) => targetOf(refOf(params)),
    blastRadius: ({ pod, siblings, owner }) => ({
      objects: [objectTitle(pod)],
      instances: 1,
      ofInstances: siblings,
      workload: owner,
      says: "1 pod ends within its grace period; its controller starts another.",
    }),
  },

  async plan(context, params) {
    const ref = refOf(params);
    const found = await context.clients.kubernetes.get(ref);
    if (!found.ok) return found;
    const { metadata } = found.value;
    const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
    if (owner === undefined) {
      return fail("terminal", "pod_unowned", `${objectTitle(ref)} has no controller: nothing would replace it.`);
    }
    const pods = await context.clients.kubernetes.list({ kind: "Pod", namespace: params.namespace });
    if (!pods.ok) return pods;
    const siblings = pods.value.filter(
      (one) =>
        one.metadata["deletionTimestamp"] === undefined &&
        one.metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === owner.uid),
    ).length;
    const pod = podSchema.safeParse(found.value);
    return ok({
      pod: ref,
      uid: metadata.uid,
      node: pod.success ? pod.data.spec.nodeName : "",
      siblings: Math.max(1, siblings),
      owner: ownerTitle(params.namespace, owner),
      warnings: [],
    });
  },

  async dryRun(context, plan) {
    const standing = await isStanding(context, plan);
    if (!standing.ok) return standing;
    if (!standing.value) return fail("conflict", "object_gone", `${objectTitle(plan.pod)} is gone already.`);
    const tried = await evict(context, plan, true);
    if (!tried.ok) return tried;
    return ok([{ object: objectTitle(plan.pod), path: "/metadata/uid", before: plan.uid }]);
  },

  async execute(context, plan) {
    const standing = await isStanding(context, plan);
    if (!standing.ok) return standing;
    if (!standing.value) return ok();
    if (context.signal.aborted) {
      return fail("retryable", "stopped", "It was stopped before the eviction; nothing changed.");
    }
    const evicted = await evict(context, plan, false);
    // Another pod has the name by now, or none: ours is gone, which is all that was wanted.
    const superseded = !evicted.ok && (evicted.failure.kind === "conflict" || evicted.failure.code === "not_found");
    if (!evicted.ok && !superseded && evicted.failure.kind !== "unknown") return evicted;
    return await untilGone(context, plan, evicted.ok || superseded ? undefined : evicted);
  },

  undo: (_context, plan) =>
    Promise.resolve(
      fail("terminal", "irreversible", `${objectTitle(plan.pod)} is gone; its controller has made another.`),
    ),
};

function ownerTitle(namespace: string, owner: Readonly<Record<string, unknown>>): string {
  const { kind, name } = ownerSchema.parse(owner);
  return `${kind} ${namespace}/${name}`;
}

/** Whether the very pod of the plan is there and not on its way out already. */
async function isStanding(context: ActionContext<Clients>, { pod, uid }: Plan): Promise<Outcome<boolean>> {
  const found = await context.clients.kubernetes.get(pod);
  if (!found.ok) return found.failure.code === "not_found" ? ok(false) : found;
  return ok(found.value.metadata.uid === uid && found.value.metadata["deletionTimestamp"] === undefined);
}

function evict({ clients, fieldManager }: ActionContext<Clients>, plan: Plan, dryRun: boolean): Promise<Outcome<void>> {
  return clients.kubernetes.evict(plan.pod, plan.uid, { fieldManager, dryRun });
}

/** An eviction without an answer is looked at: a pod that is on its way out was evicted; one that stays in peace was not. */
async function untilGone(
  context: ActionContext<Clients>,
  plan: Plan,
  doubt: Outcome<void> | undefined,
): Promise<Outcome<void>> {
  while (!context.signal.aborted) {
    const standing = await isStanding(context, plan);
    if (standing.ok) {
      if (!standing.value) return ok();
      return doubt ?? fail("unknown", "still_there", `${objectTitle(plan.pod)} was evicted but stays.`);
    }
    await context.clock.sleep(pollMs, context.signal);
  }
  return doubt ?? fail("unknown", "unseen", `Nobody saw ${objectTitle(plan.pod)} end.`);
}
