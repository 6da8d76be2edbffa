import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { ActionContext, CanaryVerdict, HeldCanary } from "@omega/shared/action.ts";
import { systemClock, type Clock } from "@omega/shared/clock.ts";
import { createLog } from "@omega/shared/log.ts";
import { fail, type Outcome } from "@omega/shared/outcome.ts";
import { loadActions, type AnyAction } from "../../../agents/surgeon/src/actions/registry.ts";
import { KubernetesClient } from "../../../agents/surgeon/src/adapters/kubernetes-client.ts";
import { soakSeconds } from "../../../agents/surgeon/src/kubernetes/canary.ts";
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

function judgedBy(judgeCanary: (held: HeldCanary) => Promise<CanaryVerdict>): ActionContext<Clients> {
  return { ...contextWith(), judgeCanary };
}

/** Name and uid of the pods that are not on their way out. */
async function podsOf(name: string): Promise<Map<string, string>> {
  const { items } = await cluster.get<{
    items: { metadata: { name: string; uid: string; deletionTimestamp?: string } }[];
  }>(`/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${name}`);
  return new Map(
    items.flatMap(({ metadata }) => (metadata.deletionTimestamp === undefined ? [[metadata.name, metadata.uid]] : [])),
  );
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
    const plan = await planned(setImage, name, { container: "main", image: "shop/payments:unready" });
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
    const outcome = await setImage.execute(contextWith(fast), plan);
    assert.ok(!outcome.ok);
    assert.deepEqual([outcome.failure.kind, outcome.failure.code], ["terminal", "canary_inconclusive"]);
    assert.equal(fewest, replicas);
    await settled(cluster, name);
    assert.deepEqual((await seen(name)).spec, before.spec);
  });

  for (const verdict of ["failed", "inconclusive"] as const) {
    it(`that its own telemetry calls ${verdict} is taken back, and no other pod was touched`, async () => {
      const name = `telling-${verdict}-${process.pid}`;
      const plan = await planned(setImage, name, newImage);
      const [before, podsBefore] = [await seen(name), await podsOf(name)];
      const held: HeldCanary[] = [];
      const outcome = await setImage.execute(
        judgedBy(async (canary) => {
          held.push(canary);
          // Longer than the soak: the others wait for the verdict and not for a time.
          await systemClock.sleep(3 * soakSeconds * 1000);
          const pods = await podsOf(name);
          assert.deepEqual(
            [...pods.keys()].filter((pod) => !podsBefore.has(pod)),
            [canary.pod.name],
          );
          assert.equal(pods.get(canary.pod.name), canary.pod.uid);
          return { verdict, says: "4 of 9 requests failed" };
        }),
        plan,
      );
      assert.ok(!outcome.ok);
      assert.deepEqual([outcome.failure.kind, outcome.failure.code], ["terminal", `canary_${verdict}`]);
      assert.match(outcome.failure.message, /4 of 9 requests failed/);
      assert.deepEqual([held.length, held[0]?.of, held[0]?.workload], [1, replicas, `Deployment ${namespace}/${name}`]);
      await settled(cluster, name);
      assert.deepEqual((await seen(name)).spec, before.spec);
      assert.deepEqual(await podsOf(name), podsBefore);
    });
  }

  it("that crashes is known to have failed without waiting", async () => {
    const name = `crashing-${process.pid}`;
    const plan = await planned(setImage, name, { container: "main", image: "shop/payments:crashing" });
    const podsBefore = await podsOf(name);
    const neverAsked = judgedBy(() => assert.fail("it was never ready"));
    const outcome = await setImage.execute(neverAsked, plan);
    assert.ok(!outcome.ok && outcome.failure.code === "canary_failed", JSON.stringify(outcome));
    assert.match(outcome.failure.message, /container 'main' of pod .* is in CrashLoopBackOff/);
    await settled(cluster, name);
    assert.deepEqual(await podsOf(name), podsBefore);
  });

  it("that its own telemetry calls good is followed by the rest at their own speed", async () => {
    const name = `good-${process.pid}`;
    const plan = await planned(setImage, name, newImage);
    const podsBefore = await podsOf(name);
    const good = judgedBy(() => Promise.resolve({ verdict: "success", says: "0 of 12 requests failed" }));
    value(await setImage.execute(good, plan));
    const pods = await podsOf(name);
    assert.equal(pods.size, replicas);
    for (const pod of pods.keys()) assert.ok(!podsBefore.has(pod), pod);
    assert.equal((await seen(name)).spec.minReadySeconds, undefined);
  });

  it("that was judged good is not taken back because of one look that failed", async () => {
    const name = `unseen-${process.pid}`;
    const plan = await planned(setImage, name, newImage, 2);
    let failing = 0;
    const away = <T>(send: () => Promise<Outcome<T>>): Promise<Outcome<T>> =>
      failing-- > 0 ? Promise.resolve(fail("retryable", "unavailable", "an injected fault")) : send();
    const faulty: ActionContext<Clients>["clients"]["kubernetes"] = {
      get: (ref) => away(() => kubernetes.get(ref)),
      list: (scope) => away(() => kubernetes.list(scope)),
      patch: (...call) => kubernetes.patch(...call),
      evict: (...call) => kubernetes.evict(...call),
    };
    const context = judgedBy(() => {
      failing = 3;
      return Promise.resolve({ verdict: "success", says: "good" });
    });
    value(await setImage.execute({ ...context, clients: { ...context.clients, kubernetes: faulty } }, plan));
    assert.ok(failing < 0, "the looks after the verdict failed");
    assert.equal((await seen(name)).status.updatedReplicas, 2);
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
