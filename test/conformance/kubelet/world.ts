import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ApiClient } from "@omega/demo-cluster/kubelet/api-client.ts";
import { markerVariable } from "@omega/demo-cluster/kubelet/container-process.ts";
import { readKubeconfig } from "@omega/demo-cluster/kubelet/kubeconfig.ts";
import { processesWithEnvironment } from "@omega/demo-cluster/kubelet/process-table.ts";
import { type RunningKubelet, startKubelet } from "@omega/demo-cluster/kubelet/start-kubelet.ts";
import type { Container, ContainerStatus, Pod } from "@omega/demo-cluster/kubelet/wire.ts";

const web = join(import.meta.dirname, "images/web.ts");

/** One control plane with one kubelet of two nodes, and what a test needs to see of them. */
export class World {
  readonly client: ApiClient;
  readonly folder = mkdtempSync(join(tmpdir(), "omega-kubelet-"));
  readonly #kubeconfig: string;
  readonly #nodeName = `n${process.pid}`;
  #images: Record<string, { command: string[]; env: Record<string, string> }> = {};
  kubelet: RunningKubelet | undefined;

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
    this.client = new ApiClient(readKubeconfig(kubeconfig));
    for (const version of ["1", "2", "never-ready", "stubborn"]) this.publishImage(version);
  }

  /** Adds `test/web:<version>` to the image table. */
  publishImage(version: string): void {
    this.#images[`test/web:${version}`] = { command: [process.execPath, web], env: { VERSION: version } };
    writeFileSync(this.#imagesFile(), JSON.stringify(this.#images));
  }

  async startKubelet(leavePods = false): Promise<RunningKubelet> {
    this.kubelet = await startKubelet({
      kubeconfig: this.#kubeconfig,
      stateDir: this.stateDir(),
      images: this.#imagesFile(),
      nodes: 2,
      nodeName: this.#nodeName,
      backoffFirstMs: 3000,
      leavePods,
    });
    return this.kubelet;
  }

  stateDir(): string {
    return join(this.folder, "state");
  }

  async close(): Promise<void> {
    await this.kubelet?.stop();
    this.client.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  kubectl(...args: string[]): string {
    const { status, stdout, stderr } = spawnSync("kubectl", args, { encoding: "utf8", env: this.#environment() });
    assert.equal(status, 0, `kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** For what goes on while the test looks, such as `logs -f`. Ends with the test's own `stop`. */
  following(...args: string[]): { output: () => string; ended: Promise<void>; stop: () => void } {
    const child = spawn("kubectl", args, { env: this.#environment(), stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    return { output: () => output, ended, stop: () => child.kill() };
  }

  apply(...objects: object[]): void {
    const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
    const { status, stderr } = spawnSync("kubectl", ["apply", "-f", "-"], {
      input,
      encoding: "utf8",
      env: this.#environment(),
    });
    assert.equal(status, 0, stderr);
  }

  async get<T>(path: string): Promise<T> {
    const answer = await this.client.get<T>(path);
    assert.ok(answer.ok, answer.ok ? "" : `${path}: ${answer.message}`);
    return answer.value;
  }

  async pods(namespace: string): Promise<Pod[]> {
    const list = await this.get<{ items: Pod[] }>(`/api/v1/namespaces/${namespace}/pods`);
    return list.items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  }

  async events(namespace: string): Promise<string[]> {
    const list = await this.get<{ items: { reason: string; message: string }[] }>(
      `/api/v1/namespaces/${namespace}/events`,
    );
    return list.items.map(({ reason, message }) => `${reason}: ${message}`);
  }

  /** The only container's status of the only pod. */
  async container(namespace: string): Promise<ContainerStatus> {
    const [pod] = await this.pods(namespace);
    const status = pod?.status?.containerStatuses?.[0];
    return status ?? { name: "", image: "", imageID: "", ready: false, restartCount: 0 };
  }

  async ready(namespace: string): Promise<Pod[]> {
    return (await this.pods(namespace)).filter(isReady);
  }

  /** Every process of this kubelet's containers, except the shims. */
  processes(): number[] {
    const found = processesWithEnvironment((text) => text.startsWith(`${markerVariable}=${this.stateDir()}#`));
    return found
      .map(({ pid }) => pid)
      .filter((pid) => spawnSync("readlink", [`/proc/${pid}/exe`], { encoding: "utf8" }).stdout.includes("node"));
  }

  serviceUrl(name: string): string | undefined {
    const address = this.kubelet?.services()[name];
    return address === undefined ? undefined : `http://${address.host}:${address.ports[0]?.listening}`;
  }

  #imagesFile(): string {
    return join(this.folder, "images.json");
  }

  #environment(): NodeJS.ProcessEnv {
    return { ...process.env, KUBECONFIG: this.#kubeconfig };
  }
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

/** The body of a plain HTTP GET over a connection of its own; rejects unless the status is 200. */
export function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")));
      response.on("error", reject);
      response.on("end", () =>
        response.statusCode === 200 ? resolve(text) : reject(new Error(`status ${response.statusCode}`)),
      );
    }).on("error", reject);
  });
}

export function podUrl(pod: Pod | undefined): string {
  return `http://${pod?.status?.podIP}:8080`;
}

/** Waits until something holds and answers it; fails with the last thing seen. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  seen?: () => Promise<unknown>,
): Promise<T> {
  const giveUpAt = Date.now() + 60_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > giveUpAt) assert.fail(`never: ${what}; last seen ${JSON.stringify(await seen?.())}`);
    await delay(50);
  }
}

export function deployment(
  name: string,
  namespace: string,
  replicas: number,
  version: string,
  container: Partial<Container> = {},
): object {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: { metadata: { labels: { app: name, tier: "front" } }, spec: podSpec(version, container) },
    },
  };
}

export function podSpec(version: string, container: Partial<Container> = {}): object {
  return {
    terminationGracePeriodSeconds: 5,
    containers: [
      {
        name: "web",
        image: `test/web:${version}`,
        ports: [{ name: "http", containerPort: 8080 }],
        readinessProbe: { httpGet: { path: "/ready", port: "http" }, periodSeconds: 1 },
        ...container,
      },
    ],
  };
}

export function service(name: string, namespace: string): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
  };
}

/** A namespace for one test; its pods end when the test does. */
export async function inNamespace(
  world: World,
  name: string,
  body: (namespace: string) => Promise<void>,
): Promise<void> {
  const namespace = `${name}-${process.pid}`;
  world.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  try {
    await body(namespace);
  } finally {
    world.kubectl("delete", "deployments,replicasets", "--all", "-n", namespace, "--wait=false");
    world.kubectl("delete", "pods", "--all", "-n", namespace, "--grace-period=1", "--wait=false");
    world.kubectl("delete", "namespace", namespace, "--wait=false");
  }
}
