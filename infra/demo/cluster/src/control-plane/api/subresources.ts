// Scale, Binding and Eviction: small kinds of their own that read or change the object they hang from.
import { timestamp } from "../clock.ts";
import {
  conditionOf,
  isJson,
  isReady,
  type Deployment,
  type Json,
  type KubeObject,
  type Pod,
  type PodDisruptionBudget,
} from "../objects.ts";
import { decode, DecodeError } from "../schema/decode.ts";
import { structShape } from "../schema/schema.ts";
import type { Api, Target, WriteOptions } from "./api.ts";
import { deleteObject, inBackground, type DeleteOptions } from "./deletion.ts";
import { ApiFailure, badRequest, conflict, invalid, modifiedWhy } from "./failure.ts";
import { applyPatch, type PatchType } from "./patching.ts";
import { resourceNamed } from "./resources.ts";
import { selectorMatches, selectorText } from "./selectors.ts";

export function scaleOf(object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const { spec, status } = object as Deployment;
  const selector = selectorText(spec.selector);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec.replicas },
    status: { replicas: status.replicas ?? 0, ...(selector === "" ? {} : { selector }) },
  };
}

/** Writes the replicas of a Scale into its parent. `type` is undefined for a PUT. */
export function writeScale(
  api: Api,
  target: Target,
  type: PatchType | undefined,
  body: unknown,
  options: WriteOptions,
): KubeObject {
  const parent = api.get(target.resource, target.namespace, target.name);
  const current = scaleOf(parent);
  const shape = structShape("Scale");
  const given = type === undefined ? body : applyPatch(type === "apply" ? "merge" : type, current, body, shape);
  const scale = decodeBody(given, "Scale", "autoscaling/v1");
  const meta = isJson(scale["metadata"]) ? scale["metadata"] : {};
  const spec = isJson(scale["spec"]) ? scale["spec"] : {};
  const replicas = spec["replicas"] ?? 0;
  if (typeof replicas !== "number" || replicas < 0) {
    const message = `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`;
    throw invalid("autoscaling", "Scale", target.name, [
      { reason: "FieldValueInvalid", message, field: "spec.replicas" },
    ]);
  }
  const version = meta["resourceVersion"];
  if (typeof version === "string" && version !== "" && version !== parent.metadata.resourceVersion) {
    throw conflict(target.resource, target.name, modifiedWhy);
  }
  if (typeof meta["uid"] === "string" && meta["uid"] !== "" && meta["uid"] !== parent.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${meta["uid"]}, UID in object meta: ${parent.metadata.uid}`;
    throw conflict(target.resource, target.name, why);
  }
  const next = { ...structuredClone(parent), spec: { ...structuredClone(parent.spec), replicas } };
  return scaleOf(api.update({ ...target, subresource: "scale" }, next, options).object);
}

function decodeBody(body: unknown, kind: string, apiVersion: string): Json {
  if (!isJson(body) || (body["kind"] !== undefined && body["kind"] !== kind))
    throw badRequest(`the body must be a ${kind} of ${apiVersion}`);
  try {
    return decode(body, structShape(kind)).value;
  } catch (error) {
    throw error instanceof DecodeError ? badRequest(`${kind} cannot be handled: ${error.message}`) : error;
  }
}

const pods = resourceNamed("", "pods");

/** Assigns a pod to a node; a pod stays where it is once assigned. */
export function bindPod(
  api: Api,
  namespace: string | undefined,
  name: string,
  body: unknown,
  options: WriteOptions,
): void {
  const binding = decodeBody(body, "Binding", "v1");
  const node = isJson(binding["target"]) ? binding["target"]["name"] : undefined;
  if (typeof node !== "string" || node === "") {
    throw invalid("", "Binding", name, [
      { reason: "FieldValueRequired", message: "Required value", field: "target.name" },
    ]);
  }
  const pod = api.get(pods, namespace, name) as Pod;
  const refuse = (why: string): ApiFailure => conflict({ group: "", plural: "pods/binding" }, name, why);
  if ((pod.spec.nodeName ?? "") !== "") throw refuse(`pod ${name} is already assigned to node "${pod.spec.nodeName}"`);
  if (pod.metadata.deletionTimestamp !== undefined)
    throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (options.dryRun) return;
  const now = timestamp(api.clock.now());
  const scheduled = { type: "PodScheduled", status: "True", lastProbeTime: null, lastTransitionTime: now };
  const conditions = [...(pod.status.conditions ?? []).filter(({ type }) => type !== "PodScheduled"), scheduled];
  // Binding changes spec.nodeName and the status in one step, which no update endpoint may do.
  api.store.put(pods.storedAs, {
    ...pod,
    spec: { ...pod.spec, nodeName: node },
    status: { ...pod.status, conditions },
  });
}

const budgets = resourceNamed("policy", "poddisruptionbudgets");

/** Deletes a pod if its disruption budget allows that now; 429 if not. */
export function evictPod(
  api: Api,
  namespace: string | undefined,
  name: string,
  body: unknown,
  dryRun: boolean,
  parse: (body: Json) => DeleteOptions,
): void {
  const eviction = decodeBody(body, "Eviction", "policy/v1");
  const meta = isJson(eviction["metadata"]) ? eviction["metadata"] : {};
  if (meta["name"] !== undefined && meta["name"] !== name)
    throw badRequest("name in URL does not match name in Eviction object");
  const asked = isJson(eviction["deleteOptions"]) ? parse(eviction["deleteOptions"]) : inBackground;
  const options = { ...asked, dryRun: dryRun || asked.dryRun };
  const pod = api.get(pods, namespace, name) as Pod;
  const finished = pod.status.phase === "Succeeded" || pod.status.phase === "Failed" || pod.status.phase === "Pending";
  if (!finished && pod.metadata.deletionTimestamp === undefined) spendBudget(api, pod, options);
  deleteObject(api, pods, namespace, name, options);
}

function spendBudget(api: Api, pod: Pod, options: DeleteOptions): void {
  const all = api.store.list(budgets.storedAs, pod.metadata.namespace) as PodDisruptionBudget[];
  const matching = all.filter((budget) => selectorMatches(budget.spec.selector, pod.metadata.labels ?? {}));
  const [budget] = matching;
  if (budget === undefined) return;
  if (matching.length > 1) {
    throw new ApiFailure(
      500,
      "InternalError",
      "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
    );
  }
  const { status } = budget;
  const name = budget.metadata.name;
  // A pod that is not ready protects nobody: it may go while the budget's healthy pods suffice.
  if (!isReady(pod) && status.currentHealthy >= status.desiredHealthy && status.desiredHealthy > 0) return;
  if ((status.observedGeneration ?? 0) < (budget.metadata.generation ?? 0)) {
    throw tooMany(`The disruption budget ${name} is still being processed by the server.`);
  }
  if (status.disruptionsAllowed <= 0) {
    throw tooMany(
      `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`,
    );
  }
  if (options.dryRun) return;
  const disruptedPods = { ...status.disruptedPods, [pod.metadata.name]: timestamp(api.clock.now()) };
  const target: Target = { resource: budgets, namespace: pod.metadata.namespace, name, subresource: "status" };
  api.modify(
    target,
    (current) => ({
      ...current,
      status: { ...current.status, disruptionsAllowed: status.disruptionsAllowed - 1, disruptedPods },
    }),
    "kube-apiserver",
  );
}

function tooMany(cause: string): ApiFailure {
  return new ApiFailure(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: "DisruptionBudget", message: cause }],
  });
}

/** Whether the pod counts as healthy for a budget. */
export function isHealthy(pod: Pod): boolean {
  return conditionOf(pod.status.conditions, "Ready")?.status === "True" && pod.metadata.deletionTimestamp === undefined;
}
