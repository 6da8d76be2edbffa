import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { deploymentOf, deployments, settled } from "../conformance/actions/action-case.ts";
import { Cluster, namespace } from "../conformance/actions/cluster.ts";
import { OmegaUnderTest, type Ended } from "../e2e/omega.ts";

describe("omega actions", () => {
  let cluster: Cluster;
  const folder = mkdtempSync(join(tmpdir(), "omega-actions-"));
  const config = join(folder, "surgeon.yaml");
  const name = "payments";
  before(async () => {
    cluster = await Cluster.find();
    const settings = {
      bus: {},
      keys: folder,
      kubernetes: { kubeconfig: cluster.kubeconfig },
      namespaces: { allow: [namespace, "kube-system"] },
    };
    writeFileSync(config, JSON.stringify(settings));
    const deployment = deploymentOf(name, 1);
    await cluster.create(deployments, {
      ...deployment,
      metadata: { name, annotations: { "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/payments" } },
    });
    await settled(cluster, name);
  });
  after(async () => {
    await cluster.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const plan = (t: TestContext, ...words: string[]): Promise<Ended> =>
    new OmegaUnderTest(t).run("actions", "plan", ...words, "--config", config);

  it("ls lists the catalogue", async (t) => {
    const { code, stdout } = await new OmegaUnderTest(t).run("actions", "ls");
    assert.equal(code, 0);
    assert.match(stdout, /^k8s\.scale +low +exact +namespace name replicas$/m);
  });

  it("plan --dry-run shows every field, the way back, the reach, the rights and the warnings, and changes nothing", async (t) => {
    const before = await cluster.get(`${deployments}/${name}`);
    const { code, stdout, stderr } = await plan(
      t,
      "k8s.scale",
      `namespace=${namespace}`,
      `name=${name}`,
      "replicas=3",
      "--dry-run",
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /k8s\.scale on .*payments/);
    assert.match(stdout, /\/spec\/replicas\n +- 1\n +\+ 3\n/);
    assert.match(stdout, /dry run +proven\n/);
    assert.match(stdout, /undo +can be taken back exactly/);
    assert.match(stdout, /reach +3 pods instead of 1\./);
    assert.match(stdout, /needs +deployments: get, patch; horizontalpodautoscalers: list/);
    assert.match(stdout, /warning +Argo CD owns Deployment/);
    assert.deepEqual(await cluster.get(`${deployments}/${name}`), before);
  });

  it("plan without --dry-run says that nothing was proven", async (t) => {
    const { code, stdout } = await plan(t, "k8s.scale", `namespace=${namespace}`, `name=${name}`, "replicas=3");
    assert.equal(code, 0);
    assert.match(stdout, /dry run +not run/);
    assert.doesNotMatch(stdout, /\/spec\/replicas/);
  });

  it("plan --json gives the same plan hash each time, and the changes", async (t) => {
    const words = ["k8s.set-env", `namespace=${namespace}`, `name=${name}`, "container=proxy", "env.MODE=lenient"];
    const answers = [await plan(t, ...words, "--dry-run", "--json"), await plan(t, ...words, "--json")];
    const [proven, planned] = answers.map(
      ({ stdout }) => JSON.parse(stdout) as { planHash: string; changes?: object[] },
    );
    assert.equal(proven?.planHash, planned?.planHash);
    assert.deepEqual(proven?.changes, [
      {
        object: `Deployment ${namespace}/${name}`,
        path: "/spec/template/spec/containers/1/env/0/value",
        before: "strict",
        after: "lenient",
      },
    ]);
  });

  it("says by its exit code why not", async (t) => {
    const here = [`namespace=${namespace}`, `name=${name}`];
    const refusals: [number, RegExp, string[]][] = [
      [1, /already as the action would make it/, ["k8s.scale", ...here, "replicas=1"]],
      [1, /kube-system is protected/, ["k8s.scale", "namespace=kube-system", "name=dns", "replicas=1"]],
      [1, /not_found/, ["k8s.scale", `namespace=${namespace}`, "name=absent", "replicas=1"]],
      [64, /'replicas=many': 'many' is no JSON value/, ["k8s.scale", ...here, "replicas=many"]],
      [64, /there is no parameter 'replica'/, ["k8s.scale", ...here, "replica=2"]],
      [64, /No action k8s\.delete is installed/, ["k8s.delete", ...here]],
    ];
    for (const [code, says, words] of refusals) {
      const ended = await plan(t, ...words);
      assert.equal(ended.code, code, words.join(" "));
      assert.match(ended.stderr, says);
    }
    const nowhere = await new OmegaUnderTest(t).run(
      "actions",
      "plan",
      "k8s.cordon",
      "name=n",
      "--config",
      join(folder, "absent.yaml"),
    );
    assert.equal(nowhere.code, 78);
  });
});
