// Real kubectl and the official client, doing what people do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AppsV1Api, CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from "@kubernetes/client-node";
import { kubectl, until, whyNoKubectl, type Ran } from "./cluster-under-test.ts";
import { deploymentOf, expectations } from "./scene.ts";

const skip = await whyNoKubectl();
if (skip !== false) process.stdout.write(`# skipped: kubectl: ${skip}\n`);

expectations("clients", (scene) => {
  const run = (args: string, input?: unknown): Promise<Ran> =>
    kubectl(
      scene().cluster,
      scene().namespace,
      args.split(" "),
      input === undefined ? undefined : JSON.stringify(input),
    );
  const succeeds = async (args: string, input?: unknown): Promise<string> => {
    const ran = await run(args, input);
    assert.equal(ran.code, 0, `kubectl ${args}: ${ran.stderr}`);
    return ran.stdout;
  };
  const rolledOut = (name: string): Promise<void> =>
    scene().playKubelet(name, `${name} is rolled out`, () => scene().rolledOut(name));

  test("kubectl apply, both ways, and its dry run", { skip }, async () => {
    const body = deploymentOf("applied", { replicas: 1 });
    assert.match(await succeeds("apply -f - --dry-run=server", body), /created \(server dry run\)/);
    assert.match(await succeeds("apply -f -", body), /deployment\.apps\/applied created/);
    assert.match(await succeeds("apply -f -", body), /applied unchanged/);
    body.spec.template.spec.containers[0].env = [{ name: "B", value: "3" }];
    assert.match(await succeeds("apply -f -", body), /applied configured/);
    const { body: stored } = await scene().get(scene().deployment("applied"));
    assert.deepEqual(stored.spec.template.spec.containers[0].env, [{ name: "B", value: "3" }]);
    const other = deploymentOf("served", { replicas: 1 });
    assert.match(await succeeds("apply --server-side --field-manager=one -f -", other), /served serverside-applied/);
    other.spec.replicas = 2;
    const refused = await run("apply --server-side --field-manager=two -f -", other);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /Apply failed with 1 conflict: conflict with "one": \.spec\.replicas/);
    assert.match(
      await succeeds("apply --server-side --field-manager=two --force-conflicts -f -", other),
      /serverside-applied/,
    );
    const unknown = await run("apply -f -", { ...other, spec: { ...other.spec, nonsense: 1 } });
    assert.notEqual(unknown.code, 0);
    assert.match(unknown.stderr, /unknown field/);
  });

  test("kubectl rollout: status, history, undo, restart, pause", { skip }, async () => {
    await succeeds("apply -f -", deploymentOf("rolled"));
    await rolledOut("rolled");
    assert.match(await succeeds("rollout status deployment/rolled --timeout=20s"), /successfully rolled out/);
    await succeeds("set image deployment/rolled main=shop:2");
    await rolledOut("rolled");
    assert.match(await succeeds("rollout history deployment/rolled"), /^1\s[\s\S]*^2\s/m);
    assert.match(await succeeds("rollout history deployment/rolled --revision=1"), /shop:1/);
    const dry = await succeeds("rollout undo deployment/rolled --dry-run=server");
    assert.match(dry, /dry run/);
    assert.match(await succeeds("rollout undo deployment/rolled"), /rolled back/);
    await rolledOut("rolled");
    const { body } = await scene().get(scene().deployment("rolled"));
    assert.equal(body.spec.template.spec.containers[0].image, "shop:1");
    assert.equal(body.metadata.annotations["deployment.kubernetes.io/revision"], "3");
    assert.match(await succeeds("rollout history deployment/rolled"), /^2\s[\s\S]*^3\s/m);
    await succeeds("rollout restart deployment/rolled");
    await rolledOut("rolled");
    const restarted = await scene().get(scene().deployment("rolled"));
    assert.notEqual(restarted.body.spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"], undefined);
    assert.match(await succeeds("rollout pause deployment/rolled"), /paused/);
    assert.match(await succeeds("rollout resume deployment/rolled"), /resumed/);
  });

  test("kubectl patch in each type, dry, and scale", { skip }, async () => {
    await succeeds("apply -f -", deploymentOf("patched", { replicas: 1 }));
    const cases = [
      ["strategic", '{"spec":{"replicas":4}}'],
      ["merge", '{"spec":{"replicas":4}}'],
      ["json", '[{"op":"replace","path":"/spec/replicas","value":4}]'],
    ];
    for (const [type, patch] of cases) {
      const shown = await succeeds(
        `patch deployment patched --dry-run=server --type=${type} -o jsonpath={.spec.replicas} -p ${patch}`,
      );
      assert.equal(shown, "4");
    }
    assert.equal((await scene().get(scene().deployment("patched"))).body.spec.replicas, 1);
    assert.match(await succeeds("scale deployment patched --replicas=2"), /scaled/);
    assert.equal((await scene().get(scene().deployment("patched"))).body.spec.replicas, 2);
    assert.match(await succeeds("set env deployment/patched A=9 C=1"), /env updated/);
    assert.match(await succeeds("label deployment patched tier=web"), /labeled/);
    assert.match(await succeeds("annotate deployment patched note=x"), /annotated/);
  });

  test("kubectl get, describe and delete", { skip }, async () => {
    await succeeds("apply -f -", deploymentOf("shown", { replicas: 1 }));
    await rolledOut("shown");
    assert.match(
      await succeeds("get deployments shown"),
      /^NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\nshown\s+1\/1\s+1\s+1\s+\d+s/,
    );
    const [pod] = await scene().pods("shown");
    assert.match(
      await succeeds("get pods -l app=shown -o wide"),
      /^NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE/,
    );
    assert.match(await succeeds("get all"), /replicaset\.apps\/shown-/);
    assert.match(
      await succeeds("describe deployment shown"),
      /ScalingReplicaSet\s.*Scaled up replica set shown-\w+ from 0 to 1/,
    );
    assert.match(await succeeds(`describe pod ${pod.metadata.name}`), /Controlled By:\s+ReplicaSet\/shown-/);
    assert.match(await succeeds("get events --field-selector reason=ScalingReplicaSet"), /deployment\/shown/);
    assert.match(await succeeds("get deployment shown -o yaml --show-managed-fields"), /f:replicas/);
    assert.match(
      await succeeds("api-resources --api-group=apps"),
      /deployments\s+deploy\s+apps\/v1\s+true\s+Deployment/,
    );
    assert.match(await succeeds("explain deployment.spec.strategy"), /rollingUpdate/);
    assert.match(await succeeds(`delete pod ${pod.metadata.name} --dry-run=server`), /dry run/);
    assert.match(await succeeds(`delete pod ${pod.metadata.name}`), /deleted/);
    assert.match(await succeeds("delete deployment shown"), /deleted/);
    const absent = await run("get deployment shown");
    assert.match(absent.stderr, /Error from server \(NotFound\): deployments\.apps "shown" not found/);
  });

  test("kubectl create and ask, whose bodies may be protobuf", { skip }, async (t) => {
    const first = await run("create configmap written --from-literal=a=b");
    if (first.stderr.includes("accepted media types include"))
      return t.skip("this cluster reads no protobuf, which this kubectl sends");
    assert.match(first.stdout, /created/);
    assert.deepEqual((await scene().get(`${scene().core}/configmaps/written`)).body.data, { a: "b" });
    assert.match(await succeeds("create deployment typed --image=shop:1 --replicas=1 --port=8080"), /created/);
    const { body } = await scene().get(scene().deployment("typed"));
    assert.deepEqual(body.spec.template.spec.containers[0].ports, [{ containerPort: 8080, protocol: "TCP" }]);
    assert.match(await succeeds("create secret generic kept --from-literal=key=value"), /created/);
    assert.deepEqual((await scene().get(`${scene().core}/secrets/kept`)).body.data, { key: "dmFsdWU=" });
    assert.equal((await succeeds("auth can-i delete pods")).trim(), "yes");
  });

  test("kubectl cordons a node", { skip }, async () => {
    const node = `cordon-${scene().namespace}`;
    await scene().post("/api/v1/nodes", { metadata: { name: node } });
    try {
      assert.match(await succeeds(`cordon ${node} --dry-run=server`), /cordoned/);
      assert.notEqual((await scene().get(`/api/v1/nodes/${node}`)).body.spec.unschedulable, true);
      assert.match(await succeeds(`cordon ${node}`), /cordoned/);
      assert.match(await succeeds(`get node ${node}`), /SchedulingDisabled/);
      assert.match(await succeeds(`uncordon ${node}`), /uncordoned/);
    } finally {
      await scene().delete(`/api/v1/nodes/${node}`);
    }
  });

  test("the official client lists, changes and watches", async () => {
    const config = new KubeConfig();
    config.loadFromFile(scene().cluster.kubeconfig);
    const core = config.makeApiClient(CoreV1Api);
    const apps = config.makeApiClient(AppsV1Api);
    const { namespace } = scene();
    const seen = new Map<string, string>();
    const list = (): Promise<{ items: V1ConfigMap[] } & object> => core.listNamespacedConfigMap({ namespace });
    const informer = makeInformer(
      config,
      `/api/v1/namespaces/${namespace}/configmaps`,
      list as () => ReturnType<typeof core.listNamespacedConfigMap>,
    );
    for (const verb of ["add", "update", "delete"] as const)
      informer.on(verb, (object) => seen.set(object.metadata?.name ?? "", verb));
    await informer.start();
    try {
      const made = await core.createNamespacedConfigMap({
        namespace,
        body: { metadata: { name: "watched" }, data: { a: "1" } },
      });
      assert.ok(made.metadata?.creationTimestamp instanceof Date);
      await until("the informer saw it made", async () => Promise.resolve(seen.get("watched") === "add"));
      await core.replaceNamespacedConfigMap({
        namespace,
        name: "watched",
        body: Object.assign(made, { data: { a: "2" } }),
      });
      await until("the informer saw it changed", async () => Promise.resolve(seen.get("watched") === "update"));
      await core.deleteNamespacedConfigMap({ namespace, name: "watched" });
      await until("the informer saw it go", async () => Promise.resolve(seen.get("watched") === "delete"));
    } finally {
      await informer.stop();
    }
    await apps.createNamespacedDeployment({ namespace, body: deploymentOf("official", { replicas: 0 }) });
    const scaled = await apps.replaceNamespacedDeploymentScale({
      namespace,
      name: "official",
      body: { metadata: { name: "official", namespace }, spec: { replicas: 1 } },
    });
    assert.equal(scaled.spec?.replicas, 1);
  });
});
