import assert from "node:assert/strict";
import { test } from "node:test";
import { identify } from "@omega/demo-cluster/kubelet/process-table.ts";
import { deployment, fetchText, inNamespace, podSpec, podUrl, service, until, type World } from "./world.ts";

interface Inside {
  pid: number;
  env: Record<string, string>;
}

/** What one pod's containers live through. */
export function containerExpectations(world: () => World): void {
  const onePod = async (namespace: string) =>
    until(
      "a ready pod",
      async () => (await world().ready(namespace))[0],
      () => world().pods(namespace),
    );

  test("the environment comes from configmaps, secrets, fields, services and expansion; configmap volumes are files", async () => {
    await inNamespace(world(), "environment", async (namespace) => {
      const metadata = { name: "settings", namespace };
      world().apply(
        service("shop", namespace),
        { apiVersion: "v1", kind: "ConfigMap", metadata, data: { GREETING: "hello", "shop.conf": "a = 1\n" } },
        { apiVersion: "v1", kind: "Secret", metadata, stringData: { KEY: "s3cret" } },
      );
      await until("a service address", () => Promise.resolve(world().serviceUrl(`${namespace}/shop`)));
      const spec = podSpec("1", {
        env: [
          { name: "GREETING_TEXT", valueFrom: { configMapKeyRef: { name: "settings", key: "GREETING" } } },
          { name: "API_KEY", valueFrom: { secretKeyRef: { name: "settings", key: "KEY" } } },
          { name: "MY_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          { name: "MY_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "MY_TIER", valueFrom: { fieldRef: { fieldPath: "metadata.labels['tier']" } } },
          { name: "MY_NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
          { name: "WHO", value: "$(MY_NAME) at $(SHOP_SERVICE_HOST), not $$(MY_NAME) or $(NOBODY)" },
        ],
        envFrom: [{ prefix: "ALL_", configMapRef: { name: "settings" } }],
        volumeMounts: [{ name: "settings", mountPath: "/etc/shop" }],
      });
      const volumes = [{ name: "settings", configMap: { name: "settings" } }];
      const labels = { app: "shop", tier: "front" };
      world().apply({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "one", namespace, labels },
        spec: { ...spec, volumes },
      });
      const pod = await onePod(namespace);
      const { env }: Inside = JSON.parse(await fetchText(`${podUrl(pod)}/env`));
      assert.equal(env["GREETING_TEXT"], "hello");
      assert.equal(env["API_KEY"], "s3cret");
      assert.equal(env["MY_IP"], pod.status?.podIP);
      assert.equal(env["MY_TIER"], "front");
      assert.equal(env["MY_NODE"], pod.spec?.nodeName);
      assert.equal(env["WHO"], `one at ${env["SHOP_SERVICE_HOST"]}, not $(MY_NAME) or $(NOBODY)`);
      assert.equal(env["ALL_GREETING"], "hello");
      assert.equal(await fetchText(`${podUrl(pod)}/file?path=/etc/shop/shop.conf`), "a = 1\n");
      const url = `http://${env["SHOP_SERVICE_HOST"]}:${env["SHOP_SERVICE_PORT_HTTP"]}/`;
      assert.equal(await until("the service to see the pod", () => fetchText(url).catch(() => undefined)), "1");
    });
  });

  test("a missing configmap keeps the container from being made until it is there", async () => {
    await inNamespace(world(), "unconfigured", async (namespace) => {
      const env = [{ name: "COLOUR", valueFrom: { configMapKeyRef: { name: "late", key: "COLOUR" } } }];
      world().apply(deployment("shop", namespace, 1, "1", { env }));
      const waiting = await until("a waiting reason", async () => {
        const { state } = await world().container(namespace);
        return state?.waiting?.reason === "CreateContainerConfigError" && state.waiting;
      });
      assert.equal(waiting.message, 'configmap "late" not found');
      const metadata = { name: "late", namespace };
      world().apply({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { COLOUR: "blue" } });
      await onePod(namespace);
    });
  });

  test("logs: tail, follow, timestamps, since and previous", async () => {
    await inNamespace(world(), "logs", async (namespace) => {
      world().apply(deployment("shop", namespace, 1, "1"));
      const pod = await onePod(namespace);
      const name = pod.metadata?.name ?? "";
      const logs = (...args: string[]): string => world().kubectl("logs", name, "-n", namespace, ...args);
      const follow = world().following("logs", "-f", name, "-n", namespace);
      await until("the first line", () => Promise.resolve(follow.output() === "version 1 listens\n"));
      await fetchText(`${podUrl(pod)}/say?line=one`);
      await fetchText(`${podUrl(pod)}/say?line=two`);
      await until("the lines said since", () => Promise.resolve(follow.output() === "version 1 listens\none\ntwo\n"));
      assert.equal(logs("--tail=1"), "two\n");
      assert.match(
        await until("a stamped line", () => Promise.resolve(logs("--timestamps", "--tail=1"))),
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z two\n$/,
      );
      assert.equal(logs("--since=1h"), "version 1 listens\none\ntwo\n");
      await fetchText(`${podUrl(pod)}/crash?code=7`).catch(() => undefined);
      await follow.ended;
      await until(
        "a second run",
        async () => (await world().container(namespace)).ready && logs() === "version 1 listens\n",
      );
      assert.equal(logs("--previous"), "version 1 listens\none\ntwo\n");
    });
  });

  test("a crashing container is restarted at once, then with back-off", async () => {
    await inNamespace(world(), "crash", async (namespace) => {
      world().apply(deployment("shop", namespace, 1, "1"));
      const pod = await onePod(namespace);
      await fetchText(`${podUrl(pod)}/crash?code=3`).catch(() => undefined);
      const restarted = await until("a restart", async () => {
        const status = await world().container(namespace);
        return status.restartCount === 1 && status.ready && status;
      });
      assert.equal(restarted.lastState?.terminated?.exitCode, 3);
      assert.equal(restarted.lastState?.terminated?.reason, "Error");
      await fetchText(`${podUrl(pod)}/crash?code=4`).catch(() => undefined);
      const backingOff = await until("back-off", async () => {
        const status = await world().container(namespace);
        return status.state?.waiting?.reason === "CrashLoopBackOff" && status;
      });
      assert.equal(backingOff.lastState?.terminated?.exitCode, 4);
      assert.equal(backingOff.ready, false);
      await until("the end of back-off", async () => (await world().container(namespace)).restartCount === 2);
      await until("a BackOff event", async () =>
        (await world().events(namespace)).some((event) =>
          event.startsWith("BackOff: Back-off restarting failed container web"),
        ),
      );
    });
  });

  test("a container over its memory limit is killed as OOMKilled", async () => {
    await inNamespace(world(), "memory", async (namespace) => {
      world().apply(deployment("shop", namespace, 1, "1", { resources: { limits: { memory: "256Mi" } } }));
      await fetchText(`${podUrl(await onePod(namespace))}/leak`).catch(() => undefined);
      const status = await until("a restart", async () => {
        const seen = await world().container(namespace);
        return seen.restartCount === 1 && seen;
      });
      assert.equal(status.lastState?.terminated?.reason, "OOMKilled");
      assert.equal(status.lastState?.terminated?.exitCode, 137);
    });
  });

  test("a container whose liveness fails is restarted", async () => {
    await inNamespace(world(), "liveness", async (namespace) => {
      const livenessProbe = { httpGet: { path: "/live", port: 8080 }, periodSeconds: 1, failureThreshold: 2 };
      const startupProbe = { tcpSocket: { port: "http" }, periodSeconds: 1, failureThreshold: 30 };
      world().apply(deployment("shop", namespace, 1, "1", { livenessProbe, startupProbe }));
      await fetchText(`${podUrl(await onePod(namespace))}/sicken`);
      await until("a restart", async () => {
        const status = await world().container(namespace);
        return status.restartCount === 1 && status.ready;
      });
      await until("its event", async () =>
        (await world().events(namespace)).includes("Killing: Container web failed liveness probe, will be restarted"),
      );
    });
  });

  test("an unknown image cannot be pulled until it is published", async () => {
    await inNamespace(world(), "image", async (namespace) => {
      world().apply(deployment("shop", namespace, 1, "unpublished"));
      await until("ImagePullBackOff", async () => {
        const { state } = await world().container(namespace);
        return state?.waiting?.reason === "ImagePullBackOff";
      });
      assert.equal((await world().pods(namespace))[0]?.status?.phase, "Pending");
      assert.ok((await world().events(namespace)).includes("Failed: Error: ErrImagePull"));
      world().publishImage("unpublished");
      await onePod(namespace);
    });
  });

  test("an ending container has its grace: the polite ends itself, the stubborn is killed", async () => {
    await inNamespace(world(), "grace", async (namespace) => {
      for (const version of ["1", "stubborn"]) {
        const pod = {
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name: `p-${version}`, namespace },
          spec: podSpec(version),
        };
        world().apply(pod);
      }
      const pods = await until("two ready pods", async () => {
        const ready = await world().ready(namespace);
        return ready.length === 2 && ready;
      });
      const processes: number[] = [];
      for (const pod of pods) {
        const { pid }: Inside = JSON.parse(await fetchText(`${podUrl(pod)}/env`));
        processes.push(pid);
      }
      const polite = world().following("logs", "-f", "p-1", "-n", namespace);
      await until("its log", () => Promise.resolve(polite.output() !== ""));
      world().kubectl("delete", "pod", "p-1", "-n", namespace);
      world().kubectl("delete", "pod", "p-stubborn", "-n", namespace, "--grace-period=1");
      await polite.ended;
      assert.match(polite.output(), /asked to end\nended well\n$/);
      for (const pid of processes) assert.equal(identify(pid), undefined);
    });
  });

  test("pods that are not to be restarted end as Succeeded or Failed, init containers first", async () => {
    await inNamespace(world(), "once", async (namespace) => {
      const pod = (name: string, init: string, main: string): object => {
        const run = (script: string) => ({ image: "test/web:1", command: ["/bin/sh", "-c", script] });
        const initContainers = [{ name: "before", ...run(init) }];
        const containers = [{ name: "main", ...run(main) }];
        const spec = { restartPolicy: "Never", initContainers, containers };
        return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace }, spec };
      };
      world().apply(pod("well", "true", "echo done"), pod("badly", "true", "exit 5"), pod("never", "exit 6", "true"));
      const phases = await until("all to end", async () => {
        const pods = await world().pods(namespace);
        const ended = pods.filter(({ status }) => status?.phase === "Succeeded" || status?.phase === "Failed");
        return ended.length === 3 && new Map(ended.map((ended_) => [ended_.metadata?.name, ended_]));
      });
      assert.equal(phases.get("well")?.status?.phase, "Succeeded");
      assert.equal(phases.get("badly")?.status?.phase, "Failed");
      assert.equal(phases.get("badly")?.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 5);
      assert.equal(phases.get("never")?.status?.phase, "Failed");
      assert.equal(phases.get("never")?.status?.containerStatuses?.[0]?.state?.waiting?.reason, "PodInitializing");
      assert.equal(world().kubectl("logs", "well", "-n", namespace), "done\n");
    });
  });
}
