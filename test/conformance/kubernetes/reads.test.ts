// Lists, selectors, paging, tables, watches and who may do what.
import assert from "node:assert/strict";
import { test } from "node:test";
import { call, until, watched, type Loose } from "./cluster-under-test.ts";
import { deploymentOf, expectations, type Scene } from "./scene.ts";

async function makeConfigMaps(scene: Scene, prefix: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const metadata = { name: `${prefix}-${i}`, labels: { set: prefix, parity: i % 2 === 0 ? "even" : "odd" } };
    await scene.post(`${scene.core}/configmaps`, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
      data: { i: String(i) },
    });
  }
}

const names = (body: Loose): string[] => body.items.map((item: Loose) => item.metadata.name);

expectations("reads", (scene) => {
  test("label and field selectors", async () => {
    await makeConfigMaps(scene(), "select", 4);
    const list = async (query: string): Promise<string[]> =>
      names((await scene().get(`${scene().core}/configmaps?${query}`)).body);
    assert.deepEqual(await list("labelSelector=set%3Dselect,parity%3Deven"), ["select-0", "select-2"]);
    assert.deepEqual(await list("labelSelector=set%20in%20(select,other),parity!%3Deven"), ["select-1", "select-3"]);
    assert.deepEqual(await list("labelSelector=set%3Dselect,!parity"), []);
    assert.deepEqual(await list("labelSelector=parity,set%3Dselect&fieldSelector=metadata.name%3Dselect-1"), [
      "select-1",
    ]);
    const bad = await scene().get(`${scene().core}/configmaps?fieldSelector=spec.x%3Dy`);
    assert.equal(bad.code, 400);
    assert.equal(
      bad.body.message,
      '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    );
  });

  test("limit and continue page through a list", async () => {
    await makeConfigMaps(scene(), "page", 5);
    const base = `${scene().core}/configmaps?labelSelector=set%3Dpage&limit=2`;
    const seen: string[] = [];
    let token = "";
    let pages = 0;
    do {
      const { body } = await scene().get(token === "" ? base : `${base}&continue=${encodeURIComponent(token)}`);
      seen.push(...names(body));
      token = body.metadata.continue ?? "";
      pages++;
    } while (token !== "");
    assert.deepEqual(seen, ["page-0", "page-1", "page-2", "page-3", "page-4"]);
    assert.equal(pages, 3);
  });

  test("a list has its kind, its items do not", async () => {
    const { body } = await scene().get(`${scene().core}/configmaps`);
    assert.equal(body.kind, "ConfigMapList");
    assert.equal(body.apiVersion, "v1");
    assert.equal(
      body.items.every((item: Loose) => item.kind === undefined),
      true,
    );
  });

  test("a table for kubectl", async () => {
    await scene().post(`${scene().apps}/deployments`, deploymentOf("table", { replicas: 0 }));
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    const { body } = await call(scene().cluster, "GET", `${scene().apps}/deployments`, { accept });
    assert.equal(body.kind, "Table");
    assert.deepEqual(
      body.columnDefinitions.map((column: Loose) => column.name),
      ["Name", "Ready", "Up-to-date", "Available", "Age", "Containers", "Images", "Selector"],
    );
    const { cells, object } = body.rows.find((row: Loose) => row.object.metadata.name === "table");
    assert.deepEqual([...cells.slice(0, 4), ...cells.slice(5)], ["table", "0/0", 0, 0, "main", "shop:1", "app=table"]);
    assert.equal(object.kind, "PartialObjectMetadata");
  });

  test("a watch resumes where a list ended", async () => {
    const { core } = scene();
    const { body: list } = await scene().get(`${core}/configmaps`);
    const from = list.metadata.resourceVersion;
    await makeConfigMaps(scene(), "watch", 1);
    await scene().patch("merge", `${core}/configmaps/watch-0`, { data: { i: "changed" } });
    await scene().delete(`${core}/configmaps/watch-0`);
    const path = `${core}/configmaps?watch=true&resourceVersion=${from}&timeoutSeconds=1&labelSelector=set%3Dwatch`;
    const events = await watched(scene().cluster, path);
    assert.deepEqual(
      events.map(({ type }) => type),
      ["ADDED", "MODIFIED", "DELETED"],
    );
    const versions = events.map(({ object }) => Number(object.metadata.resourceVersion));
    assert.deepEqual(
      versions,
      versions.toSorted((a, b) => a - b),
    );
    const resumed = await watched(
      scene().cluster,
      path.replace(`resourceVersion=${from}`, `resourceVersion=${versions[0]}`),
    );
    assert.deepEqual(
      resumed.map(({ type }) => type),
      ["MODIFIED", "DELETED"],
    );
    assert.equal(resumed[0]?.object.data.i, "changed");
  });

  test("a watch without a version begins with what there is; leaving a selector is a deletion", async () => {
    const { core } = scene();
    await makeConfigMaps(scene(), "leave", 1);
    const path = `${core}/configmaps?watch=true&timeoutSeconds=2&labelSelector=set%3Dleave`;
    const watching = watched(scene().cluster, path);
    const { body: list } = await scene().get(`${core}/configmaps`);
    await scene().patch("merge", `${core}/configmaps/leave-0`, { metadata: { labels: { set: null } } });
    const resumed = await watched(scene().cluster, `${path}&resourceVersion=${list.metadata.resourceVersion}`);
    assert.deepEqual(
      resumed.map(({ type }) => type),
      ["DELETED"],
    );
    assert.equal((await watching)[0]?.type, "ADDED");
  });

  test("the initial events of a watch end with a bookmark that says so", async (t) => {
    await makeConfigMaps(scene(), "initial", 2);
    const query =
      "watch=true&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    const events = await watched(scene().cluster, `${scene().core}/configmaps?${query}&labelSelector=set%3Dinitial`);
    const why = events[0]?.type === "ERROR" ? String(events[0].object.message) : "";
    if (why.includes("RequestWatchProgress"))
      return t.skip(`this cluster's etcd is too old for it (3.4.25 is needed): ${why}`);
    assert.deepEqual(
      events.slice(0, 3).map(({ type }) => type),
      ["ADDED", "ADDED", "BOOKMARK"],
    );
    assert.equal(events[2]?.object.metadata.annotations["k8s.io/initial-events-end"], "true");
  });

  test("events are seen through both of their groups", async () => {
    const { core, namespace } = scene();
    const body = {
      metadata: { name: "told", namespace },
      involvedObject: { kind: "Pod", name: "p", namespace, apiVersion: "v1" },
      reason: "Testing",
      message: "a test",
      type: "Normal",
      source: { component: "suite" },
      count: 2,
    };
    assert.equal((await scene().post(`${core}/events`, body)).code, 201);
    const seen = await scene().get(`/apis/events.k8s.io/v1/namespaces/${namespace}/events/told`);
    assert.equal(seen.body.note, "a test");
    assert.equal(seen.body.regarding.name, "p");
    assert.equal(seen.body.deprecatedCount, 2);
    assert.equal(seen.body.message, undefined);
    const found = await scene().get(`${core}/events?fieldSelector=involvedObject.name%3Dp,reason%3DTesting`);
    assert.deepEqual(names(found.body), ["told"]);
  });

  test("no or a wrong token is 401", async () => {
    for (const token of ["", "wrong"]) {
      const { code, body } = await call(scene().cluster, "GET", "/api/v1/namespaces", { token });
      assert.equal(code, 401);
      assert.equal(body.reason, "Unauthorized");
      assert.equal(body.message, "Unauthorized");
    }
  });

  test("roles give just what they say", async (t) => {
    const { cluster, core, namespace } = scene();
    const token = cluster.readerToken;
    if (token === undefined) return t.skip("the cluster was given: it has no user of ours");
    const as = (method: string, path: string, body?: unknown) =>
      call(cluster, method, path, { token, ...(body === undefined ? {} : { body }) });
    const refused = await as("GET", `${core}/configmaps`);
    assert.equal(refused.code, 403);
    assert.equal(refused.body.reason, "Forbidden");
    assert.equal(
      refused.body.message,
      `configmaps is forbidden: User "reader" cannot list resource "configmaps" in API group "" in the namespace "${namespace}"`,
    );
    assert.deepEqual(refused.body.details, { kind: "configmaps" });
    const wide = await as("GET", "/api/v1/nodes");
    assert.equal(
      wide.body.message,
      'nodes is forbidden: User "reader" cannot list resource "nodes" in API group "" at the cluster scope',
    );
    const scale = await as("GET", `${scene().deployment("x")}/scale`);
    assert.equal(
      scale.body.message,
      `deployments.apps "x" is forbidden: User "reader" cannot get resource "deployments/scale" in API group "apps" in the namespace "${namespace}"`,
    );
    const group = "/apis/rbac.authorization.k8s.io/v1";
    const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list"], resourceNames: [] }];
    await scene().post(`${group}/namespaces/${namespace}/roles`, { metadata: { name: "read" }, rules });
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "read" };
    const bound = await scene().post(`${group}/namespaces/${namespace}/rolebindings`, {
      metadata: { name: "read" },
      roleRef,
      subjects: [{ kind: "Group", name: "readers", apiGroup: "rbac.authorization.k8s.io" }],
    });
    assert.equal(bound.code, 201);
    await until("the binding is in force", async () => (await as("GET", `${core}/configmaps`)).code === 200);
    assert.equal((await as("DELETE", `${core}/configmaps/x`)).code, 403);
    assert.equal((await as("GET", "/api/v1/namespaces/default/configmaps")).code, 403);
    const review = async (verb: string, resource: string): Promise<boolean> => {
      const spec = { resourceAttributes: { namespace, verb, resource } };
      const { code, body } = await as("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
        kind: "SelfSubjectAccessReview",
        apiVersion: "authorization.k8s.io/v1",
        spec,
      });
      assert.equal(code, 201);
      return body.status.allowed;
    };
    assert.equal(await review("list", "configmaps"), true);
    assert.equal(await review("delete", "configmaps"), false);
    assert.equal((await as("GET", "/version")).code, 200);
    assert.equal((await as("GET", "/metrics")).code, 403);
  });
});
