import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "@omega/shared/clock.ts";
import { createLog } from "@omega/shared/log.ts";
import type { ActionContext } from "@omega/shared/action.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import { loadActions } from "../../../agents/surgeon/src/actions/registry.ts";
import { KubernetesClient } from "../../../agents/surgeon/src/adapters/kubernetes-client.ts";
import type { Clients } from "../../../agents/surgeon/src/ports.ts";
import { deploymentOf, deployments, settled } from "./action-case.ts";
import { clusterChoices, namespace } from "./cluster.ts";
import { elsewhere } from "./elsewhere.ts";

const action = (await loadActions()).get("k8s.evict-pod");
assert.ok(action !== undefined);

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
}

for (const { name: plane, skip, start } of clusterChoices) {
  describe(`k8s.evict-pod and a PodDisruptionBudget, ${plane} control plane`, { skip }, () => {
    it("is refused in the dry-run and in the act while the budget says no, and done when it says yes", async () => {
      const cluster = await start();
      const kubernetes = new KubernetesClient({ kubeconfig: cluster.kubeconfig, callDeadlineMs: 10_000 });
      const context: ActionContext<Clients> = {
        clients: { kubernetes, ...elsewhere },
        clock: systemClock,
        log: createLog("eviction", "fatal"),
        fieldManager: "omega-inc-eviction",
        signal: AbortSignal.timeout(60_000),
      };
      try {
        const name = `guarded-${process.pid}`;
        const pods = async (): Promise<Pod[]> => {
          const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${name}`;
          const { items } = await cluster.get<{ items: Pod[] }>(path);
          return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
        };
        await cluster.create(deployments, deploymentOf(name, 2));
        await settled(cluster, name);
        const budgets = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
        const budget = { minAvailable: 2, selector: { matchLabels: { app: name } } };
        const kind = { apiVersion: "policy/v1", kind: "PodDisruptionBudget" };
        await cluster.create(budgets, { ...kind, metadata: { name }, spec: budget });
        const allowed = (count: number): Promise<void> =>
          cluster.until(`${count} disruptions are allowed`, async () => {
            const { metadata, status } = await cluster.get<{
              metadata: { generation: number };
              status?: { observedGeneration?: number; disruptionsAllowed?: number; currentHealthy?: number };
            }>(`${budgets}/${name}`);
            const { observedGeneration, disruptionsAllowed, currentHealthy } = status ?? {};
            return observedGeneration === metadata.generation && disruptionsAllowed === count && currentHealthy === 2;
          });
        await allowed(0);
        const before = await pods();
        const [pod] = before;
        assert.ok(pod !== undefined);
        const params = action.paramsSchema.parse({ namespace, name: pod.metadata.name });
        const plan = await action.plan(context, params);
        assert.ok(plan.ok, JSON.stringify(plan));
        const { workload, instances, ofInstances } = action.traits.blastRadius(plan.value);
        assert.deepEqual([instances, ofInstances], [1, 2]);
        assert.match(workload ?? "", new RegExp(`^ReplicaSet ${namespace}/${name}-`));
        for (const step of ["dryRun", "execute"] as const) {
          const refused: Outcome<unknown> = await action[step](context, plan.value);
          assert.ok(!refused.ok, step);
          assert.deepEqual([refused.failure.kind, refused.failure.code], ["retryable", "too_many_requests"]);
          assert.match(refused.failure.message, /disruption budget/);
          assert.deepEqual(await pods(), before, `${step} touched nothing`);
        }
        await cluster.patch(`${budgets}/${name}`, { spec: { minAvailable: 1 } }, "merge-patch");
        await allowed(1);
        const shown = await action.dryRun(context, plan.value);
        assert.ok(shown.ok, JSON.stringify(shown));
        assert.deepEqual(await pods(), before, "a dry-run evicts nobody");
        const done = await action.execute(context, plan.value);
        assert.ok(done.ok, JSON.stringify(done));
        await settled(cluster, name);
        const after = await pods();
        assert.equal(after.length, 2);
        assert.ok(after.every(({ metadata }) => metadata.uid !== pod.metadata.uid));
      } finally {
        kubernetes.close();
        await cluster.close();
      }
    });
  });
}
