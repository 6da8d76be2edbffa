import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { loadActions } from "../../../agents/surgeon/src/actions/registry.ts";
import { KubernetesClient } from "../../../agents/surgeon/src/adapters/kubernetes-client.ts";
import { cases } from "./cases/cases.ts";
import { clusterChoices, type Cluster } from "./cluster.ts";
import { holdsItsPromises } from "./kit.ts";

const registry = await loadActions();

it("every Kubernetes action has a case here", () => {
  const installed = [...registry.keys()].filter((type) => type.startsWith("k8s."));
  assert.deepEqual([...new Set(cases.map(({ type }) => type))].toSorted(), installed);
});

for (const { name, skip, start } of clusterChoices) {
  if (skip !== false) it(`the promises of an action, ${name} control plane`, { skip }, () => undefined);
  else onCluster(name, await start());
}

function onCluster(name: string, cluster: Cluster): void {
  describe(`the promises of an action, ${name} control plane`, { concurrency: 3 }, () => {
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
