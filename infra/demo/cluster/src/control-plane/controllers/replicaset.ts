// Keeps as many pods of each ReplicaSet as it asks for, adopts and releases pods by label, and reports its status.
import { optionsFor, type Api } from "../api/api.ts";
import { deleteObject, inBackground } from "../api/deletion.ts";
import { resourceNamed } from "../api/resources.ts";
import { selectorMatches } from "../api/selectors.ts";
import {
  conditionOf,
  controllerOf,
  isActive,
  isReady,
  sameJson,
  type KubeObject,
  type Pod,
  type ReplicaSet,
} from "../objects.ts";
import { eventRecorder, type Record } from "./events.ts";
import { WorkQueue } from "./work-queue.ts";

const pods = resourceNamed("", "pods");
const replicaSets = resourceNamed("apps", "replicasets");
const manager = "kube-controller-manager";
/** Pods made or removed in one look. */
const burst = 500;

export function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}

export function splitKey(key: string): [namespace: string, name: string] {
  const slash = key.indexOf("/");
  return [key.slice(0, slash), key.slice(slash + 1)];
}

/** How long the pod has yet to stay ready before it counts as available; 0 when it does, undefined when it is not ready. */
export function availableInMs(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  if (!isReady(pod)) return undefined;
  const since = conditionOf(pod.status.conditions, "Ready")?.lastTransitionTime;
  if (minReadySeconds === 0 || since === undefined) return minReadySeconds === 0 ? 0 : minReadySeconds * 1000;
  return Math.max(0, Date.parse(since) + minReadySeconds * 1000 - nowMs);
}

export class ReplicaSetController {
  readonly queue: WorkQueue;
  readonly #api: Api;
  readonly #record: Record;

  constructor(api: Api, onError: (key: string, error: unknown) => void) {
    this.#api = api;
    this.#record = eventRecorder(api, "replicaset-controller");
    this.queue = new WorkQueue((key) => this.#sync(key), onError);
    api.store.subscribe(({ storedAs, object, previous }) => {
      if (storedAs === replicaSets.storedAs) this.queue.add(keyOf(object));
      else if (storedAs === pods.storedAs)
        for (const pod of [object, previous]) if (pod !== undefined) this.#podChanged(pod as Pod);
    });
    for (const set of api.store.scan(replicaSets.storedAs)) this.queue.add(keyOf(set));
  }

  #podChanged(pod: Pod): void {
    const owner = controllerOf(pod);
    if (owner?.kind === "ReplicaSet") this.queue.add(`${pod.metadata.namespace ?? ""}/${owner.name}`);
    else if (owner === undefined) {
      for (const set of this.#api.store.list(replicaSets.storedAs, pod.metadata.namespace)) {
        if (selectorMatches((set as ReplicaSet).spec.selector, pod.metadata.labels ?? {})) this.queue.add(keyOf(set));
      }
    }
  }

  #sync(key: string): void {
    const [namespace, name] = splitKey(key);
    const set = this.#api.store.get(replicaSets.storedAs, namespace, name) as ReplicaSet | undefined;
    if (set === undefined) return;
    const owned = this.#claim(set);
    const active = owned.filter(isActive);
    if (set.metadata.deletionTimestamp === undefined) this.#scale(set, active);
    // What was just made or removed is seen by the next look, as its own change asks for one.
    this.#report(set, active, owned.filter((pod) => pod.metadata.deletionTimestamp !== undefined).length);
  }

  /** The set's pods. A pod without a controller that matches is adopted; an owned one that no longer matches is let go. */
  #claim(set: ReplicaSet): Pod[] {
    const owned: Pod[] = [];
    for (const each of this.#api.store.list(pods.storedAs, set.metadata.namespace)) {
      const pod = each as Pod;
      const owner = controllerOf(pod);
      const matches = selectorMatches(set.spec.selector, pod.metadata.labels ?? {});
      if (owner?.uid === set.metadata.uid) {
        if (matches) owned.push(pod);
        else if (isActive(pod))
          this.#setOwners(
            pod,
            (pod.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== set.metadata.uid),
          );
      } else if (owner === undefined && matches && isActive(pod) && set.metadata.deletionTimestamp === undefined) {
        owned.push(this.#setOwners(pod, [...(pod.metadata.ownerReferences ?? []), ownerOf(set)]));
      }
    }
    return owned;
  }

  #setOwners(pod: Pod, ownerReferences: NonNullable<KubeObject["metadata"]["ownerReferences"]>): Pod {
    const target = {
      resource: pods,
      namespace: pod.metadata.namespace,
      name: pod.metadata.name,
      subresource: "",
    } as const;
    return this.#api.modify(
      target,
      (current) => ({ ...current, metadata: { ...current.metadata, ownerReferences } }),
      manager,
    ) as Pod;
  }

  #scale(set: ReplicaSet, active: Pod[]): void {
    const missing = set.spec.replicas - active.length;
    for (let i = 0; i < Math.min(missing, burst); i++) this.#createPod(set);
    if (missing >= 0) return;
    const doomed = active.toSorted((a, b) => rank(a, b)).slice(0, Math.min(-missing, burst));
    for (const pod of doomed) {
      deleteObject(this.#api, pods, pod.metadata.namespace, pod.metadata.name, inBackground);
      this.#record(set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
    }
  }

  #createPod(set: ReplicaSet): void {
    const { template } = set.spec;
    const body = {
      metadata: { ...template.metadata, generateName: `${set.metadata.name}-`, ownerReferences: [ownerOf(set)] },
      spec: template.spec,
    };
    try {
      const pod = this.#api.create(pods, set.metadata.namespace, structuredClone(body), optionsFor(manager));
      this.#record(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
    } catch (error) {
      this.#record(
        set,
        "Warning",
        "FailedCreate",
        `Error creating: ${error instanceof Error ? error.message : String(error)}`,
      );
      throw error;
    }
  }

  #report(set: ReplicaSet, active: Pod[], terminating: number): void {
    const minReady = set.spec.minReadySeconds ?? 0;
    const waits = active.map((pod) => availableInMs(pod, minReady, this.#api.clock.now()));
    const labels = Object.entries(set.spec.template.metadata?.labels ?? {});
    const count = (n: number, name: string): object => (n === 0 ? {} : { [name]: n });
    const status = {
      replicas: active.length,
      ...count(
        active.filter((pod) => labels.every(([key, value]) => pod.metadata.labels?.[key] === value)).length,
        "fullyLabeledReplicas",
      ),
      ...count(active.filter(isReady).length, "readyReplicas"),
      ...count(waits.filter((wait) => wait === 0).length, "availableReplicas"),
      ...count(terminating, "terminatingReplicas"),
      observedGeneration: set.metadata.generation ?? 0,
    };
    const waiting = waits.filter((wait) => wait !== undefined && wait > 0);
    if (waiting.length > 0) this.queue.addAfter(keyOf(set), Math.min(...waiting.map(Number)) + 20);
    if (sameJson(status, set.status)) return;
    const target = {
      resource: replicaSets,
      namespace: set.metadata.namespace,
      name: set.metadata.name,
      subresource: "status",
    } as const;
    this.#api.modify(target, (current) => ({ ...current, status }), manager);
  }
}

function ownerOf(set: ReplicaSet) {
  const { name, uid } = set.metadata;
  return { apiVersion: "apps/v1", kind: "ReplicaSet", name, uid, controller: true, blockOwnerDeletion: true };
}

/** Which pod goes first: unassigned, pending, not ready, cheap to lose, shortest ready, most restarted, youngest. */
function rank(a: Pod, b: Pod): number {
  const order = (pod: Pod): (number | string)[] => [
    (pod.spec.nodeName ?? "") === "" ? 0 : 1,
    ["Pending", "Unknown", "Running"].indexOf(pod.status.phase ?? "Pending"),
    isReady(pod) ? 1 : 0,
    Number(pod.metadata.annotations?.["controller.kubernetes.io/pod-deletion-cost"] ?? 0),
    -Date.parse(conditionOf(pod.status.conditions, "Ready")?.lastTransitionTime ?? pod.metadata.creationTimestamp),
    -(pod.status.containerStatuses ?? []).reduce((most, { restartCount }) => Math.max(most, restartCount), 0),
    -Date.parse(pod.metadata.creationTimestamp),
    pod.metadata.name,
  ];
  const [left, right] = [order(a), order(b)];
  for (const [i, value] of left.entries()) {
    const other = right[i];
    if (other !== undefined && value !== other) return value < other ? -1 : 1;
  }
  return 0;
}
