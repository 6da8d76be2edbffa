import { systemClock } from "@omega/shared/clock.ts";
import { createLog } from "@omega/shared/log.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import { loadActions, type AnyAction } from "../agents/surgeon/src/actions/registry.ts";
import { KubernetesClient } from "../agents/surgeon/src/adapters/kubernetes-client.ts";
import type { KubernetesObject, ObjectRef } from "../agents/surgeon/src/kubernetes/objects.ts";
import { rolloutProgress } from "../agents/surgeon/src/kubernetes/rollout.ts";
import type { KubernetesApi } from "../agents/surgeon/src/ports.ts";
import { deploymentOf, deployments, settled } from "../test/conformance/actions/action-case.ts";
import { elsewhere } from "../test/conformance/actions/elsewhere.ts";
import { Cluster, clusterChoices, namespace } from "../test/conformance/actions/cluster.ts";
import type { BenchResult, Report } from "./contract.ts";

export const about =
  "plan, dry-run, execute and undo of k8s.scale on an API server, as a ratio to the bare API calls that it must make";

const rounds = 40;
const warmup = 5;
const fieldManager = "omega-bench";
/** Down and up again: nothing to wait for but the cluster's own controllers. */
const [from, to] = [2, 1];

export async function run(report: Report): Promise<BenchResult> {
  const [embedded] = clusterChoices;
  if (embedded === undefined) throw new Error("there is no embedded control plane");
  const lent = process.env["OMEGA_TEST_KUBECONFIG"] !== undefined;
  const cluster = lent ? await Cluster.find() : await embedded.start();
  const api = new KubernetesClient({ kubeconfig: cluster.kubeconfig, callDeadlineMs: 10_000 });
  try {
    const action = (await loadActions()).get("k8s.scale");
    if (action === undefined) throw new Error("k8s.scale is not installed");
    const ref: ObjectRef = { kind: "Deployment", namespace, name: `bench-${process.pid}` };
    await cluster.create(deployments, deploymentOf(ref.name, from));
    await settled(cluster, ref.name);
    report(`${rounds} rounds each, one after the other in turns, on the ${lent ? "lent" : "embedded"} control plane`);
    const [whole, bare]: [number[], number[]] = [[], []];
    const counted = new CountingApi(api);
    for (let round = 0; round < rounds + warmup; round += 1) {
      const figure = await timed(() => withSurgeon(action, counted, ref));
      const floor = await timed(() => bareCalls(api, ref));
      if (round < warmup) continue;
      whole.push(figure);
      bare.push(floor);
    }
    const [figure, floor] = [quantile(whole, 0.5), quantile(bare, 0.5)];
    return {
      name: "surgeon",
      figure,
      unit: "ms, p50",
      floor,
      ratio: figure / floor,
      p95: quantile(whole, 0.95),
      floorP95: quantile(bare, 0.95),
      callsPerRound: counted.calls / (rounds + warmup),
      rounds,
      controlPlane: lent ? "lent" : "embedded",
    };
  } finally {
    api.close();
    await cluster.close();
  }
}

async function withSurgeon(action: AnyAction, kubernetes: KubernetesApi, ref: ObjectRef): Promise<void> {
  const context = {
    clients: { kubernetes, ...elsewhere },
    clock: systemClock,
    log: createLog("bench", "silent"),
    fieldManager,
    signal: AbortSignal.timeout(30_000),
  };
  const params = action.paramsSchema.parse({ namespace, name: ref.name, replicas: to });
  const plan = must(await action.plan(context, params));
  must(await action.dryRun(context, plan));
  must(await action.execute(context, plan));
  must(await action.undo(context, plan));
}

/**
 * What nobody who wants to know before, prove, do, see it done, and take it back can leave out: the state before and who else scales it,
 * the change tried and then made, the rollout watched, and the change back, watched too. No call of it checks anything.
 */
async function bareCalls(api: KubernetesApi, ref: ObjectRef): Promise<void> {
  must(await api.get(ref));
  must(await api.list({ kind: "HorizontalPodAutoscaler", namespace }));
  await scale(api, ref, to, true);
  await scale(api, ref, to, false);
  await rolledOut(api, ref);
  await scale(api, ref, from, false);
  await rolledOut(api, ref);
}

async function scale(api: KubernetesApi, ref: ObjectRef, replicas: number, dryRun: boolean): Promise<void> {
  const operations = [{ op: "replace", path: "/spec/replicas", value: replicas }] as const;
  must(await api.patch(ref, operations, { fieldManager, dryRun }));
}

/** Asks again as soon as it is answered. */
async function rolledOut(api: KubernetesApi, ref: ObjectRef): Promise<void> {
  while (!rolloutProgress(must(await api.get(ref))).complete);
}

class CountingApi implements KubernetesApi {
  readonly #api: KubernetesApi;
  calls = 0;

  constructor(api: KubernetesApi) {
    this.#api = api;
  }

  get(ref: ObjectRef): Promise<Outcome<KubernetesObject>> {
    this.calls += 1;
    return this.#api.get(ref);
  }

  list(...asked: Parameters<KubernetesApi["list"]>): ReturnType<KubernetesApi["list"]> {
    this.calls += 1;
    return this.#api.list(...asked);
  }

  patch(...asked: Parameters<KubernetesApi["patch"]>): ReturnType<KubernetesApi["patch"]> {
    this.calls += 1;
    return this.#api.patch(...asked);
  }

  evict(...asked: Parameters<KubernetesApi["evict"]>): ReturnType<KubernetesApi["evict"]> {
    this.calls += 1;
    return this.#api.evict(...asked);
  }
}

function must<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`${outcome.failure.code}: ${outcome.failure.message}`);
  return outcome.value;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
