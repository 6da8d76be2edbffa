import assert from "node:assert/strict";
import { test } from "node:test";
import { identify } from "@omega/demo-cluster/kubelet/process-table.ts";
import { deployment, fetchText, inNamespace, podUrl, until, type World } from "./world.ts";

/** What a kubelet's own end and return mean for the pods. */
export function survivalExpectations(world: () => World): void {
  const pidOf = async (url: string): Promise<number> => {
    const { pid }: { pid: number } = JSON.parse(await fetchText(`${url}/env`));
    return pid;
  };

  test("a kubelet that leaves its pods finds them again", async () => {
    await inNamespace(world(), "adopt", async (namespace) => {
      await world().kubelet?.stop();
      await world().startKubelet(true);
      world().apply(deployment("shop", namespace, 2, "1"));
      const before = await until("two ready pods", async () => {
        const pods = await world().ready(namespace);
        return pods.length === 2 && pods;
      });
      const pids = await Promise.all(before.map((pod) => pidOf(podUrl(pod))));
      await world().kubelet?.stop();
      for (const pod of before) assert.equal(await fetchText(podUrl(pod)), "1");
      await world().startKubelet();
      const after = await until("two ready pods", async () => {
        const pods = await world().ready(namespace);
        return pods.length === 2 && pods;
      });
      assert.deepEqual(await Promise.all(after.map((pod) => pidOf(podUrl(pod)))), pids);
      assert.deepEqual(
        after.map(({ status }) => status?.containerStatuses?.[0]?.restartCount),
        [0, 0],
      );
    });
  });

  test("after kill -9 of the kubelet the next one keeps, restarts and ends what it should, and nothing runs twice", async () => {
    await inNamespace(world(), "killed", async (namespace) => {
      world().apply(deployment("shop", namespace, 3, "1"));
      const pods = await until("three ready pods", async () => {
        const ready = await world().ready(namespace);
        return ready.length === 3 && ready;
      });
      const [kept, crashed, deleted] = pods;
      const [keptPid, , deletedPid] = await Promise.all(pods.map((pod) => pidOf(podUrl(pod))));
      await world().kubelet?.kill();
      await fetchText(`${podUrl(crashed)}/crash?code=9`).catch(() => undefined);
      world().kubectl("delete", "pod", deleted?.metadata?.name ?? "", "-n", namespace, "--force", "--grace-period=0");
      await world().startKubelet();
      const after = await until("three ready pods again", async () => {
        const ready = await world().ready(namespace);
        const restarted = ready.find(({ metadata }) => metadata?.uid === crashed?.metadata?.uid);
        return ready.length === 3 && restarted?.status?.containerStatuses?.[0]?.restartCount === 1 && ready;
      });
      assert.equal(await pidOf(podUrl(kept)), keptPid);
      const again = after.find(({ metadata }) => metadata?.uid === crashed?.metadata?.uid);
      assert.equal(again?.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 9);
      await until("the deleted pod's process to end", () => Promise.resolve(identify(deletedPid ?? 0) === undefined));
      assert.equal(world().kubectl("logs", kept?.metadata?.name ?? "", "-n", namespace), "version 1 listens\n");
      // One process for each pod of this namespace: none was run twice.
      const running = await Promise.all(after.map((pod) => pidOf(podUrl(pod))));
      await until(
        "no other process",
        () =>
          Promise.resolve(
            world()
              .processes()
              .toSorted((a, b) => a - b)
              .join() === running.toSorted((a, b) => a - b).join(),
          ),
        () => Promise.resolve({ processes: world().processes(), running }),
      );
    });
  });

  test("a second kubelet on the same state folder refuses to start", async () => {
    const running = world().kubelet;
    await assert.rejects(world().startKubelet(), /is in use by the kubelet with pid/);
    world().kubelet = running;
  });

  test("a kubelet that ends normally ends all its processes", async () => {
    await inNamespace(world(), "end", async (namespace) => {
      world().apply(deployment("shop", namespace, 2, "1"));
      await until("two ready pods", async () => (await world().ready(namespace)).length === 2);
      await world().kubelet?.stop();
      assert.deepEqual(world().processes(), []);
      await until("its nodes to be unready", async () => {
        const nodes = await world().get<{ items: { status?: { conditions?: { type: string; status: string }[] } }[] }>(
          "/api/v1/nodes",
        );
        return nodes.items.every(
          ({ status }) => status?.conditions?.find(({ type }) => type === "Ready")?.status !== "True",
        );
      });
    });
  });
}
