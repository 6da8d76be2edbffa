// Removes what belongs to objects that are gone: dependents by owner reference, and the contents of a namespace on its way out.
import { deleteObject, inBackground } from "../api/deletion.ts";
import type { Api } from "../api/api.ts";
import { resourceNamed, resources, resourceOfKind, type Resource } from "../api/resources.ts";
import type { KubeObject, OwnerReference } from "../objects.ts";
import { WorkQueue } from "./work-queue.ts";

const namespaces = resourceNamed("", "namespaces");
const manager = "kube-controller-manager";
/** Each stored kind once. */
const stored = resources.filter((resource) => resource.type !== "EventsEvent");
const canOwn = new Set([
  "Deployment",
  "ReplicaSet",
  "Pod",
  "Node",
  "ConfigMap",
  "Service",
  "PodDisruptionBudget",
  "Secret",
]);

export class GarbageCollector {
  readonly queue: WorkQueue;
  readonly #api: Api;

  constructor(api: Api, onError: (key: string, error: unknown) => void) {
    this.#api = api;
    this.queue = new WorkQueue((key) => this.#work(key), onError);
    api.store.subscribe(({ type, object, storedAs }) => {
      if (type === "DELETED") this.#gone(object);
      else if (object.metadata.deletionTimestamp !== undefined)
        this.queue.add(`leaving ${storedAs} ${object.metadata.namespace ?? ""}/${object.metadata.name}`);
      if (type === "ADDED" && object.metadata.ownerReferences !== undefined)
        this.queue.add(`check ${storedAs} ${object.metadata.namespace ?? ""}/${object.metadata.name}`);
    });
    for (const resource of stored) {
      for (const object of api.store.scan(resource.storedAs)) {
        const key = `${resource.storedAs} ${object.metadata.namespace ?? ""}/${object.metadata.name}`;
        if (object.metadata.ownerReferences !== undefined) this.queue.add(`check ${key}`);
        if (object.metadata.deletionTimestamp !== undefined) this.queue.add(`leaving ${key}`);
      }
    }
  }

  #gone(object: KubeObject): void {
    if (canOwn.has(object.kind)) this.queue.add(`orphans ${object.metadata.uid} `);
    for (const owner of object.metadata.ownerReferences ?? []) {
      const resource = resourceOfKind(owner.apiVersion, owner.kind);
      if (resource !== undefined)
        this.queue.add(
          `leaving ${resource.storedAs} ${resource.namespaced ? (object.metadata.namespace ?? "") : ""}/${owner.name}`,
        );
    }
    const { namespace } = object.metadata;
    if (namespace !== undefined) this.queue.add(`leaving ${namespaces.storedAs} /${namespace}`);
  }

  #work(key: string): void {
    const [task, where = "", name = ""] = key.split(" ");
    if (task === "orphans") {
      for (const { resource, object } of this.#dependents(where)) this.#collect(resource, object);
      return;
    }
    const resource = stored.find((each) => each.storedAs === where);
    if (resource === undefined) return;
    const slash = name.indexOf("/");
    const object = this.#api.store.get(where, slash === 0 ? undefined : name.slice(0, slash), name.slice(slash + 1));
    if (object === undefined) return;
    if (task === "check") this.#collect(resource, object);
    else if (object.metadata.deletionTimestamp === undefined) return;
    else if (resource.kind === "Namespace") this.#emptyNamespace(object);
    else this.#release(resource, object);
  }

  #dependents(uid: string): { resource: Resource; object: KubeObject }[] {
    return stored.flatMap((resource) =>
      [...this.#api.store.scan(resource.storedAs)]
        .filter((object) => object.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true)
        .map((object) => ({ resource, object })),
    );
  }

  #exists(owner: OwnerReference, namespace: string | undefined): boolean {
    const resource = resourceOfKind(owner.apiVersion, owner.kind);
    // An owner of a kind that is not served here cannot be looked up, so its dependents are left alone.
    if (resource === undefined) return true;
    return (
      this.#api.store.get(resource.storedAs, resource.namespaced ? namespace : undefined, owner.name)?.metadata.uid ===
      owner.uid
    );
  }

  /** Deletes the object when all its owners are gone; forgets the gone ones when some remain. */
  #collect(resource: Resource, object: KubeObject): void {
    const { name, namespace } = object.metadata;
    const owners = object.metadata.ownerReferences ?? [];
    const alive = owners.filter((owner) => this.#exists(owner, namespace));
    if (owners.length === 0 || alive.length === owners.length) return;
    if (alive.length === 0) {
      if (object.metadata.deletionTimestamp === undefined)
        deleteObject(this.#api, resource, namespace, name, inBackground);
      return;
    }
    this.#api.modify(
      { resource, namespace, name, subresource: "" },
      (current) => ({ ...current, metadata: { ...current.metadata, ownerReferences: alive } }),
      manager,
    );
  }

  /** Foreground and orphan deletion: what the two finalizers wait for. */
  #release(resource: Resource, object: KubeObject): void {
    const { finalizers = [], uid } = object.metadata;
    if (finalizers.includes("orphan")) {
      for (const dependent of this.#dependents(uid)) {
        const ownerReferences = (dependent.object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
        const { name, namespace } = dependent.object.metadata;
        const target = { resource: dependent.resource, namespace, name, subresource: "" } as const;
        this.#api.modify(
          target,
          (current) => ({ ...current, metadata: { ...current.metadata, ownerReferences } }),
          manager,
        );
      }
      this.#dropFinalizer(resource, object, "orphan");
    } else if (finalizers.includes("foregroundDeletion")) {
      const dependents = this.#dependents(uid);
      for (const { resource: kind, object: dependent } of dependents) {
        if (dependent.metadata.deletionTimestamp !== undefined) continue;
        deleteObject(this.#api, kind, dependent.metadata.namespace, dependent.metadata.name, {
          ...inBackground,
          propagation: "Foreground",
        });
      }
      const blocking = this.#dependents(uid).some(({ object: dependent }) =>
        dependent.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true),
      );
      if (!blocking) this.#dropFinalizer(resource, object, "foregroundDeletion");
    }
  }

  #dropFinalizer(resource: Resource, object: KubeObject, finalizer: string): void {
    const { name, namespace } = object.metadata;
    const change = (current: KubeObject): KubeObject => ({
      ...current,
      metadata: {
        ...current.metadata,
        finalizers: (current.metadata.finalizers ?? []).filter((each) => each !== finalizer),
      },
    });
    this.#api.modify({ resource, namespace, name, subresource: "" }, change, manager);
  }

  #emptyNamespace(namespace: KubeObject): void {
    const { name } = namespace.metadata;
    let left = 0;
    for (const resource of stored.filter((each) => each.namespaced)) {
      for (const object of this.#api.store.list(resource.storedAs, name)) {
        const { removed } = deleteObject(this.#api, resource, name, object.metadata.name, inBackground);
        if (!removed) left++;
      }
    }
    if (left > 0) return;
    const target = { resource: namespaces, namespace: undefined, name, subresource: "" } as const;
    this.#api.modify(target, (current) => ({ ...current, spec: { ...current.spec, finalizers: [] } }), manager);
  }
}
