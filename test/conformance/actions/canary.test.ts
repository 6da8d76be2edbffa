import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { ActionContext } from "@omega/shared/action.ts";
import { systemClock, type Clock } from "@omega/shared/clock.ts";
import { createLog } from "@omega/shared/log.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import { loadActions, type AnyAction } from "../../../agents/surgeon/src/actions/registry.ts";
import { KubernetesClient } from "../../../agents/surgeon/src/adapters/kubernetes-client.ts";
import type { EditPlan } from "../../../agents/surgeon/src/kubernetes/edit-action.ts";
import type { Clients } from "../../../agents/surgeon/src/ports.ts";
import { deploymentOf, deployments, settled } from "./action-case.ts";
import { elsewhere } from "./elsewhere.ts";
import { Cluster, namespace } from "./cluster.ts";

interface Seen {
  readonly spec: { readonly replicas: number; readonly minReadySeconds?: number; readonly strategy: object };
  readonly status: {
    readonly updatedReplicas?: number;
    readonly replicas?: number;
    readonly availableReplicas?: number;
  };
}

const cluster = await Cluster.find();
const kubernetes = new KubernetesClient({ kubeconfig: cluster.kubeconfig, callDeadlineMs: 10_000 });
const registry = await loadActions();
const replicas = 4;

function actionOf(type: string): AnyAction {
  const action = registry.get(type);
  assert.ok(action !== undefined);
  return action;
}

function contextWith(clock: Clock = systemClock, signal = AbortSignal.timeout(60_000)): ActionContext<Clients> {
  const log = createLog("canary", "silent");
  return { clients: { kubernetes, ...elsewhere }, clock, log, fieldManager: "omega-inc-canary", signal };
}

function value<T>(outcome: Outcome<T>): T {
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome.value;
}

const seen = (name: string): Promise<Seen> => cluster.get<Seen>(`${deployments}/${name}`);

async function planned(action: AnyAction, name: string, params: object, size = replicas): Promise<EditPlan> {
  await cluster.create(deployments, deploymentOf(name, size));
  await settled(cluster, name);
  const asked = action.paramsSchema.parse({ namespace, name, ...params });
  return value(await action.plan(contextWith(), asked)) as EditPlan;
}

describe("a canary", () => {
  after(async () => {
    kubernetes.close();
    await cluster.close();
  });
  const setImage = actionOf("k8s.set-image");
  const newImage = { container: "main", image: "shop/payments:1.4.2" };

  it("is one pod, with as many in service as before, until it was judged; then come the rest", async () => {
    const name = `canary-${process.pid}`;
    const plan = await planned(setImage, name, newImage);
    const before = await seen(name);
    let newestUnderCaution = 0;
    let servingMin = replicas;
    let running = true;
    const watching = (async () => {
      while (running) {
        const { spec, status } = await seen(name);
        if (spec.minReadySeconds !== undefined && (status.updatedReplicas ?? 0) < 2) {
          newestUnderCaution = Math.max(newestUnderCaution, status.updatedReplicas ?? 0);
          servingMin = Math.min(servingMin, status.availableReplicas ?? 0);
        }
      }
    })();
    value(await setImage.execute(contextWith(), plan));
    running = false;
    await watching;
    const after = await seen(name);
    assert.equal(newestUnderCaution, 1);
    assert.equal(servingMin, replicas);
    assert.equal(after.status.updatedReplicas, replicas);
    assert.deepEqual(after.spec.strategy, before.spec.strategy);
    assert.equal(after.spec.minReadySeconds, before.spec.minReadySeconds);
  });

  it("of which nothing is known in time is taken back, and no other pod was touched", async () => {
    const name = `inconclusive-${process.pid}`;
    const setResources = actionOf("k8s.set-resources");
    // No node has a thousand processors: the first new pod never gets a place.
    const plan = await planned(setResources, name, { container: "main", requests: { cpu: "1000" } });
    const before = await seen(name);
    let fewest = replicas;
    const startedAt = Date.now();
    // Twenty times as fast as the wall's, so that the deadline comes while the test is looking.
    const fast: Clock = {
      now: () => startedAt + (Date.now() - startedAt) * 20,
      sleep: async (ms, signal) => {
        fewest = Math.min(fewest, (await seen(name)).status.availableReplicas ?? 0);
        await systemClock.sleep(ms, signal);
      },
    };
    const outcome = await setResources.execute(contextWith(fast), plan);
    assert.ok(!outcome.ok);
    assert.deepEqual([outcome.failure.kind, outcome.failure.code], ["terminal", "canary_inconclusive"]);
    assert.equal(fewest, replicas);
    await settled(cluster, name);
    assert.deepEqual((await seen(name)).spec, before.spec);
  });

  it("that was stopped in its middle is in doubt, and is finished or taken back by its plan", async () => {
    for (const step of ["execute", "undo"] as const) {
      const name = `stopped-${step}-${process.pid}`;
      const plan = await planned(setImage, name, newImage);
      const before = await seen(name);
      const stop = new AbortController();
      const running = setImage.execute(contextWith(systemClock, stop.signal), plan);
      await cluster.until("the first new pod", async () => (await seen(name)).status.updatedReplicas === 1);
      stop.abort();
      const outcome = await running;
      assert.ok(!outcome.ok && outcome.failure.code === "canary_unjudged", JSON.stringify(outcome));
      value(await setImage[step](contextWith(), plan));
      await settled(cluster, name);
      const { spec } = await seen(name);
      assert.deepEqual(spec.strategy, before.spec.strategy);
      if (step === "undo") assert.deepEqual(spec, before.spec);
      else assert.notDeepEqual(spec, before.spec);
    }
  });

  it("is none where there is one pod, or no pod is replaced", async () => {
    const single = await planned(setImage, `single-${process.pid}`, newImage, 1);
    assert.equal(single.canary, undefined);
    const scaled = await planned(actionOf("k8s.scale"), `scaled-${process.pid}`, { replicas: 2 });
    assert.equal(scaled.canary, undefined);
  });
});
