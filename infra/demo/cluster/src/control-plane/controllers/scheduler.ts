// Binds each pending pod to a node that is ready, schedulable, tolerated, selected and has room, going round among those that fit.
import { bindPod } from "../api/subresources.ts";
import { optionsFor, type Api } from "../api/api.ts";
import { resourceNamed } from "../api/resources.ts";
import { timestamp } from "../clock.ts";
import { conditionOf, isActive, type Node, type Pod, type Taint } from "../objects.ts";
import { eventRecorder, type Record } from "./events.ts";
import { keyOf, splitKey } from "./replicaset.ts";
import { requestsOf, shortageOn, takenByNode } from "./resource-fit.ts";
import { WorkQueue } from "./work-queue.ts";

const pods = resourceNamed("", "pods");
const nodes = resourceNamed("", "nodes");
const name = "default-scheduler";

export function tolerates(pod: Pod, taint: Taint): boolean {
  return (pod.spec.tolerations ?? []).some(
    ({ key, operator = "Equal", value, effect }) =>
      (effect === undefined || effect === "" || effect === taint.effect) &&
      (key === undefined || key === "" ? operator === "Exists" : key === taint.key) &&
      (operator === "Exists" || (value ?? "") === (taint.value ?? "")),
  );
}

export class Scheduler {
  readonly queue: WorkQueue;
  readonly #api: Api;
  readonly #record: Record;
  #turn = 0;

  constructor(api: Api, onError: (key: string, error: unknown) => void) {
    this.#api = api;
    this.#record = eventRecorder(api, name);
    this.queue = new WorkQueue((key) => this.#schedule(key), onError);
    api.store.subscribe(({ storedAs, object, type }) => {
      if (storedAs === pods.storedAs && type !== "DELETED" && isPending(object as Pod)) this.queue.add(keyOf(object));
      else if (storedAs === nodes.storedAs || (storedAs === pods.storedAs && leavesRoom(type, object as Pod)))
        this.#retryAll();
    });
    this.#retryAll();
  }

  #retryAll(): void {
    for (const pod of this.#api.store.scan(pods.storedAs)) if (isPending(pod as Pod)) this.queue.add(keyOf(pod));
  }

  #schedule(key: string): void {
    const [namespace, podName] = splitKey(key);
    const pod = this.#api.store.get(pods.storedAs, namespace, podName) as Pod | undefined;
    if (pod === undefined || !isPending(pod)) return;
    const all = this.#api.store.list(nodes.storedAs) as Node[];
    const refusals = new Map<string, number>();
    const wanted = requestsOf(pod);
    const taken = takenByNode(this.#api.store.scan(pods.storedAs) as Iterable<Pod>);
    const fitting = all.filter((node) => {
      const why = unfitFor(node, pod) ?? shortageOn(node, wanted, taken.get(node.metadata.name));
      if (why !== undefined) refusals.set(why, (refusals.get(why) ?? 0) + 1);
      return why === undefined;
    });
    const chosen = fitting[this.#turn++ % Math.max(1, fitting.length)];
    if (chosen === undefined) return this.#failed(pod, all.length, refusals);
    const nodeName = chosen.metadata.name;
    bindPod(this.#api, namespace, podName, { target: { kind: "Node", name: nodeName } }, optionsFor("kube-scheduler"));
    this.#record(pod, "Normal", "Scheduled", `Successfully assigned ${namespace}/${podName} to ${nodeName}`);
  }

  #failed(pod: Pod, count: number, refusals: Map<string, number>): void {
    const reasons = [...refusals].map(([why, times]) => `${times} ${why}`).toSorted();
    const message =
      count === 0 ? "no nodes available to schedule pods" : `0/${count} nodes are available: ${reasons.join(", ")}.`;
    const was = conditionOf(pod.status.conditions, "PodScheduled");
    if (was?.status === "False" && was.message === message) return;
    this.#record(pod, "Warning", "FailedScheduling", message);
    const now = timestamp(this.#api.clock.now());
    const condition = {
      type: "PodScheduled",
      status: "False",
      reason: "Unschedulable",
      message,
      lastProbeTime: null,
      lastTransitionTime: now,
    };
    const target = {
      resource: pods,
      namespace: pod.metadata.namespace,
      name: pod.metadata.name,
      subresource: "status",
    } as const;
    const others = (pod.status.conditions ?? []).filter(({ type }) => type !== "PodScheduled");
    this.#api.modify(
      target,
      (current) => ({ ...current, status: { ...current.status, conditions: [...others, condition] } }),
      "kube-scheduler",
    );
  }
}

function isPending(pod: Pod): boolean {
  const ours = (pod.spec.schedulerName ?? name) === name;
  return ours && (pod.spec.nodeName ?? "") === "" && isActive(pod);
}

/** A bound pod that is gone or has ended takes nothing of its node any more. */
function leavesRoom(type: string, pod: Pod): boolean {
  return (pod.spec.nodeName ?? "") !== "" && (type === "DELETED" || !isActive(pod));
}

/** Why the pod cannot go there, in the scheduler's words; undefined when it can. */
function unfitFor(node: Node, pod: Pod): string | undefined {
  if (
    node.spec.unschedulable === true &&
    !tolerates(pod, { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" })
  ) {
    return "node(s) were unschedulable";
  }
  if (conditionOf(node.status.conditions, "Ready")?.status !== "True")
    return "node(s) had untolerated taint {node.kubernetes.io/not-ready: }";
  const refused = (node.spec.taints ?? []).find(
    (taint) => taint.effect !== "PreferNoSchedule" && !tolerates(pod, taint),
  );
  if (refused !== undefined) return `node(s) had untolerated taint {${refused.key}: ${refused.value ?? ""}}`;
  const selected = Object.entries(pod.spec.nodeSelector ?? {}).every(
    ([key, value]) => node.metadata.labels?.[key] === value,
  );
  return selected ? undefined : "node(s) didn't match Pod's node affinity/selector";
}
