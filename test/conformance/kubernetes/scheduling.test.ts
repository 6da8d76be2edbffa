// The scheduler counts what pods request against what a node has.
import assert from "node:assert/strict";
import { test } from "node:test";
import { until, type Loose } from "./cluster-under-test.ts";
import { expectations, type Scene } from "./scene.ts";

const room = { cpu: "1", memory: "1Gi", pods: "3" };

async function nodeOf(scene: Scene): Promise<string> {
  const name = `room-${scene.namespace}`;
  const now = new Date().toISOString().replace(/\.\d+Z/, "Z");
  const ready = { type: "Ready", status: "True", reason: "KubeletReady", message: "" };
  const made = await scene.post("/api/v1/nodes", {
    metadata: { name, labels: { "expect/room": name } },
    status: {
      conditions: [{ ...ready, lastHeartbeatTime: now, lastTransitionTime: now }],
      capacity: room,
      allocatable: room,
    },
  });
  assert.equal(made.code, 201);
  return name;
}

/** A pod that can go to that node only. */
const podOn = (node: string, name: string, requests: Record<string, string>, more: Loose = {}): Loose => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: {
    nodeSelector: { "expect/room": node },
    containers: [{ name: "main", image: "a:1", resources: { requests } }],
    ...more,
  },
});

expectations("scheduling", (scene) => {
  const create = async (pod: Loose): Promise<void> => {
    assert.equal((await scene().post(`${scene().core}/pods`, pod)).code, 201);
  };
  const read = async (name: string): Promise<Loose> => (await scene().get(`${scene().core}/pods/${name}`)).body;
  const bound = async (name: string): Promise<void> => {
    await until(`${name} is bound`, async () => (await read(name)).spec.nodeName !== undefined);
  };
  const refused = (name: string, why: RegExp): Promise<Loose> =>
    until(`${name} waits: ${why}`, async () => {
      const pod = await read(name);
      const said = pod.status.conditions?.find((each: Loose) => each.type === "PodScheduled");
      return said?.reason === "Unschedulable" && why.test(said.message) ? pod : undefined;
    });
  const remove = (name: string) => scene().delete(`${scene().core}/pods/${name}`, { gracePeriodSeconds: 0 });

  test("a pod waits until its requests fit beside those of the others, and is bound when one of them goes", async () => {
    const node = await nodeOf(scene());
    try {
      await create(podOn(node, "first", { cpu: "600m", memory: "100Mi" }));
      await bound("first");
      await create(podOn(node, "greedy", { cpu: "500m" }));
      await refused("greedy", /\b1 Insufficient cpu\b/);
      await create(podOn(node, "large", { memory: "1000Mi" }));
      await refused("large", /\b1 Insufficient memory\b/);
      // The rest of the node, to the last thousandth.
      await create(podOn(node, "exact", { cpu: "400m" }));
      await bound("exact");
      await remove("first");
      await bound("greedy");
      await bound("large");
    } finally {
      for (const name of ["first", "greedy", "large", "exact"]) await remove(name);
      await scene().delete(`/api/v1/nodes/${node}`);
    }
  });

  test("limits stand for requests that are not named, an init container counts by itself, and places are counted", async () => {
    const node = await nodeOf(scene());
    const names = ["limited", "prepared", "one", "two", "three", "four"];
    try {
      const limited = podOn(node, "limited", {});
      limited.spec.containers[0].resources = { limits: { cpu: "2" } };
      await create(limited);
      await refused("limited", /\b1 Insufficient cpu\b/);
      const init = { name: "init", image: "a:1", resources: { requests: { memory: "2Gi" } } };
      await create(podOn(node, "prepared", { cpu: "10m" }, { initContainers: [init] }));
      await refused("prepared", /\b1 Insufficient memory\b/);
      for (const name of ["one", "two", "three"]) {
        await create(podOn(node, name, {}));
        await bound(name);
      }
      await create(podOn(node, "four", {}));
      await refused("four", /\b1 Too many pods\b/);
    } finally {
      for (const name of names) await remove(name);
      await scene().delete(`/api/v1/nodes/${node}`);
    }
  });
});
