// Server-side apply: who owns which field, conflicts, forcing, giving up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { until, type Loose } from "./cluster-under-test.ts";
import { deploymentOf, expectations } from "./scene.ts";

const config = (name: string, spec: Loose): Loose => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name },
  spec,
});

function managersOf(object: Loose): Map<string, Loose> {
  return new Map(
    object.metadata.managedFields.map((each: Loose) => [
      `${each.manager} ${each.operation} ${each.subresource ?? ""}`.trim(),
      each,
    ]),
  );
}

expectations("server-side apply", (scene) => {
  test("apply creates, and owns just what it names", async () => {
    const { apiVersion, kind, metadata, spec } = deploymentOf("fresh", { replicas: 0 });
    const path = scene().deployment("fresh");
    const { code, body } = await scene().patch("apply", `${path}?fieldManager=one`, {
      apiVersion,
      kind,
      metadata,
      spec,
    });
    assert.equal(code, 201);
    const owned = managersOf(body).get("one Apply");
    assert.equal(owned.fieldsType, "FieldsV1");
    assert.deepEqual(owned.fieldsV1, {
      "f:metadata": { "f:labels": { "f:app": {} } },
      "f:spec": {
        "f:replicas": {},
        "f:selector": {},
        "f:template": {
          "f:metadata": { "f:labels": { "f:app": {} } },
          "f:spec": {
            "f:containers": {
              'k:{"name":"main"}': {
                ".": {},
                "f:env": {
                  'k:{"name":"A"}': { ".": {}, "f:name": {}, "f:value": {} },
                  'k:{"name":"B"}': { ".": {}, "f:name": {}, "f:value": {} },
                },
                "f:image": {},
                "f:name": {},
                "f:ports": { 'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} } },
              },
            },
          },
        },
      },
    });
    const again = await scene().patch("apply", `${path}?fieldManager=one`, { apiVersion, kind, metadata, spec });
    assert.equal(again.code, 200);
    assert.equal(again.body.metadata.generation, 1);
  });

  test("another manager's field is a conflict unless forced", async () => {
    await scene().patch(
      "apply",
      `${scene().deployment("contested")}?fieldManager=one`,
      deploymentOf("contested", { replicas: 0 }),
    );
    const path = scene().deployment("contested");
    const refused = await scene().patch("apply", `${path}?fieldManager=two`, config("contested", { replicas: 1 }));
    assert.equal(refused.code, 409);
    assert.equal(refused.body.reason, "Conflict");
    assert.equal(refused.body.message, 'Apply failed with 1 conflict: conflict with "one": .spec.replicas');
    assert.deepEqual(refused.body.details.causes, [
      { reason: "FieldManagerConflict", message: 'conflict with "one"', field: ".spec.replicas" },
    ]);
    const agreed = await scene().patch("apply", `${path}?fieldManager=three`, config("contested", { replicas: 0 }));
    assert.equal(agreed.code, 200, "the same value is shared, not fought over");
    const forced = await scene().patch(
      "apply",
      `${path}?fieldManager=two&force=true`,
      config("contested", { replicas: 1, paused: true }),
    );
    assert.equal(forced.code, 200);
    assert.equal(forced.body.spec.replicas, 1);
    const managers = managersOf(forced.body);
    assert.deepEqual(managers.get("two Apply").fieldsV1, { "f:spec": { "f:paused": {}, "f:replicas": {} } });
    assert.equal(managers.get("one Apply").fieldsV1["f:spec"]["f:replicas"], undefined);
  });

  test("a field changed by an update conflicts with its manager, api version named", async () => {
    await scene().post(`${scene().apps}/deployments?fieldManager=maker`, deploymentOf("updated", { replicas: 0 }));
    const { body } = await scene().patch(
      "apply",
      `${scene().deployment("updated")}?fieldManager=two`,
      config("updated", { replicas: 1 }),
    );
    assert.equal(body.message, 'Apply failed with 1 conflict: conflict with "maker" using apps/v1: .spec.replicas');
    const env = {
      template: { spec: { containers: [{ name: "main", image: "shop:2", env: [{ name: "A", value: "9" }] }] } },
    };
    const two = await scene().patch(
      "apply",
      `${scene().deployment("updated")}?fieldManager=two`,
      config("updated", env),
    );
    assert.equal(two.code, 409);
    assert.deepEqual(two.body.details.causes.map((cause: Loose) => cause.field).toSorted(), [
      '.spec.template.spec.containers[name="main"].env[name="A"].value',
      '.spec.template.spec.containers[name="main"].image',
    ]);
  });

  test("a field that is no longer named goes, unless somebody else names it", async () => {
    const path = scene().deployment("given-up");
    const both = { metadata: { labels: { app: "given-up" }, annotations: { mine: "1", shared: "1" } } };
    const body = (meta: Loose): Loose => ({
      ...deploymentOf("given-up", { replicas: 0 }),
      metadata: { name: "given-up", ...meta },
    });
    await scene().patch("apply", `${path}?fieldManager=one`, body(both.metadata));
    await scene().patch("apply", `${path}?fieldManager=two`, {
      ...config("given-up", undefined),
      metadata: { name: "given-up", annotations: { shared: "1" } },
    });
    const without = await scene().patch("apply", `${path}?fieldManager=one`, body({ labels: { app: "given-up" } }));
    assert.equal(without.code, 200);
    assert.equal(without.body.metadata.annotations.mine, undefined);
    assert.equal(without.body.metadata.annotations.shared, "1");
  });

  test("an entry of env comes and goes with its applier", async () => {
    const path = scene().deployment("env");
    await scene().post(`${scene().apps}/deployments`, deploymentOf("env", { replicas: 0 }));
    const withEnv = (env: Loose[]): Loose =>
      config("env", { template: { spec: { containers: [{ name: "main", env }] } } });
    const added = await scene().patch("apply", `${path}?fieldManager=healer`, withEnv([{ name: "LIMIT", value: "5" }]));
    assert.deepEqual(
      added.body.spec.template.spec.containers[0].env.map((each: Loose) => each.name),
      ["A", "B", "LIMIT"],
    );
    const removed = await scene().patch("apply", `${path}?fieldManager=healer`, withEnv([]));
    assert.deepEqual(
      removed.body.spec.template.spec.containers[0].env.map((each: Loose) => each.name),
      ["A", "B"],
    );
  });

  test("an update takes the fields it changes, and scale is told apart", async () => {
    const path = scene().deployment("tracked");
    await scene().post(`${scene().apps}/deployments?fieldManager=maker`, deploymentOf("tracked", { replicas: 0 }));
    await scene().patch("merge", `${path}?fieldManager=other`, { spec: { paused: true } });
    await until("the scale is written; the controller may come in between", async () => {
      const { body: scale } = await scene().get(`${path}/scale`);
      const scaled = await scene().put(`${path}/scale?fieldManager=scaler`, { ...scale, spec: { replicas: 1 } });
      return scaled.code === 200;
    });
    const { body } = await scene().get(path);
    const managers = managersOf(body);
    assert.deepEqual(managers.get("other Update").fieldsV1, { "f:spec": { "f:paused": {} } });
    assert.deepEqual(managers.get("scaler Update scale").fieldsV1, { "f:spec": { "f:replicas": {} } });
    assert.equal(managers.get("maker Update").fieldsV1["f:spec"]["f:replicas"], undefined);
    assert.notEqual(managers.get("maker Update").fieldsV1["f:spec"]["f:template"], undefined);
  });

  test("bad applies are refused", async () => {
    const path = scene().deployment("refused");
    const nameless = await scene().patch("apply", path, deploymentOf("refused"));
    assert.equal(nameless.code, 422);
    assert.equal(nameless.body.details.causes[0].field, "fieldManager");
    const unknown = await scene().patch("apply", `${path}?fieldManager=x`, config("refused", { nonsense: 1 }));
    assert.match(unknown.body.message, /\.spec\.nonsense: field not declared in schema/);
    const forced = await scene().patch("merge", `${scene().core}/configmaps/x?force=true`, {});
    assert.equal(forced.code, 422);
  });
});
