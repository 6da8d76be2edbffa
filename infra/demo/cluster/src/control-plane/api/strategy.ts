// What each kind keeps and what it resets on create and update: who may write the status, when the generation rises, what the server allocates.
import { newUid, nameSuffix, timestamp } from "../clock.ts";
import { sameJson, type Json, type KubeObject, type ObjectMeta } from "../objects.ts";
import type { Store } from "../store/store.ts";
import type { Resource } from "./resources.ts";

const countsGenerations = new Set(["Deployment", "ReplicaSet", "PodDisruptionBudget", "Pod"]);

/** The new object's server-owned parts; `object` is the caller's to change. */
export function prepareCreate(
  resource: Resource,
  object: KubeObject,
  namespace: string | undefined,
  nowMs: number,
  store: Store,
): void {
  const given = object.metadata;
  const meta: ObjectMeta = {
    ...given,
    name: given.name ?? (given.generateName === undefined ? "" : given.generateName + nameSuffix()),
    uid: newUid(),
    creationTimestamp: timestamp(nowMs),
  };
  if (namespace !== undefined) meta.namespace = namespace;
  else delete meta.namespace;
  delete meta.deletionTimestamp;
  delete meta.deletionGracePeriodSeconds;
  delete (meta as Partial<ObjectMeta>).resourceVersion;
  delete meta.generation;
  if (countsGenerations.has(resource.kind)) meta.generation = 1;
  object.metadata = withoutEmpties(meta);
  // A node is registered together with its status; everybody else's status starts empty.
  if (resource.hasStatus && resource.kind !== "Node") delete object.status;
  if (resource.kind === "Service") allocateClusterIp(object, store);
}

function allocateClusterIp(service: KubeObject, store: Store): void {
  const spec: Json = service.spec ?? {};
  service.spec = spec;
  if (spec["type"] === "ExternalName") return;
  if (spec["clusterIP"] === undefined || spec["clusterIP"] === "") {
    const taken = new Set([...store.scan("/services")].map((other) => other.spec?.["clusterIP"]));
    let n = 2;
    const address = (): string => `10.96.${n >> 8}.${n & 255}`;
    while (taken.has(address()) || (n & 255) === 0 || (n & 255) === 255) n++;
    spec["clusterIP"] = address();
  }
  spec["clusterIPs"] = [spec["clusterIP"]];
  if (spec["clusterIP"] === "None") return;
  spec["ipFamilies"] ??= ["IPv4"];
  spec["ipFamilyPolicy"] ??= "SingleStack";
}

/** Keeps of `before` what an update by this endpoint may not change; `object` is the caller's to change. */
export function prepareUpdate(resource: Resource, object: KubeObject, before: KubeObject, subresource: string): void {
  const was = before.metadata;
  const now = object.metadata;
  const meta: ObjectMeta = {
    ...now,
    name: was.name,
    uid: now.uid ?? was.uid,
    creationTimestamp: was.creationTimestamp,
    resourceVersion: was.resourceVersion,
  };
  const kept = ["namespace", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName"] as const;
  for (const field of kept) {
    delete meta[field];
    if (was[field] !== undefined) Object.assign(meta, { [field]: was[field] });
  }
  object.metadata = withoutEmpties(meta);
  if (subresource === "status") {
    for (const key of Object.keys(object)) if (key !== "metadata" && key !== "status") delete object[key];
    Object.assign(object, { ...before, metadata: statusMeta(resource, meta, was), status: object.status });
    if (object.status === undefined) delete object.status;
    return;
  }
  if (resource.hasStatus) {
    if (before.status === undefined) delete object.status;
    else object.status = before.status;
  }
  if (resource.kind === "Service") keepAllocated(object, before);
  if (countsGenerations.has(resource.kind) && !sameJson(object.spec, before.spec))
    object.metadata.generation = (was.generation ?? 0) + 1;
}

/** Through a status endpoint only pods and nodes may change labels and annotations. */
function statusMeta(resource: Resource, meta: ObjectMeta, was: ObjectMeta): ObjectMeta {
  const result: ObjectMeta = { ...was };
  if (meta.managedFields !== undefined) result.managedFields = meta.managedFields;
  if (meta.uid !== was.uid) result.uid = meta.uid;
  if (resource.kind === "Pod" || resource.kind === "Node") {
    if (meta.labels !== undefined) result.labels = meta.labels;
    if (meta.annotations !== undefined) result.annotations = meta.annotations;
  }
  return result;
}

/** A client that leaves out what the server allocated does not give it back. */
function keepAllocated(object: KubeObject, before: KubeObject): void {
  const spec = object.spec ?? {};
  for (const field of ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]) spec[field] ??= before.spec?.[field];
  object.spec = spec;
}

/** An empty list or map of metadata is the same as none, and is written as none. */
function withoutEmpties(meta: ObjectMeta): ObjectMeta {
  const entries = Object.entries(meta).filter(
    ([, value]) => typeof value !== "object" || Object.keys(value).length > 0,
  );
  return Object.fromEntries(entries) as unknown as ObjectMeta;
}
