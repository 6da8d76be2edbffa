import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { deployment, fetchText, inNamespace, isReady, service, until, type World } from "./world.ts";

interface Deployment {
  status?: { availableReplicas?: number; updatedReplicas?: number; replicas?: number };
}

/** What deployments do when pods really run. */
export function rolloutExpectations(world: () => World): void {
  test("a deployment becomes available, each pod with an address of its own", async () => {
    await inNamespace(world(), "available", async (namespace) => {
      world().apply(deployment("shop", namespace, 3, "1"));
      world().kubectl("rollout", "status", "deployment/shop", "-n", namespace, "--timeout=60s");
      const pods = await world().ready(namespace);
      assert.equal(pods.length, 3);
      assert.equal(new Set(pods.map(({ status }) => status?.podIP)).size, 3);
      for (const { status } of pods) {
        assert.equal(status?.phase, "Running");
        assert.equal(await fetchText(`http://${status?.podIP}:8080/`), "1");
      }
      const said = await until("events", async () => {
        const events = await world().events(namespace);
        return (
          ["Pulled", "Created", "Started"].every((reason) => events.some((event) => event.startsWith(reason))) && events
        );
      });
      assert.ok(said.includes('Pulled: Container image "test/web:1" already present on machine'));
    });
  });

  test("a rolling update never drops below what was available, and no request through the service fails", async () => {
    await inNamespace(world(), "rolling", async (namespace) => {
      world().apply(service("shop", namespace), deployment("shop", namespace, 3, "1"));
      world().kubectl("rollout", "status", "deployment/shop", "-n", namespace, "--timeout=60s");
      const url = await until("a service address", () => Promise.resolve(world().serviceUrl(`${namespace}/shop`)));
      const answers = new Map<string, number>();
      const failures: unknown[] = [];
      const available: number[] = [];
      let rolling = true;
      const visitor = async (): Promise<void> => {
        while (rolling) {
          await fetchText(url).then(
            (version) => answers.set(version, (answers.get(version) ?? 0) + 1),
            (error: unknown) => failures.push(error),
          );
          await delay(5);
        }
      };
      const observer = async (): Promise<void> => {
        while (rolling) {
          const { status } = await world().get<Deployment>(`/apis/apps/v1/namespaces/${namespace}/deployments/shop`);
          available.push(status?.availableReplicas ?? 0);
          await delay(20);
        }
      };
      const watching = [visitor(), visitor(), observer()];
      world().kubectl("set", "image", "deployment/shop", "web=test/web:2", "-n", namespace);
      const rollout = world().following("rollout", "status", "deployment/shop", "-n", namespace, "--timeout=60s");
      await rollout.ended;
      await until("the old pods to be gone", async () => (await world().pods(namespace)).length === 3);
      rolling = false;
      await Promise.all(watching);
      assert.match(rollout.output(), /successfully rolled out/);
      assert.deepEqual(failures, []);
      assert.ok(Math.min(...available) >= 3, `available went down to ${Math.min(...available)}`);
      assert.ok((answers.get("1") ?? 0) > 0 && (answers.get("2") ?? 0) > 0, JSON.stringify([...answers]));
      assert.equal(await fetchText(url), "2");
    });
  });

  test("a version that never gets ready stalls the rollout, and undo heals it", async () => {
    await inNamespace(world(), "stalled", async (namespace) => {
      world().apply(deployment("shop", namespace, 2, "1"));
      world().kubectl("rollout", "status", "deployment/shop", "-n", namespace, "--timeout=60s");
      world().kubectl("set", "image", "deployment/shop", "web=test/web:never-ready", "-n", namespace);
      await until("an Unhealthy event", async () =>
        (await world().events(namespace)).includes(
          "Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 500",
        ),
      );
      const pods = await world().pods(namespace);
      const stalled = pods.filter((pod) => !isReady(pod));
      assert.equal(stalled.length, 1);
      assert.equal(stalled[0]?.status?.phase, "Running");
      const readiness = stalled[0]?.status?.conditions?.find(({ type }) => type === "Ready");
      assert.equal(readiness?.reason, "ContainersNotReady");
      assert.equal(readiness?.message, "containers with unready status: [web]");
      assert.equal((await world().ready(namespace)).length, 2);
      world().kubectl("rollout", "undo", "deployment/shop", "-n", namespace);
      world().kubectl("rollout", "status", "deployment/shop", "-n", namespace, "--timeout=60s");
      await until("two pods of the old version", async () => {
        const left = await world().pods(namespace);
        return (
          left.length === 2 && left.every((pod) => isReady(pod) && pod.spec?.containers[0]?.image === "test/web:1")
        );
      });
    });
  });

  test("scale, restart and delete lead to the pods asked for", async () => {
    await inNamespace(world(), "scale", async (namespace) => {
      world().apply(deployment("shop", namespace, 1, "1"));
      world().kubectl("rollout", "status", "deployment/shop", "-n", namespace, "--timeout=60s");
      world().kubectl("scale", "deployment/shop", "--replicas=3", "-n", namespace);
      await until("three ready pods", async () => (await world().ready(namespace)).length === 3);
      world().kubectl("scale", "deployment/shop", "--replicas=1", "-n", namespace);
      const [left] = await until("one pod", async () => {
        const pods = await world().pods(namespace);
        return pods.length === 1 && pods;
      });
      world().kubectl("rollout", "restart", "deployment/shop", "-n", namespace);
      world().kubectl("rollout", "status", "deployment/shop", "-n", namespace, "--timeout=60s");
      const restarted = await until("another pod", async () => {
        const pods = await world().ready(namespace);
        return pods.length === 1 && pods[0]?.metadata?.uid !== left?.metadata?.uid && pods[0];
      });
      world().kubectl("delete", "pod", restarted.metadata?.name ?? "", "-n", namespace);
      await until("a replacement", async () => {
        const pods = await world().ready(namespace);
        return pods.length === 1 && pods[0]?.metadata?.uid !== restarted.metadata?.uid;
      });
    });
  });

  test("evicting a pod from a cordoned node moves it to the other", async () => {
    await inNamespace(world(), "evict", async (namespace) => {
      world().apply(deployment("shop", namespace, 1, "1"));
      const [pod] = await until("a ready pod", async () => {
        const pods = await world().ready(namespace);
        return pods.length === 1 && pods;
      });
      const node = pod?.spec?.nodeName ?? "";
      world().kubectl("cordon", node);
      try {
        const eviction = {
          apiVersion: "policy/v1",
          kind: "Eviction",
          metadata: { name: pod?.metadata?.name, namespace },
        };
        const path = `/api/v1/namespaces/${namespace}/pods/${pod?.metadata?.name}/eviction`;
        assert.ok((await world().client.create(path, eviction)).ok);
        const moved = await until("a ready pod on the other node", async () => {
          const pods = await world().ready(namespace);
          return pods.length === 1 && pods[0]?.metadata?.uid !== pod?.metadata?.uid && pods[0];
        });
        assert.notEqual(moved.spec?.nodeName, node);
      } finally {
        world().kubectl("uncordon", node);
      }
    });
  });
}
