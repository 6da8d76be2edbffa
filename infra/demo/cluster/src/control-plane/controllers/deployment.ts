// Rolls each Deployment: finds or makes the ReplicaSet of its template, moves replicas over within the surge and the unavailability allowed, keeps the
// old sets as revisions, and reports how far it is.
import { optionsFor, type Api } from "../api/api.ts";
import { ApiFailure } from "../api/failure.ts";
import { deleteObject, inBackground } from "../api/deletion.ts";
import { resourceNamed } from "../api/resources.ts";
import { controllerOf, sameJson, type Deployment, type KubeObject, type Pod, type ReplicaSet } from "../objects.ts";
import { deploymentStatus } from "./deployment-status.ts";
import { eventRecorder, type Record } from "./events.ts";
import { keyOf, splitKey } from "./replicaset.ts";
import {
  boundsOf,
  nextNewReplicas,
  nextOldReplicas,
  proportionalSizes,
  sameTemplate,
  templateHash,
} from "./rollout.ts";
import { WorkQueue } from "./work-queue.ts";

const deployments = resourceNamed("apps", "deployments");
const replicaSets = resourceNamed("apps", "replicasets");
const pods = resourceNamed("", "pods");
const manager = "kube-controller-manager";

export const revisionKey = "deployment.kubernetes.io/revision";
const historyKey = "deployment.kubernetes.io/revision-history";
const desiredKey = "deployment.kubernetes.io/desired-replicas";
const maxKey = "deployment.kubernetes.io/max-replicas";
/** Annotations that belong to the deployment itself and are not handed on to its ReplicaSets. */
const notCopied = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  revisionKey,
  historyKey,
  desiredKey,
  maxKey,
  "deprecated.deployment.rollback.to",
]);

export function revisionOf(object: KubeObject): number {
  return Number(object.metadata.annotations?.[revisionKey] ?? 0);
}

export class DeploymentController {
  readonly queue: WorkQueue;
  readonly #api: Api;
  readonly #record: Record;

  constructor(api: Api, onError: (key: string, error: unknown) => void) {
    this.#api = api;
    this.#record = eventRecorder(api, "deployment-controller");
    this.queue = new WorkQueue((key) => this.#sync(key), onError);
    api.store.subscribe(({ storedAs, object, type }) => {
      if (storedAs === deployments.storedAs) this.queue.add(keyOf(object));
      else if (storedAs === replicaSets.storedAs) this.#ownerChanged(object, "Deployment");
      // A Recreate rollout waits for the last old pod to be gone.
      else if (storedAs === pods.storedAs && type === "DELETED") {
        const set = api.store.get(replicaSets.storedAs, object.metadata.namespace, controllerOf(object)?.name ?? "");
        if (set !== undefined) this.#ownerChanged(set, "Deployment");
      }
    });
    for (const deployment of api.store.scan(deployments.storedAs)) this.queue.add(keyOf(deployment));
  }

  #ownerChanged(object: KubeObject, kind: string): void {
    const owner = controllerOf(object);
    if (owner?.kind === kind) this.queue.add(`${object.metadata.namespace ?? ""}/${owner.name}`);
  }

  #sync(key: string): void {
    const [namespace, name] = splitKey(key);
    const found = this.#api.store.get(deployments.storedAs, namespace, name) as Deployment | undefined;
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) return;
    const owned = (this.#api.store.list(replicaSets.storedAs, namespace) as ReplicaSet[])
      .filter((set) => controllerOf(set)?.uid === found.metadata.uid)
      .toSorted((a, b) => revisionOf(a) - revisionOf(b));
    const existing = owned.find((set) => sameTemplate(set.spec.template, found.spec.template));
    const old = owned.filter((set) => set !== existing);
    if (found.spec.paused === true) this.#scaleOnly(found, existing, old);
    else this.#roll(found, existing, old);
    this.#report(key);
  }

  #roll(deployment: Deployment, existing: ReplicaSet | undefined, old: ReplicaSet[]): void {
    const recreate = deployment.spec.strategy.type === "Recreate";
    if (recreate) {
      for (const set of old) this.#resize(deployment, set, 0);
      if (existing === undefined && this.#hasPods(old)) return;
      if (existing !== undefined && existing.spec.replicas === 0 && this.#hasPods(old)) return;
    }
    const newSet = existing === undefined ? this.#createSet(deployment, old) : this.#promote(deployment, existing, old);
    if (newSet === undefined) return;
    if (this.#isScaling(deployment, [newSet, ...old])) return this.#scaleOnly(deployment, newSet, old);
    const next = nextNewReplicas(deployment, newSet, [newSet, ...old]);
    const sized = this.#resize(deployment, newSet, next);
    if (recreate || next !== newSet.spec.replicas) return;
    for (const [set, size] of nextOldReplicas(deployment, sized, old)) this.#resize(deployment, set, size);
    const { status, spec } = sized;
    if ((status.availableReplicas ?? 0) >= spec.replicas && old.every((set) => set.status.replicas === 0))
      this.#cleanUp(deployment, old);
  }

  #hasPods(sets: ReplicaSet[]): boolean {
    const uids = new Set(sets.map((set) => set.metadata.uid));
    for (const pod of this.#api.store.scan(pods.storedAs)) {
      const phase = (pod as Pod).status.phase;
      if (uids.has(controllerOf(pod)?.uid ?? "") && phase !== "Succeeded" && phase !== "Failed") return true;
    }
    return false;
  }

  /** Whether the deployment was scaled since its sets were last sized: their desired-replicas annotation is then behind. */
  #isScaling(deployment: Deployment, sets: ReplicaSet[]): boolean {
    return sets.some((set) => {
      const desired = set.metadata.annotations?.[desiredKey];
      return set.spec.replicas > 0 && desired !== undefined && Number(desired) !== deployment.spec.replicas;
    });
  }

  #scaleOnly(deployment: Deployment, newSet: ReplicaSet | undefined, old: ReplicaSet[]): void {
    const all = newSet === undefined ? old : [newSet, ...old];
    const active = all.filter((set) => set.spec.replicas > 0);
    const only = active.length === 0 ? (newSet ?? old.at(-1)) : active[0];
    if (active.length <= 1) {
      if (only !== undefined) this.#resize(deployment, only, deployment.spec.replicas);
      return;
    }
    const { replicas } = deployment.spec;
    const allowed = replicas > 0 ? replicas + boundsOf(deployment).maxSurge : 0;
    for (const [set, size] of proportionalSizes(active, allowed)) this.#resize(deployment, set, size);
  }

  #annotations(deployment: Deployment): { [key: string]: string } {
    const own = Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !notCopied.has(key));
    const max = deployment.spec.replicas + boundsOf(deployment).maxSurge;
    return { ...Object.fromEntries(own), [desiredKey]: String(deployment.spec.replicas), [maxKey]: String(max) };
  }

  #createSet(deployment: Deployment, old: ReplicaSet[]): ReplicaSet | undefined {
    const { name, namespace, uid } = deployment.metadata;
    const { template, selector, minReadySeconds } = deployment.spec;
    const hash = templateHash(template, deployment.status.collisionCount ?? 0);
    const revision = Math.max(0, ...old.map(revisionOf)) + 1;
    const labels = { ...template.metadata?.labels, "pod-template-hash": hash };
    const draft = {
      metadata: {
        name: `${name}-${hash}`,
        labels,
        annotations: { ...this.#annotations(deployment), [revisionKey]: String(revision) },
        ownerReferences: [
          { apiVersion: "apps/v1", kind: "Deployment", name, uid, controller: true, blockOwnerDeletion: true },
        ],
      },
      spec: {
        replicas: 0,
        ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
        selector: { ...selector, matchLabels: { ...selector.matchLabels, "pod-template-hash": hash } },
        template: { ...template, metadata: { ...template.metadata, labels } },
      },
    };
    const empty = { ...draft, spec: draft.spec } as unknown as ReplicaSet;
    draft.spec.replicas = nextNewReplicas(deployment, empty, [empty, ...old]);
    try {
      const made = this.#api.create(replicaSets, namespace, structuredClone(draft), optionsFor(manager)) as ReplicaSet;
      if (made.spec.replicas > 0) this.#recordScaling(deployment, made, 0);
      this.#setRevision(deployment, revision);
      return made;
    } catch (error) {
      if (!(error instanceof ApiFailure) || error.reason !== "AlreadyExists") throw error;
      // Another template has the same hash: count the collision and look again, which gives another name.
      const collisionCount = (deployment.status.collisionCount ?? 0) + 1;
      this.#modify(deployment, "status", (current) => ({ ...current, status: { ...current.status, collisionCount } }));
      return undefined;
    }
  }

  /** A template that was here before takes its old set again, under the next revision number. */
  #promote(deployment: Deployment, set: ReplicaSet, old: ReplicaSet[]): ReplicaSet {
    const newest = Math.max(0, ...old.map(revisionOf));
    const was = revisionOf(set);
    const revision = was > newest ? was : newest + 1;
    const history = set.metadata.annotations?.[historyKey];
    const past =
      was > 0 && was !== revision ? { [historyKey]: history === undefined ? String(was) : `${history},${was}` } : {};
    const annotations: { [key: string]: string } = {
      ...set.metadata.annotations,
      ...this.#annotations(deployment),
      ...past,
      [revisionKey]: String(revision),
    };
    const kept = set.metadata.annotations?.[desiredKey];
    // desired-replicas only moves together with the size, which is how a scaling is noticed.
    if (kept !== undefined) annotations[desiredKey] = kept;
    const minReadySeconds = deployment.spec.minReadySeconds;
    this.#setRevision(deployment, revision);
    if (sameJson(annotations, set.metadata.annotations) && minReadySeconds === set.spec.minReadySeconds) return set;
    return this.#modify(set, "", (current) => {
      // Also when the deployment has none any more: its pods must not go on waiting for what nobody asks for.
      const { minReadySeconds: _past, ...spec } = current.spec as ReplicaSet["spec"];
      return {
        ...current,
        metadata: { ...current.metadata, annotations },
        spec: { ...spec, ...(minReadySeconds === undefined ? {} : { minReadySeconds }) },
      };
    }) as ReplicaSet;
  }

  #setRevision(deployment: Deployment, revision: number): void {
    if (revisionOf(deployment) === revision) return;
    this.#modify(deployment, "", (current) => ({
      ...current,
      metadata: {
        ...current.metadata,
        annotations: { ...current.metadata.annotations, [revisionKey]: String(revision) },
      },
    }));
  }

  #resize(deployment: Deployment, set: ReplicaSet, size: number): ReplicaSet {
    const before = set.spec.replicas;
    const { [desiredKey]: desired, [maxKey]: max } = this.#annotations(deployment);
    const annotated = set.metadata.annotations?.[desiredKey] === desired && set.metadata.annotations?.[maxKey] === max;
    if (before === size && (annotated || size === 0)) return set;
    const sized = this.#modify(set, "", (current) => ({
      ...current,
      metadata: {
        ...current.metadata,
        annotations: { ...current.metadata.annotations, [desiredKey]: desired ?? "", [maxKey]: max ?? "" },
      },
      spec: { ...current.spec, replicas: size },
    })) as ReplicaSet;
    if (before !== size) this.#recordScaling(deployment, sized, before);
    return sized;
  }

  #recordScaling(deployment: Deployment, set: ReplicaSet, before: number): void {
    const direction = set.spec.replicas > before ? "up" : "down";
    const message = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${set.spec.replicas}`;
    this.#record(deployment, "Normal", "ScalingReplicaSet", message);
  }

  #cleanUp(deployment: Deployment, old: ReplicaSet[]): void {
    const removable = old.filter(
      (set) => set.spec.replicas === 0 && set.status.replicas === 0 && set.metadata.deletionTimestamp === undefined,
    );
    const surplus = removable.slice(0, Math.max(0, removable.length - deployment.spec.revisionHistoryLimit));
    for (const set of surplus)
      deleteObject(this.#api, replicaSets, set.metadata.namespace, set.metadata.name, inBackground);
  }

  #modify(object: KubeObject, subresource: "" | "status", change: (current: KubeObject) => KubeObject): KubeObject {
    const resource = object.kind === "Deployment" ? deployments : replicaSets;
    return this.#api.modify(
      { resource, namespace: object.metadata.namespace, name: object.metadata.name, subresource },
      change,
      manager,
    );
  }

  #report(key: string): void {
    const [namespace, name] = splitKey(key);
    const deployment = this.#api.store.get(deployments.storedAs, namespace, name) as Deployment | undefined;
    if (deployment === undefined) return;
    const sets = (this.#api.store.list(replicaSets.storedAs, namespace) as ReplicaSet[]).filter(
      (set) => controllerOf(set)?.uid === deployment.metadata.uid,
    );
    const newSet = sets.find((set) => sameTemplate(set.spec.template, deployment.spec.template));
    const { status, lookAgainMs } = deploymentStatus(deployment, newSet, sets, this.#api.clock.now());
    if (lookAgainMs !== undefined) this.queue.addAfter(key, lookAgainMs);
    if (sameJson(status, deployment.status)) return;
    this.#modify(deployment, "status", (current) => ({ ...current, status: JSON.parse(JSON.stringify(status)) }));
  }
}
