import type { ActionContext } from "@omega/shared/action.ts";
import { ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../ports.ts";
import { deploymentFrom, hashLabel, revisionsOf } from "./deployment.ts";
import { sameJson } from "./json-pointer.ts";
import type { KubernetesObject, ObjectRef } from "./objects.ts";
import { rolloutProgress } from "./rollout.ts";

export interface FirstPod {
  readonly name: string;
  readonly uid: string;
  readonly ready: boolean;
}

export interface FirstPodSeen {
  /** The eldest pod of the template in force that is not on its way out, a ready one before others. */
  readonly pod: FirstPod | undefined;
  /** Why it will never be ready, in words. */
  readonly failed: string | undefined;
  readonly replicas: number;
  /** How long its controller waits before it brings the next one. */
  readonly holdMs: number;
}

/** What a container waits for that does not come by waiting (kubelet's reasons). */
const hopeless: ReadonlySet<string> = new Set([
  "CrashLoopBackOff",
  "ImagePullBackOff",
  "ErrImageNeverPull",
  "InvalidImageName",
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
]);

const podSchema = z.object({
  metadata: z.object({
    name: z.string(),
    uid: z.string(),
    creationTimestamp: z.string().default(""),
    deletionTimestamp: z.string().optional(),
  }),
  status: z
    .object({
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
      containerStatuses: z
        .array(
          z.object({
            name: z.string(),
            state: z
              .object({
                waiting: z.object({ reason: z.string().default(""), message: z.string().default("") }).optional(),
              })
              .default({}),
          }),
        )
        .default([]),
    })
    .prefault({}),
});
type Pod = z.infer<typeof podSchema>;

const holdSchema = z.object({ spec: z.object({ minReadySeconds: z.number().default(0) }) });
const observedSchema = z.object({
  metadata: z.object({ generation: z.number().default(0) }),
  status: z.object({ observedGeneration: z.number().default(0) }).prefault({}),
});

/**
 * The first pod of the template that a deployment has now. It is found by the label that the controller gives the pods of one template,
 * once the controller has seen that template; an older template's pods are never taken for it.
 */
export async function findFirstPod(
  { clients }: ActionContext<Clients>,
  ref: ObjectRef,
  object: KubernetesObject,
): Promise<Outcome<FirstPodSeen>> {
  const read = deploymentFrom(ref, object);
  if (!read.ok) return read;
  const { selector, template, replicas } = read.value;
  const { namespace } = ref;
  const scope = namespace === undefined ? {} : { namespace };
  const sets = await clients.kubernetes.list({ kind: "ReplicaSet", ...scope, labels: selector });
  if (!sets.ok) return sets;
  const pods = await clients.kubernetes.list({ kind: "Pod", ...scope, labels: selector });
  if (!pods.ok) return pods;
  const { stuck, says } = rolloutProgress(object);
  const holdMs = holdSchema.parse(object).spec.minReadySeconds * 1000;
  const none = { pod: undefined, failed: stuck ? `the rollout stopped at it: ${says}` : undefined, replicas, holdMs };
  const observed = observedSchema.parse(object);
  const [newest] = revisionsOf(read.value, sets.value);
  const isSeen =
    observed.status.observedGeneration >= observed.metadata.generation &&
    newest !== undefined &&
    sameJson(newest.template["spec"], template["spec"]);
  if (!isSeen) return ok(none);
  const hash = sets.value.find(({ metadata }) => metadata.name === newest.replicaSet)?.metadata.labels?.[hashLabel];
  if (hash === undefined) return ok(none);
  const candidates = pods.value
    .filter(({ metadata }) => metadata.labels?.[hashLabel] === hash)
    .flatMap((one): Pod[] => {
      const read = podSchema.safeParse(one);
      return read.success ? [read.data] : [];
    })
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .toSorted((a, b) => Number(isReady(b)) - Number(isReady(a)) || age(a).localeCompare(age(b)));
  const [first] = candidates;
  if (first === undefined) return ok(none);
  const { name, uid } = first.metadata;
  return ok({ ...none, pod: { name, uid, ready: isReady(first) }, failed: none.failed ?? hopelessness(first) });
}

function isReady({ status }: Pod): boolean {
  return status.conditions.some(({ type, status: value }) => type === "Ready" && value === "True");
}

function age({ metadata }: Pod): string {
  return `${metadata.creationTimestamp} ${metadata.name}`;
}

function hopelessness({ metadata, status }: Pod): string | undefined {
  for (const { name, state } of status.containerStatuses) {
    const { reason = "", message = "" } = state.waiting ?? {};
    if (hopeless.has(reason)) return `container '${name}' of pod ${metadata.name} is in ${reason} ${message}`.trim();
  }
  return undefined;
}
