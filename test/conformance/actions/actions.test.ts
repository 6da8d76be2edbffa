import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { loadActions } from "../../../agents/surgeon/src/actions/registry.ts";
import { KubernetesClient } from "../../../agents/surgeon/src/adapters/kubernetes-client.ts";
import type { ActionCase } from "./action-case.ts";
import { deploymentCases } from "./cases/deployment.ts";
import { otherCases } from "./cases/others.ts";
import { Cluster } from "./cluster.ts";
import { holdsItsPromises } from "./kit.ts";

const cases: readonly ActionCase[] = [...deploymentCases, ...otherCases];

const registry = await loadActions();
const cluster = await Cluster.find();

it("every Kubernetes action has a case here", () => {
  const installed = [...registry.keys()].filter((type) => type.startsWith("k8s."));
  assert.deepEqual([...new Set(cases.map(({ type }) => type))].toSorted(), installed);
});

if (typeof cluster === "string") it("holds every action to its promises", { skip: cluster }, () => undefined);
else {
  describe("the promises of an action", { concurrency: 3 }, () => {
    const kubernetes = new KubernetesClient({ kubeconfig: cluster.kubeconfig, callDeadlineMs: 10_000 });
    after(async () => {
      kubernetes.close();
      await cluster.close();
    });
    for (const example of cases) {
      const action = registry.get(example.type);
      if (action === undefined) throw new Error(`no action ${example.type}`);
      holdsItsPromises(action, example, { cluster: () => cluster, kubernetes: () => kubernetes });
    }
  });
}
