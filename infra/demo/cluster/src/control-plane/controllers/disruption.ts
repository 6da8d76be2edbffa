// Keeps each PodDisruptionBudget's status: how many of its pods are healthy, and how many may go now.
import type { Api } from "../api/api.ts";
import { resourceNamed } from "../api/resources.ts";
import { selectorMatches } from "../api/selectors.ts";
import { isHealthy } from "../api/subresources.ts";
import { timestamp } from "../clock.ts";
import {
  conditionOf,
  controllerOf,
  sameJson,
  type Deployment,
  type Pod,
  type PodDisruptionBudget,
} from "../objects.ts";
import { keyOf, splitKey } from "./replicaset.ts";
import { resolveCount } from "./rollout.ts";
import { WorkQueue } from "./work-queue.ts";

const budgets = resourceNamed("policy", "poddisruptionbudgets");
const pods = resourceNamed("", "pods");
const replicaSets = resourceNamed("apps", "replicasets");
const deployments = resourceNamed("apps", "deployments");
const manager = "kube-controller-manager";
/** An eviction that was granted but whose pod did not go is forgotten after this long. */
const disruptionMs = 120_000;

export class DisruptionController {
  readonly queue: WorkQueue;
  readonly #api: Api;

  constructor(api: Api, onError: (key: string, error: unknown) => void) {
    this.#api = api;
    this.queue = new WorkQueue((key) => this.#sync(key), onError);
    api.store.subscribe(({ storedAs, object }) => {
      if (storedAs === budgets.storedAs) this.queue.add(keyOf(object));
      else if ([pods.storedAs, replicaSets.storedAs, deployments.storedAs].includes(storedAs)) {
        for (const budget of api.store.list(budgets.storedAs, object.metadata.namespace)) this.queue.add(keyOf(budget));
      }
    });
    for (const budget of api.store.scan(budgets.storedAs)) this.queue.add(keyOf(budget));
  }

  #sync(key: string): void {
    const [namespace, name] = splitKey(key);
    const budget = this.#api.store.get(budgets.storedAs, namespace, name) as PodDisruptionBudget | undefined;
    if (budget === undefined) return;
    const { spec } = budget;
    const matching = (this.#api.store.list(pods.storedAs, namespace) as Pod[]).filter((pod) =>
      selectorMatches(spec.selector, pod.metadata.labels ?? {}),
    );
    const expected = this.#expected(matching);
    const desired =
      spec.maxUnavailable !== undefined
        ? Math.max(0, expected - resolveCount(spec.maxUnavailable, expected, "up"))
        : resolveCount(spec.minAvailable, expected, "up");
    const now = this.#api.clock.now();
    const disrupted = Object.entries(budget.status.disruptedPods ?? {}).filter(([podName, since]) => {
      const pod = matching.find((each) => each.metadata.name === podName);
      return (
        pod !== undefined && pod.metadata.deletionTimestamp === undefined && Date.parse(since) + disruptionMs > now
      );
    });
    const evicted = new Set(disrupted.map(([podName]) => podName));
    const healthy = matching.filter((pod) => isHealthy(pod) && !evicted.has(pod.metadata.name)).length;
    const allowed = expected > 0 ? Math.max(0, healthy - desired) : 0;
    const reason = allowed > 0 ? "SufficientPods" : "InsufficientPods";
    const was = conditionOf(budget.status.conditions, "DisruptionAllowed");
    const verdict = allowed > 0 ? ("True" as const) : ("False" as const);
    const since = was?.status === verdict ? (was.lastTransitionTime ?? timestamp(now)) : timestamp(now);
    const observedGeneration = budget.metadata.generation ?? 0;
    const condition = {
      type: "DisruptionAllowed",
      status: verdict,
      observedGeneration,
      reason,
      message: "",
      lastTransitionTime: since,
    };
    const status = {
      disruptionsAllowed: allowed,
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: expected,
      observedGeneration,
      ...(disrupted.length > 0 ? { disruptedPods: Object.fromEntries(disrupted) } : {}),
      conditions: [condition],
    };
    if (disrupted.length > 0) this.queue.addAfter(key, disruptionMs);
    if (sameJson(status, budget.status)) return;
    this.#api.modify(
      { resource: budgets, namespace, name, subresource: "status" },
      (current) => ({ ...current, status }),
      manager,
    );
  }

  /** What the pods' controllers ask for; a pod without one counts for itself. */
  #expected(matching: Pod[]): number {
    const wanted = new Map<string, number>();
    for (const pod of matching) {
      const owner = controllerOf(pod);
      const set =
        owner === undefined ? undefined : this.#api.store.get(replicaSets.storedAs, pod.metadata.namespace, owner.name);
      const above = set === undefined ? undefined : controllerOf(set);
      const deployment =
        above === undefined ? undefined : this.#api.store.get(deployments.storedAs, pod.metadata.namespace, above.name);
      const controller = deployment ?? set;
      if (controller === undefined) wanted.set(pod.metadata.uid, 1);
      else wanted.set(controller.metadata.uid, (controller as Deployment).spec.replicas);
    }
    return [...wanted.values()].reduce((sum, count) => sum + count, 0);
  }
}
