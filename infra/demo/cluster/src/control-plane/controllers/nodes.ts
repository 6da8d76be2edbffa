// Watches the nodes' leases: a node that stops renewing is NotReady, its pods are not ready, and after their toleration they are moved. Also keeps the
// taints that say so, and clears away pods whose node is gone.
import type { Api } from "../api/api.ts";
import { deleteObject, inBackground } from "../api/deletion.ts";
import { resourceNamed } from "../api/resources.ts";
import { timestamp } from "../clock.ts";
import {
  conditionOf,
  sameJson,
  type Condition,
  type KubeObject,
  type Lease,
  type Node,
  type Pod,
  type Taint,
} from "../objects.ts";
import { eventRecorder, expireEvents, type Record } from "./events.ts";
import { tolerates } from "./scheduler.ts";
import { WorkQueue } from "./work-queue.ts";

const nodes = resourceNamed("", "nodes");
const pods = resourceNamed("", "pods");
const leases = resourceNamed("coordination.k8s.io", "leases");
const manager = "kube-controller-manager";
const checkMs = 5_000;
/** kube-controller-manager's --node-monitor-grace-period. */
const graceMs = 40_000;
const taintKeys = [
  "node.kubernetes.io/not-ready",
  "node.kubernetes.io/unreachable",
  "node.kubernetes.io/unschedulable",
];

export class NodeController {
  readonly queue: WorkQueue;
  readonly #api: Api;
  readonly #record: Record;
  readonly #timer: NodeJS.Timeout;
  readonly #startedMs: number;
  /** When a node that pods name was first missed. */
  readonly #missing = new Map<string, number>();
  readonly #graceMs: number;

  constructor(api: Api, onError: (key: string, error: unknown) => void, nodeGraceMs = graceMs) {
    this.#api = api;
    this.#graceMs = nodeGraceMs;
    this.#record = eventRecorder(api, "node-controller");
    this.#startedMs = api.clock.now();
    this.queue = new WorkQueue((key) => this.#look(key), onError);
    api.store.subscribe(({ storedAs, object, type }) => {
      if (storedAs !== nodes.storedAs) return;
      if (type === "ADDED")
        this.#record(
          object,
          "Normal",
          "RegisteredNode",
          `Node ${object.metadata.name} event: Registered Node ${object.metadata.name} in Controller`,
        );
      this.queue.add(object.metadata.name);
    });
    this.#timer = setInterval(() => this.#tick(), Math.min(checkMs, nodeGraceMs / 4));
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.queue.close();
  }

  #tick(): void {
    for (const node of this.#api.store.scan(nodes.storedAs)) this.queue.add(node.metadata.name);
    this.queue.add("");
  }

  /** A node by its name; the empty name stands for the pods without a node and the old events. */
  #look(name: string): void {
    if (name === "") {
      this.#collectLostPods();
      expireEvents(this.#api);
      return;
    }
    const node = this.#api.store.get(nodes.storedAs, undefined, name) as Node | undefined;
    if (node === undefined) return;
    const seen = this.#monitor(node);
    this.#taint(seen);
    this.#evict(seen);
  }

  #lastSign(node: Node): number {
    const lease = this.#api.store.get(leases.storedAs, "kube-node-lease", node.metadata.name) as Lease | undefined;
    const ready = node.status.conditions?.find(({ type }) => type === "Ready");
    const signs = [lease?.spec.renewTime, ready?.lastHeartbeatTime, node.metadata.creationTimestamp].map((each) =>
      each === undefined ? 0 : Date.parse(each),
    );
    // While this process was down nobody could renew.
    return Math.max(this.#startedMs, ...signs);
  }

  #monitor(node: Node): Node {
    const ready = conditionOf(node.status.conditions, "Ready");
    if (this.#api.clock.now() - this.#lastSign(node) < this.#graceMs || ready?.status === "Unknown") {
      if (ready?.status !== "True") this.#markPods(node);
      return node;
    }
    const now = timestamp(this.#api.clock.now());
    const types = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"];
    const conditions = types.map((type): Condition => ({
      ...conditionOf(node.status.conditions, type),
      type,
      status: "Unknown",
      reason: ready === undefined ? "NodeStatusNeverUpdated" : "NodeStatusUnknown",
      message: ready === undefined ? "Kubelet never posted node status." : "Kubelet stopped posting node status.",
      lastTransitionTime: now,
    }));
    const others = (node.status.conditions ?? []).filter(({ type }) => !types.includes(type));
    const target = { resource: nodes, namespace: undefined, name: node.metadata.name, subresource: "status" } as const;
    const marked = this.#api.modify(
      target,
      (current) => ({ ...current, status: { ...current.status, conditions: [...others, ...conditions] } }),
      manager,
    ) as Node;
    this.#record(marked, "Normal", "NodeNotReady", `Node ${node.metadata.name} status is now: NodeNotReady`);
    this.#markPods(marked);
    return marked;
  }

  #podsOn(nodeName: string): Pod[] {
    return [...this.#api.store.scan(pods.storedAs)].filter((pod) => (pod as Pod).spec.nodeName === nodeName) as Pod[];
  }

  #markPods(node: Node): void {
    for (const pod of this.#podsOn(node.metadata.name)) {
      const ready = conditionOf(pod.status.conditions, "Ready");
      if (ready?.status !== "True") continue;
      const lost: Condition = { ...ready, status: "False", lastTransitionTime: timestamp(this.#api.clock.now()) };
      const conditions = (pod.status.conditions ?? []).map((each) => (each.type === "Ready" ? lost : each));
      const target = {
        resource: pods,
        namespace: pod.metadata.namespace,
        name: pod.metadata.name,
        subresource: "status",
      } as const;
      this.#api.modify(target, (current) => ({ ...current, status: { ...current.status, conditions } }), manager);
      this.#record(pod, "Warning", "NodeNotReady", "Node is not ready");
    }
  }

  #taint(node: Node): void {
    const ready = conditionOf(node.status.conditions, "Ready")?.status;
    const taintsNow = node.spec.taints ?? [];
    const key = ready === "Unknown" ? taintKeys[1] : ready === "True" ? undefined : taintKeys[0];
    const wanted: Taint[] =
      key === undefined
        ? []
        : [
            { key, effect: "NoSchedule" },
            { key, effect: "NoExecute" },
          ];
    if (node.spec.unschedulable === true) wanted.push({ key: taintKeys[2] ?? "", effect: "NoSchedule" });
    const added = timestamp(this.#api.clock.now());
    const kept = wanted.map(
      (taint) =>
        taintsNow.find((now) => now.key === taint.key && now.effect === taint.effect) ?? { ...taint, timeAdded: added },
    );
    const taints = [...taintsNow.filter((taint) => !taintKeys.includes(taint.key)), ...kept];
    if (sameJson(taints, taintsNow)) return;
    const change = (current: KubeObject): KubeObject => {
      const { taints: _, ...spec } = current.spec ?? {};
      return { ...current, spec: taints.length === 0 ? spec : { ...spec, taints } };
    };
    this.#api.modify(
      { resource: nodes, namespace: undefined, name: node.metadata.name, subresource: "" },
      change,
      manager,
    );
  }

  #evict(node: Node): void {
    const executing = (node.spec.taints ?? []).filter((taint) => taint.effect === "NoExecute");
    if (executing.length === 0) return;
    const now = this.#api.clock.now();
    for (const pod of this.#podsOn(node.metadata.name)) {
      if (pod.metadata.deletionTimestamp !== undefined) continue;
      const overdue = executing.some((taint) => {
        if (!tolerates(pod, taint)) return true;
        const limits = (pod.spec.tolerations ?? []).filter((each) =>
          tolerates({ ...pod, spec: { ...pod.spec, tolerations: [each] } }, taint),
        );
        const seconds = Math.min(...limits.map((each) => each.tolerationSeconds ?? Number.POSITIVE_INFINITY));
        return Date.parse(taint.timeAdded ?? timestamp(now)) + seconds * 1000 <= now;
      });
      if (!overdue) continue;
      this.#record(
        pod,
        "Normal",
        "TaintManagerEviction",
        `Marking for deletion Pod ${pod.metadata.namespace}/${pod.metadata.name}`,
      );
      deleteObject(this.#api, pods, pod.metadata.namespace, pod.metadata.name, inBackground);
    }
  }

  #collectLostPods(): void {
    const now = this.#api.clock.now();
    const named = new Set([...this.#api.store.scan(pods.storedAs)].flatMap((pod) => (pod as Pod).spec.nodeName ?? []));
    for (const name of this.#missing.keys())
      if (!named.has(name) || this.#api.store.get(nodes.storedAs, undefined, name) !== undefined)
        this.#missing.delete(name);
    for (const name of named) {
      if (this.#api.store.get(nodes.storedAs, undefined, name) !== undefined) continue;
      const since = this.#missing.get(name) ?? now;
      this.#missing.set(name, since);
      if (now - since < this.#graceMs) continue;
      for (const pod of this.#podsOn(name))
        deleteObject(this.#api, pods, pod.metadata.namespace, pod.metadata.name, {
          ...inBackground,
          gracePeriodSeconds: 0,
        });
    }
  }
}
