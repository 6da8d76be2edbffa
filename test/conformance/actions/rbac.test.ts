import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Permission } from "@omega/shared/action.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import { ApiClient } from "@omega/demo-cluster/kubelet/api-client.ts";
import { readKubeconfig } from "@omega/demo-cluster/kubelet/kubeconfig.ts";
import { loadActions, type AnyAction } from "../../../agents/surgeon/src/actions/registry.ts";
import { KubernetesClient } from "../../../agents/surgeon/src/adapters/kubernetes-client.ts";
import { inventoryPermissions, readInventory } from "../../../agents/surgeon/src/inventory.ts";
import { rulesOf, surgeonRoles, type Rule, type SurgeonRole } from "../../../agents/surgeon/src/rbac.ts";
import { SettingsHistory } from "../../../agents/surgeon/src/settings-history.ts";
import { deploymentOf, deployments, settled, type ActionCase } from "./action-case.ts";
import { cases } from "./cases/cases.ts";
import { clusterChoices, namespace, type Cluster } from "./cluster.ts";
import { Bench, type Planned } from "./kit.ts";

const registry = await loadActions();
const group = "rbac.authorization.k8s.io";

/** A cluster in which the user "reader" has one role of Surgeon's, as generated, or a part of it. */
class Guarded {
  readonly cluster: Cluster;
  readonly admin: KubernetesClient;
  readonly surgeon: KubernetesClient;
  readonly #asking: ApiClient;

  constructor(cluster: Cluster, readerKubeconfig: string) {
    this.cluster = cluster;
    this.admin = new KubernetesClient({ kubeconfig: cluster.kubeconfig, callDeadlineMs: 10_000 });
    this.surgeon = new KubernetesClient({ kubeconfig: readerKubeconfig, callDeadlineMs: 10_000 });
    this.#asking = new ApiClient(readKubeconfig(readerKubeconfig));
  }

  /** The reader has no other role meanwhile. */
  async bound(role: SurgeonRole, work: () => Promise<void>): Promise<void> {
    await this.#bind(role);
    try {
      await work();
    } finally {
      await this.permit(role, []);
    }
  }

  async #bind({ name, clusterWide, rules }: SurgeonRole): Promise<void> {
    await this.cluster.create(`/apis/${group}/v1/clusterroles`, {
      apiVersion: `${group}/v1`,
      kind: "ClusterRole",
      metadata: { name },
      rules,
    });
    const kind = clusterWide ? "ClusterRoleBinding" : "RoleBinding";
    const place = clusterWide ? "clusterrolebindings" : `namespaces/${namespace}/rolebindings`;
    await this.cluster.create(`/apis/${group}/v1/${place}`, {
      apiVersion: `${group}/v1`,
      kind,
      metadata: { name },
      roleRef: { apiGroup: group, kind: "ClusterRole", name },
      subjects: [{ apiGroup: group, kind: "User", name: "reader" }],
    });
  }

  /** Leaves exactly these rules of a role in force; authorisers learn of it with a delay. */
  async permit({ name, clusterWide, rules: all }: SurgeonRole, rules: readonly Rule[]): Promise<void> {
    await this.cluster.patch(`/apis/${group}/v1/clusterroles/${name}`, { rules }, "merge-patch");
    const permitted = new Set(rights(rules));
    for (const right of rights(all)) {
      await this.cluster.until(`${right} is ${permitted.has(right) ? "permitted" : "withheld"}`, async () => {
        const [apiGroup = "", full = "", verb = ""] = right.split(" ");
        const [resource, subresource = ""] = full.split("/");
        const place = clusterWide ? {} : { namespace };
        const answer = await this.#asking.create<{ status: { allowed: boolean } }>(
          "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
          {
            apiVersion: "authorization.k8s.io/v1",
            kind: "SelfSubjectAccessReview",
            spec: { resourceAttributes: { group: apiGroup, resource, subresource, verb, ...place } },
          },
        );
        return answer.ok && answer.value.status.allowed === permitted.has(right);
      });
    }
  }

  async close(): Promise<void> {
    this.admin.close();
    this.surgeon.close();
    this.#asking.close();
    await this.cluster.close();
  }
}

function rights(rules: readonly Rule[]): string[] {
  return rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((apiGroup) =>
      resources.flatMap((resource) => verbs.map((verb) => `${apiGroup} ${resource} ${verb}`)),
    ),
  );
}

/** The permissions without one verb of one of them, once for each verb. */
function* withholding(
  permissions: readonly Permission[],
): Generator<{ verb: string; resource: string; rest: readonly Rule[] }> {
  for (const permission of permissions) {
    for (const verb of permission.verbs) {
      const verbs = permission.verbs.filter((one) => one !== verb);
      const rest = permissions
        .map((one) => (one === permission ? { ...one, verbs } : one))
        .filter((one) => one.verbs.length > 0);
      yield { verb, resource: permission.resource, rest: rulesOf(rest) };
    }
  }
}

function assertForbidden(outcome: Outcome<unknown>, verb: string, resource: string): void {
  assert.ok(!outcome.ok, "it worked without a right that it is said to need");
  const { kind, code, message } = outcome.failure;
  assert.deepEqual([kind, code], ["terminal", "forbidden"], message);
  assert.ok(message.includes(`cannot ${verb} resource "${resource}"`), message);
}

/** From the plan to the effect, up to the first failure. */
async function carriedOut(bench: Bench, surgeon: KubernetesClient, params: unknown): Promise<Outcome<unknown>> {
  const { action } = bench;
  const context = bench.context(surgeon);
  const plan = await action.plan(context, params);
  if (!plan.ok) return plan;
  const shown = await action.dryRun(context, plan.value);
  return shown.ok ? await action.execute(context, plan.value) : shown;
}

function subjects(): { action: AnyAction; example: ActionCase; role: SurgeonRole }[] {
  return [...registry.values()].flatMap((action) => {
    const example = cases.find(({ type }) => type === action.type);
    const role = surgeonRoles([action]).find(({ name }) => name.endsWith(action.type));
    return example === undefined || role === undefined ? [] : [{ action, example, role }];
  });
}

for (const choice of clusterChoices) {
  const lent =
    "the cluster was lent; a user without rights is needed: set KUBEBUILDER_ASSETS to control plane binaries instead";
  const skip =
    choice.skip === false && choice.name === "real" && process.env["OMEGA_TEST_KUBECONFIG"] ? lent : choice.skip;
  describe(`Surgeon's rights, ${choice.name} control plane`, { skip }, () => {
    let guarded: Guarded;
    before(async () => {
      const cluster = await choice.start();
      assert.ok(cluster.readerKubeconfig !== undefined);
      guarded = new Guarded(cluster, cluster.readerKubeconfig);
    });
    after(() => guarded.close());

    for (const { action, example, role } of subjects()) {
      it(`${action.type}: exactly its verbs suffice, and without any of them nothing happens`, () =>
        guarded.bound(role, async () => {
          const bench = new Bench(action, example, { cluster: () => guarded.cluster, kubernetes: () => guarded.admin });
          for (const { verb, resource, rest } of withholding(action.traits.permissions)) {
            await guarded.permit(role, rest);
            const { name, params, before: untouched, plan }: Planned = await bench.planned();
            assertForbidden(await carriedOut(bench, guarded.surgeon, params), verb, resource);
            assert.deepEqual(await bench.world(name), untouched);
            // An order by a plan from when it still had the right; what only planning lists is not needed any more.
            if (verb === "list") continue;
            assertForbidden(await action.execute(bench.context(guarded.surgeon), plan), verb, resource);
            assert.deepEqual(await bench.world(name), untouched);
          }
          await guarded.permit(role, role.rules);
          const { name, params, before: untouched, plan } = await bench.planned();
          const done = await carriedOut(bench, guarded.surgeon, params);
          assert.ok(done.ok, JSON.stringify(done));
          if (example.irreversible === true) return;
          assert.ok((await action.undo(bench.context(guarded.surgeon), plan)).ok);
          assert.deepEqual(await bench.world(name), untouched);
        }));
    }

    it("the inventory: exactly its verbs suffice, and without any of them it says which is missing", async () => {
      const [role] = surgeonRoles([]);
      assert.ok(role !== undefined);
      await guarded.bound(role, async () => {
        const name = `inventory-${process.pid}`;
        await guarded.cluster.create(deployments, deploymentOf(name));
        await settled(guarded.cluster, name);
        const read = async (): Promise<Outcome<unknown>> => {
          const rules = { allow: [namespace], protect: [] };
          for (const service of [name, "unlabelled"]) {
            const workloads = await readInventory(guarded.surgeon, rules, new SettingsHistory(), service);
            if (!workloads.ok) return workloads;
          }
          return await guarded.surgeon.list({ kind: "ConfigMap", namespace });
        };
        for (const { verb, resource, rest } of withholding(inventoryPermissions)) {
          await guarded.permit(role, rest);
          assertForbidden(await read(), verb, resource);
        }
        await guarded.permit(role, role.rules);
        const all = await read();
        assert.ok(all.ok, JSON.stringify(all));
      });
    });
  });
}
