// Whether what a pod requests still fits on a node beside what those that are placed there request, as kube-scheduler's NodeResourcesFit asks.
import { parseQuantity } from "../../quantity.ts";
import type { Node, Pod } from "../objects.ts";

export type Requests = ReadonlyMap<string, number>;

/**
 * What a pod takes of a node: for each resource, in its base unit, the greater of the sum of its containers and its greediest init
 * container, and one place among `pods`.
 */
export function requestsOf({ spec }: Pod): Requests {
  const wanted = new Map<string, number>();
  for (const { resources } of spec.containers) add(wanted, amounts(resources?.requests));
  for (const { resources } of spec.initContainers ?? [])
    for (const [name, amount] of amounts(resources?.requests))
      wanted.set(name, Math.max(wanted.get(name) ?? 0, amount));
  return wanted.set("pods", 1);
}

/** What the pods that are bound to each node, and have not ended, take of it. */
export function takenByNode(pods: Iterable<Pod>): Map<string, Requests> {
  const taken = new Map<string, Map<string, number>>();
  for (const pod of pods) {
    const node = pod.spec.nodeName ?? "";
    if (node === "" || pod.status.phase === "Succeeded" || pod.status.phase === "Failed") continue;
    const so = taken.get(node) ?? new Map<string, number>();
    add(so, requestsOf(pod));
    taken.set(node, so);
  }
  return taken;
}

/** The first of the resources that the node has too little of, in the scheduler's words; undefined when the pod fits. */
export function shortageOn(node: Node, wanted: Requests, taken: Requests | undefined): string | undefined {
  const allocatable = new Map(amounts(node.status?.["allocatable"] as Record<string, string> | undefined));
  // A node that says nothing of what it has takes nothing either.
  for (const [name, amount] of wanted) {
    const left = (allocatable.get(name) ?? 0) - (taken?.get(name) ?? 0);
    if (amount > 0 && amount > left + precision) return name === "pods" ? "Too many pods" : `Insufficient ${name}`;
  }
  return undefined;
}

/** Sums of thousandths of cores are not exact. */
const precision = 1e-9;

function amounts(quantities: Readonly<Record<string, string>> = {}): [string, number][] {
  return Object.entries(quantities).map(([name, text]) => [name, parseQuantity(text) ?? 0]);
}

function add(sum: Map<string, number>, more: Iterable<readonly [string, number]>): void {
  for (const [name, amount] of more) sum.set(name, (sum.get(name) ?? 0) + amount);
}
