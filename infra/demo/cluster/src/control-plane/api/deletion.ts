// Deletion: preconditions, a pod's grace period, finalizers and propagation. What depends on the object is the garbage collector's work.
import { timestamp } from "../clock.ts";
import type { Json, KubeObject, Pod } from "../objects.ts";
import { isFinished, type Api } from "./api.ts";
import { viewOf } from "./event-view.ts";
import { ApiFailure, forbidden, invalid, notFound, fieldUnsupported } from "./failure.ts";
import type { Resource } from "./resources.ts";

export interface DeleteOptions {
  gracePeriodSeconds: number | undefined;
  uid: string | undefined;
  resourceVersion: string | undefined;
  propagation: "Background" | "Foreground" | "Orphan";
  dryRun: boolean;
}

export interface Deleted {
  object: KubeObject;
  /** False while a grace period or a finalizer still holds it. */
  removed: boolean;
}

export const inBackground: DeleteOptions = {
  gracePeriodSeconds: undefined,
  uid: undefined,
  resourceVersion: undefined,
  propagation: "Background",
  dryRun: false,
};

export function propagationOf(value: unknown): DeleteOptions["propagation"] {
  if (value === undefined || value === null || value === "" || value === "Background") return "Background";
  if (value === "Foreground" || value === "Orphan") return value;
  const supported = ["Foreground", "Background", "Orphan"];
  throw invalid("meta.k8s.io", "DeleteOptions", "", [fieldUnsupported("propagationPolicy", value, supported)]);
}

const keptNamespaces = new Set(["default", "kube-system", "kube-public"]);

export function deleteObject(
  api: Api,
  resource: Resource,
  namespace: string | undefined,
  name: string,
  options: DeleteOptions,
): Deleted {
  const before = api.store.get(resource.storedAs, namespace, name);
  if (before === undefined) throw notFound(resource, name);
  checkPreconditions(resource, before, options);
  if (resource.kind === "Namespace" && keptNamespaces.has(name))
    throw forbidden(resource, name, "this namespace may not be deleted");
  const marked = mark(resource, before, options, api.clock.now());
  const removed = isFinished(resource, marked);
  if (options.dryRun) return { object: viewOf(resource, marked), removed };
  if (!removed) {
    const changed = marked === before ? before : api.store.put(resource.storedAs, marked);
    return { object: viewOf(resource, changed), removed };
  }
  return { object: viewOf(resource, api.store.remove(resource.storedAs, namespace, name) ?? before), removed };
}

function checkPreconditions(resource: Resource, object: KubeObject, options: DeleteOptions): void {
  const { name, uid, resourceVersion } = object.metadata;
  const why =
    options.uid !== undefined && options.uid !== uid
      ? `the UID in the precondition (${options.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`
      : options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion
        ? `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`
        : undefined;
  if (why === undefined) return;
  // kube-apiserver names the kind here, not the resource.
  const kind = resource.group === "" ? resource.kind : `${resource.kind}.${resource.group}`;
  const group: Json = resource.group === "" ? {} : { group: resource.group };
  throw new ApiFailure(409, "Conflict", `Operation cannot be fulfilled on ${kind} "${name}": ${why}`, {
    name,
    ...group,
    kind: resource.kind,
  });
}

/** The object as it is on its way out; the same object when a repeated delete changes nothing. */
function mark(resource: Resource, before: KubeObject, options: DeleteOptions, nowMs: number): KubeObject {
  const grace = resource.kind === "Pod" ? podGrace(before as Pod, options.gracePeriodSeconds) : 0;
  const finalizer =
    options.propagation === "Foreground"
      ? "foregroundDeletion"
      : options.propagation === "Orphan"
        ? "orphan"
        : undefined;
  const finalizers = before.metadata.finalizers ?? [];
  const { deletionTimestamp: leaving, deletionGracePeriodSeconds: leavingGrace = 0 } = before.metadata;
  const meta = { ...before.metadata };
  if (finalizer !== undefined && !finalizers.includes(finalizer)) meta.finalizers = [...finalizers, finalizer];
  else if (leaving !== undefined && grace >= leavingGrace) return before;
  const startMs = leaving === undefined ? nowMs : Date.parse(leaving) - leavingGrace * 1000;
  const shorter = leaving === undefined ? grace : Math.min(grace, leavingGrace);
  meta.deletionTimestamp = timestamp(Math.max(startMs, 0) + shorter * 1000);
  meta.deletionGracePeriodSeconds = shorter;
  if (leaving === undefined && meta.generation !== undefined) meta.generation += 1;
  const marked: KubeObject = { ...before, metadata: meta };
  return resource.kind === "Namespace" ? { ...marked, status: { ...before.status, phase: "Terminating" } } : marked;
}

/** A pod that no kubelet runs needs no time to stop. */
function podGrace(pod: Pod, asked: number | undefined): number {
  if ((pod.spec.nodeName ?? "") === "" || pod.status.phase === "Succeeded" || pod.status.phase === "Failed") return 0;
  return Math.max(0, asked ?? pod.spec.terminationGracePeriodSeconds ?? 30);
}
