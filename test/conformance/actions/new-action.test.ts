import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { loadActions } from "../../../agents/surgeon/src/actions/registry.ts";
import { KubernetesClient } from "../../../agents/surgeon/src/adapters/kubernetes-client.ts";
import { deploymentOf, deployments, settled, type ActionCase } from "./action-case.ts";
import { Cluster, namespace } from "./cluster.ts";
import { holdsItsPromises } from "./kit.ts";

const type = "k8s.progress-deadline";

/** All that somebody writes who adds an action. */
const source = `
import { ok } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { editAction } from "../../kubernetes/edit-action.ts";
import { labelNameSchema, objectNameSchema } from "../../kubernetes/objects.ts";

/** Sets how long a rollout may make no progress before it counts as stuck. */
export const action = editAction({
  type: "${type}",
  paramsSchema: z.strictObject({
    namespace: labelNameSchema,
    name: objectNameSchema,
    seconds: z.number().int().min(1).max(3600),
  }),
  reversible: "exact",
  risk: "low",
  permissions: [{ apiGroup: "apps", resource: "deployments", verbs: ["get", "patch"] }],
  rolls: false,
  object: ({ namespace, name }) => ({ kind: "Deployment", namespace, name }),
  want: (_context, _object, { seconds }) =>
    ok({
      fields: [{ path: "/spec/progressDeadlineSeconds", after: seconds }],
      instances: 0,
      says: \`A rollout without progress for \${seconds} s counts as stuck.\`,
    }),
});
`;

const path = (name: string): string => `${deployments}/${name}`;
const example: ActionCase = {
  type,
  async arrange(cluster, name) {
    await cluster.create(deployments, deploymentOf(name));
    await settled(cluster, name);
    return { namespace, name, seconds: 90 };
  },
  object: path,
  foreignChange: (cluster, name) => cluster.patch(path(name), { spec: { progressDeadlineSeconds: 30 } }),
};

const root = fileURLToPath(new URL("../../../", import.meta.url));
const copy = mkdtempSync(join(tmpdir(), "omega-new-action-"));
const parts = ["agents/surgeon/src", "docs", "infra/config", "infra/kubernetes"];
for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true });
cpSync(join(root, "agents/surgeon/package.json"), join(copy, "agents/surgeon/package.json"));
symlinkSync(join(root, "agents/surgeon/node_modules"), join(copy, "agents/surgeon/node_modules"));
const actions = join(copy, "agents/surgeon/src/actions");
mkdirSync(join(actions, type));
writeFileSync(join(actions, type, "action.ts"), source);
const registry = await loadActions(actions);

function surgeon(script: string, ...args: string[]): { code: number | null; stdout: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(copy, "agents/surgeon/src", script), ...args], {
    encoding: "utf8",
  });
  assert.equal(stderr, "");
  return { code: status, stdout };
}

/** Files below the copy that differ from the repository's, or are not in it. */
function differing(): string[] {
  return parts
    .flatMap((part) => globSync(`${part}/**/*`, { cwd: copy, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(copy.length + 1))
    .filter((file) => {
      const theirs = globSync(file, { cwd: root });
      return theirs.length === 0 || readFileSync(join(root, file), "utf8") !== readFileSync(join(copy, file), "utf8");
    })
    .toSorted();
}

describe("a new action is one folder", { concurrency: false }, () => {
  let cluster: Cluster;
  let kubernetes: KubernetesClient;
  before(async () => {
    cluster = await Cluster.find();
    kubernetes = new KubernetesClient({ kubeconfig: cluster.kubeconfig, callDeadlineMs: 10_000 });
  });
  after(async () => {
    kubernetes.close();
    await cluster.close();
    rmSync(copy, { recursive: true, force: true });
  });

  it("the catalogue has it, and nothing but its folder was touched", () => {
    const { stdout } = surgeon("plan-main.ts", "ls");
    const { actions: listed } = JSON.parse(stdout) as { actions: { type: string }[] };
    assert.ok(listed.some((one) => one.type === type));
    assert.deepEqual(differing(), [`agents/surgeon/src/actions/${type}/action.ts`]);
  });

  it("its documentation, its rights and its place in the policies are generated, and their absence is found", () => {
    const generated = [
      "docs/actions.md",
      "infra/config/policies/actions.cedarschema",
      "infra/kubernetes/rbac/namespace-bindings.yaml",
      "infra/kubernetes/rbac/roles.yaml",
    ];
    const check = surgeon("generate.ts", "--check");
    assert.equal(check.code, 1);
    for (const file of generated) assert.ok(check.stdout.includes(`stale ${join(copy, file)}`), check.stdout);
    assert.equal(surgeon("generate.ts").code, 0);
    assert.equal(surgeon("generate.ts", "--check").code, 0);
    assert.deepEqual(differing(), [`agents/surgeon/src/actions/${type}/action.ts`, ...generated]);
    for (const file of generated) assert.ok(readFileSync(join(copy, file), "utf8").includes(type), file);
  });

  const action = registry.get(type);
  assert.ok(action !== undefined);
  holdsItsPromises(action, example, { cluster: () => cluster, kubernetes: () => kubernetes });
});
