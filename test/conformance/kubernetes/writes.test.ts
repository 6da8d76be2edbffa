// Creating, reading, changing and deleting: patches, preconditions, dry runs, validation.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Loose } from "./cluster-under-test.ts";
import { deploymentOf, expectations } from "./scene.ts";

const configMap = (name: string, data: Loose = {}): Loose => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data,
});

expectations("writes", (scene) => {
  test("create fills in what the server owns", async () => {
    const { code, body } = await scene().post(`${scene().core}/configmaps`, configMap("made", { a: "1" }));
    assert.equal(code, 201);
    assert.match(body.metadata.uid, /^[0-9a-f-]{36}$/);
    assert.match(body.metadata.resourceVersion, /^\d+$/);
    assert.match(body.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const again = await scene().post(`${scene().core}/configmaps`, configMap("made"));
    assert.equal(again.code, 409);
    assert.equal(again.body.reason, "AlreadyExists");
    assert.equal(again.body.message, 'configmaps "made" already exists');
    assert.deepEqual(again.body.details, { name: "made", kind: "configmaps" });
  });

  test("generateName makes a name", async () => {
    const { code, body } = await scene().post(`${scene().core}/configmaps`, {
      ...configMap(""),
      metadata: { generateName: "made-" },
    });
    assert.equal(code, 201);
    assert.match(body.metadata.name, /^made-[a-z0-9]{5}$/);
  });

  test("a deployment is defaulted", async () => {
    const { code, body } = await scene().post(`${scene().apps}/deployments?dryRun=All`, deploymentOf("defaults"));
    assert.equal(code, 201);
    const { spec } = body;
    assert.equal(spec.revisionHistoryLimit, 10);
    assert.equal(spec.progressDeadlineSeconds, 600);
    assert.deepEqual(spec.strategy, {
      type: "RollingUpdate",
      rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" },
    });
    const { containers, ...pod } = spec.template.spec;
    assert.deepEqual(pod, {
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      dnsPolicy: "ClusterFirst",
      securityContext: {},
      schedulerName: "default-scheduler",
    });
    assert.equal(containers[0].imagePullPolicy, "IfNotPresent");
    assert.deepEqual(containers[0].ports, [{ containerPort: 80, protocol: "TCP" }]);
    assert.equal((await scene().get(scene().deployment("defaults"))).code, 404);
  });

  test("quantities are made canonical", async () => {
    const body = deploymentOf("quantities");
    body.spec.template.spec.containers[0].resources = {
      limits: { cpu: "1000m", memory: "64Mi" },
      requests: { cpu: "0.5" },
    };
    const made = await scene().post(`${scene().apps}/deployments?dryRun=All`, body);
    const { resources } = made.body.spec.template.spec.containers[0];
    assert.deepEqual(resources, { limits: { cpu: "1", memory: "64Mi" }, requests: { cpu: "500m" } });
  });

  test("PUT with a stale resourceVersion is a conflict", async () => {
    const made = await scene().post(`${scene().core}/configmaps`, configMap("stale", { a: "1" }));
    const path = `${scene().core}/configmaps/stale`;
    const first = await scene().put(path, { ...made.body, data: { a: "2" } });
    assert.equal(first.code, 200);
    const second = await scene().put(path, { ...made.body, data: { a: "3" } });
    assert.equal(second.code, 409);
    assert.equal(second.body.reason, "Conflict");
    assert.equal(
      second.body.message,
      'Operation cannot be fulfilled on configmaps "stale": the object has been modified; please apply your changes to the latest version and try again',
    );
    assert.deepEqual(second.body.details, { name: "stale", kind: "configmaps" });
  });

  test("an update that changes nothing keeps the resourceVersion", async () => {
    const { body } = await scene().post(`${scene().core}/configmaps`, configMap("same", { a: "1" }));
    const after = await scene().put(`${scene().core}/configmaps/same`, body);
    assert.equal(after.body.metadata.resourceVersion, body.metadata.resourceVersion);
  });

  test("the three patches, their preconditions and their faults", async () => {
    await scene().post(`${scene().apps}/deployments`, deploymentOf("patched", { replicas: 0 }));
    const path = scene().deployment("patched");
    const json = await scene().patch("json", path, [
      { op: "test", path: "/spec/replicas", value: 0 },
      // A replace of a field that is not there adds it, against RFC 6902; a remove of one fails.
      { op: "replace", path: "/spec/paused", value: true },
    ]);
    assert.equal(json.code, 200);
    assert.equal(json.body.spec.paused, true);
    const absent = await scene().patch("json", path, [{ op: "remove", path: "/spec/nonsense" }]);
    assert.equal(absent.code, 422);
    const untrue = await scene().patch("json", path, [{ op: "test", path: "/spec/replicas", value: 5 }]);
    assert.equal(untrue.code, 422);
    assert.equal(untrue.body.reason, "Invalid");

    const merge = await scene().patch("merge", path, {
      spec: { paused: null },
      metadata: { annotations: { note: "x" } },
    });
    assert.equal(merge.body.spec.paused, undefined);
    assert.equal(merge.body.metadata.annotations.note, "x");

    const stale = await scene().patch("merge", path, { metadata: { resourceVersion: "1" }, spec: { replicas: 1 } });
    assert.equal(stale.code, 409);
    assert.equal(stale.body.details.group, "apps");
    const uid = await scene().patch("merge", path, { metadata: { uid: "00000000-0000-0000-0000-000000000000" } });
    assert.notEqual(uid.code, 200);

    const type = await scene().patch("merge", path, { spec: { replicas: "many" } });
    assert.equal(type.code, 422);
    assert.match(
      type.body.message,
      /cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32/,
    );
    const missing = await scene().patch("merge", scene().deployment("nobody"), {});
    assert.equal(missing.code, 404);
    assert.equal(missing.body.message, 'deployments.apps "nobody" not found');
  });

  test("a strategic patch merges lists by their keys", async () => {
    await scene().post(`${scene().apps}/deployments`, deploymentOf("strategic", { replicas: 0 }));
    const path = scene().deployment("strategic");
    const container = (patch: Loose): Loose => ({
      spec: { template: { spec: { containers: [{ name: "main", ...patch }] } } },
    });
    const changed = await scene().patch(
      "strategic",
      path,
      container({
        env: [
          { name: "B", value: "3" },
          { name: "C", value: "4" },
        ],
      }),
    );
    const env = changed.body.spec.template.spec.containers[0].env as Loose[];
    assert.deepEqual(
      new Map(env.map((each) => [each.name, each.value])),
      new Map([
        ["A", "1"],
        ["B", "3"],
        ["C", "4"],
      ]),
    );
    assert.equal(changed.body.spec.template.spec.containers[0].image, "shop:1");
    const removed = await scene().patch("strategic", path, container({ env: [{ name: "A", $patch: "delete" }] }));
    assert.deepEqual(removed.body.spec.template.spec.containers[0].env.map((each: Loose) => each.name).toSorted(), [
      "B",
      "C",
    ]);
    const ordered = await scene().patch(
      "strategic",
      path,
      container({ "$setElementOrder/env": [{ name: "C" }, { name: "B" }] }),
    );
    assert.deepEqual(
      ordered.body.spec.template.spec.containers[0].env.map((each: Loose) => each.name),
      ["C", "B"],
    );
    const replaced = await scene().patch(
      "strategic",
      path,
      container({ env: [{ $patch: "replace" }, { name: "Z", value: "9" }] }),
    );
    assert.deepEqual(replaced.body.spec.template.spec.containers[0].env, [{ name: "Z", value: "9" }]);
    const recreate = await scene().patch("strategic", path, {
      spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } },
    });
    assert.deepEqual(recreate.body.spec.strategy, { type: "Recreate" });
  });

  test("the generation counts changes of the spec alone", async () => {
    await scene().post(`${scene().apps}/deployments`, deploymentOf("generation", { replicas: 0 }));
    const path = scene().deployment("generation");
    const labelled = await scene().patch("merge", path, { metadata: { labels: { x: "y" } } });
    assert.equal(labelled.body.metadata.generation, 1);
    const scaled = await scene().patch("merge", path, { spec: { paused: true } });
    assert.equal(scaled.body.metadata.generation, 2);
    const status = await scene().patch("merge", `${path}/status`, {
      status: { collisionCount: 1 },
      spec: { replicas: 9 },
    });
    assert.equal(status.body.metadata.generation, 2);
    assert.equal(status.body.spec.replicas, 0);
    const throughMain = await scene().patch("merge", path, { status: { collisionCount: 7 } });
    assert.equal(throughMain.body.status.collisionCount, 1);
  });

  test("faults are named with their fields", async () => {
    const bad = deploymentOf("Bad_Name", { replicas: -1 });
    bad.spec.template.metadata.labels = { app: "other" };
    delete bad.spec.template.spec.containers[0].image;
    const { code, body } = await scene().post(`${scene().apps}/deployments`, bad);
    assert.equal(code, 422);
    assert.equal(body.reason, "Invalid");
    assert.match(body.message, /^Deployment\.apps "Bad_Name" is invalid: \[/);
    const causes = new Map(body.details.causes.map((cause: Loose) => [cause.field, cause]));
    assert.deepEqual(
      new Set(causes.keys()),
      new Set([
        "metadata.name",
        "spec.replicas",
        "spec.template.metadata.labels",
        "spec.template.spec.containers[0].image",
      ]),
    );
    assert.deepEqual(causes.get("spec.replicas"), {
      reason: "FieldValueInvalid",
      message: "Invalid value: -1: must be greater than or equal to 0",
      field: "spec.replicas",
    });
    assert.deepEqual(causes.get("spec.template.spec.containers[0].image"), {
      reason: "FieldValueRequired",
      message: "Required value",
      field: "spec.template.spec.containers[0].image",
    });
  });

  test("a selector cannot change", async () => {
    await scene().post(`${scene().apps}/deployments`, deploymentOf("fixed", { replicas: 0 }));
    const { code, body } = await scene().patch("merge", scene().deployment("fixed"), {
      spec: { selector: { matchLabels: { more: "x" } } },
    });
    assert.equal(code, 422);
    assert.ok(
      body.details.causes.some(
        (cause: Loose) => cause.field === "spec.selector" && cause.message.endsWith("field is immutable"),
      ),
    );
  });

  test("strict field validation names unknown fields", async () => {
    const body = deploymentOf("strict");
    body.spec.replicaz = 1;
    body.spec.template.spec.containers[0].imgae = "x";
    const strict = await scene().post(`${scene().apps}/deployments?fieldValidation=Strict`, body);
    assert.equal(strict.code, 400);
    assert.equal(
      strict.body.message,
      'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.template.spec.containers[0].imgae", unknown field "spec.replicaz"',
    );
    const warned = await scene().post(`${scene().apps}/deployments?fieldValidation=Warn&dryRun=All`, body);
    assert.equal(warned.code, 201);
    assert.match(String(warned.headers["warning"]), /unknown field \\"spec\.replicaz\\"/);
    assert.equal(warned.body.spec.replicaz, undefined);
  });

  test("a dry run is checked, answered and not stored", async () => {
    const made = await scene().post(`${scene().core}/configmaps`, configMap("dry", { a: "1" }));
    const path = `${scene().core}/configmaps/dry`;
    const version = made.body.metadata.resourceVersion;
    for (const answer of [
      await scene().patch("merge", `${path}?dryRun=All`, { data: { a: "2" } }),
      await scene().patch("json", `${path}?dryRun=All`, [{ op: "replace", path: "/data/a", value: "2" }]),
      await scene().patch("strategic", `${path}?dryRun=All`, { data: { a: "2" } }),
      await scene().patch("apply", `${path}?dryRun=All&fieldManager=t&force=true`, configMap("dry", { a: "2" })),
      await scene().put(`${path}?dryRun=All`, { ...made.body, data: { a: "2" } }),
    ]) {
      assert.equal(answer.code, 200);
      assert.deepEqual(answer.body.data, { a: "2" });
    }
    assert.equal((await scene().delete(`${path}?dryRun=All`)).code, 200);
    assert.equal((await scene().delete(path, { dryRun: ["All"] })).code, 200);
    const after = await scene().get(path);
    assert.deepEqual(after.body.data, { a: "1" });
    assert.equal(after.body.metadata.resourceVersion, version);
    const odd = await scene().patch("merge", `${path}?dryRun=Some`, {});
    assert.equal(odd.code, 422);
    assert.equal(odd.body.details.causes[0].field, "dryRun");
  });

  test("delete has preconditions and says what it deleted", async () => {
    const { body } = await scene().post(`${scene().core}/configmaps`, configMap("gone"));
    const path = `${scene().core}/configmaps/gone`;
    const uid = await scene().delete(path, { preconditions: { uid: "other" } });
    assert.equal(uid.code, 409);
    assert.match(uid.body.message, /the UID in the precondition \(other\) does not match the UID in record/);
    const version = await scene().delete(path, { preconditions: { resourceVersion: "1" } });
    assert.equal(version.code, 409);
    const done = await scene().delete(path, { preconditions: { uid: body.metadata.uid } });
    assert.equal(done.code, 200);
    assert.equal(done.body.status, "Success");
    assert.deepEqual(done.body.details, { name: "gone", kind: "configmaps", uid: body.metadata.uid });
    assert.equal((await scene().get(path)).code, 404);
  });

  test("a finalizer holds a deleted object until it is taken away", async () => {
    await scene().post(`${scene().core}/configmaps`, {
      ...configMap("held"),
      metadata: { name: "held", finalizers: ["example.com/hold"] },
    });
    const path = `${scene().core}/configmaps/held`;
    assert.equal((await scene().delete(path)).code, 200);
    const held = await scene().get(path);
    assert.equal(held.code, 200);
    assert.notEqual(held.body.metadata.deletionTimestamp, undefined);
    await scene().patch("merge", path, { metadata: { finalizers: null } });
    assert.equal((await scene().get(path)).code, 404);
  });

  test("bad requests are told apart", async () => {
    const { core } = scene();
    assert.equal((await scene().get("/api/v1/nonsense")).code, 404);
    assert.equal(
      (await scene().post("/api/v1/namespaces/no-such/configmaps", configMap("x"))).body.message,
      'namespaces "no-such" not found',
    );
    assert.equal((await scene().post(`${core}/configmaps`, { ...configMap("x"), kind: "Secret" })).code, 400);
    assert.equal((await scene().post(`${core}/configmaps`, "{")).code, 400);
    const named = await scene().put(`${core}/configmaps/y`, configMap("x"));
    assert.equal(named.body.message, "the name of the object (x) does not match the name on the URL (y)");
    const elsewhere = await scene().post(`${core}/configmaps`, {
      ...configMap("x"),
      metadata: { name: "x", namespace: "default" },
    });
    assert.equal(
      elsewhere.body.message,
      "the namespace of the provided object does not match the namespace sent on the request",
    );
    const type = await scene().patch("merge", `${core}/configmaps/x`, "not json");
    assert.ok(type.code === 400 || type.code === 404);
  });
});
