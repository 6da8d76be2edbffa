import { readFileSync } from "node:fs";
import { arch, cpus, release, totalmem } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { ApiClient } from "./api-client.ts";
import type { Log } from "./log.ts";
import { type Lease, type Node, wireMicroTime, wireTime } from "./wire.ts";

// The real kubelet's figures: the node controller takes a node for dead after 40 to 50 s of silence.
const leaseSeconds = 40;
const renewMs = 10_000;
const statusMs = 300_000;
const retryMs = 1000;
const podsMax = 110;

/**
 * Keeps one node in the API: registers it, renews its lease, says that it is ready, and says so when it no longer is.
 */
export class NodeAgent {
  readonly name: string;
  readonly #client: ApiClient;
  readonly #log: Log;
  readonly #hostIP: string;
  readonly #port: number;
  readonly #images: () => string[];
  readonly #abort = new AbortController();
  #uid = "";
  #since = wireTime(Date.now());

  constructor(name: string, client: ApiClient, log: Log, hostIP: string, port: number, images: () => string[]) {
    this.name = name;
    this.#client = client;
    this.#log = log;
    this.#hostIP = hostIP;
    this.#port = port;
    this.#images = images;
  }

  /**
   * Resolves when the node is registered and ready; goes on until `stop`. Tries for ever: the API server may come
   * later.
   */
  async start(): Promise<void> {
    while (!this.#abort.signal.aborted && !(await this.#register())) await this.#pause(retryMs * (0.5 + Math.random()));
    await this.#renewLease();
    void this.#beat();
  }

  /** The beats end. With `unready` the API hears that at once, instead of finding out by the lease. */
  async stop(unready: boolean): Promise<void> {
    this.#abort.abort();
    if (!unready) return;
    this.#since = wireTime(Date.now());
    await this.#patchStatus(false);
  }

  async #beat(): Promise<void> {
    let statusAtMs = Date.now();
    while (!this.#abort.signal.aborted) {
      await this.#pause(renewMs * (0.9 + 0.2 * Math.random()));
      if (this.#abort.signal.aborted) return;
      if (!(await this.#renewLease()) || Date.now() - statusAtMs < statusMs) continue;
      if (await this.#patchStatus(true)) statusAtMs = Date.now();
    }
  }

  async #register(): Promise<boolean> {
    const labels = {
      "kubernetes.io/hostname": this.name,
      "kubernetes.io/os": "linux",
      "kubernetes.io/arch": architecture(),
      "omega.dev/process-kubelet": "true",
    };
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: this.name, labels }, status: this.#status(true) };
    const created = await this.#client.create<Node>("/api/v1/nodes", node);
    if (created.ok) {
      this.#uid = created.value.metadata?.uid ?? "";
      return this.#patchStatus(true);
    }
    if (created.status !== 409) return this.#failed("node not registered", created.message);
    // Known from an earlier life: whether it is cordoned, and what others labelled it with, is theirs and stays.
    const known = await this.#client.get<Node>(`/api/v1/nodes/${this.name}`);
    if (!known.ok) return this.#failed("node not read", known.message);
    this.#uid = known.value.metadata?.uid ?? "";
    const labelled = await this.#client.patch(
      `/api/v1/nodes/${this.name}`,
      { metadata: { labels } },
      "strategic-merge-patch",
    );
    return labelled.ok ? this.#patchStatus(true) : this.#failed("node not labelled", labelled.message);
  }

  async #patchStatus(ready: boolean): Promise<boolean> {
    const path = `/api/v1/nodes/${this.name}/status`;
    const answer = await this.#client.patch<Node>(path, { status: this.#status(ready) }, "strategic-merge-patch");
    if (answer.ok) return true;
    if (answer.status === 404 && !this.#abort.signal.aborted) return this.#register();
    return this.#failed("node status not taken", answer.message);
  }

  async #renewLease(): Promise<boolean> {
    const folder = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    const spec = {
      holderIdentity: this.name,
      leaseDurationSeconds: leaseSeconds,
      renewTime: wireMicroTime(Date.now()),
    };
    const renewed = await this.#client.patch<Lease>(`${folder}/${this.name}`, { spec }, "merge-patch");
    if (renewed.ok) return true;
    if (renewed.status !== 404) return this.#failed("lease not renewed", renewed.message);
    const owner = { apiVersion: "v1", kind: "Node", name: this.name, uid: this.#uid };
    const created = await this.#client.create<Lease>(folder, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: this.name, namespace: "kube-node-lease", ownerReferences: [owner] },
      spec,
    });
    return created.ok || this.#failed("lease not created", created.message);
  }

  #status(ready: boolean): NonNullable<Node["status"]> {
    const now = wireTime(Date.now());
    const condition = (type: string, status: string, reason: string, message: string) => ({
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: now,
      lastTransitionTime: this.#since,
    });
    const resources = {
      cpu: String(cpus().length),
      memory: `${Math.floor(totalmem() / 1024)}Ki`,
      pods: String(podsMax),
    };
    return {
      capacity: resources,
      allocatable: resources,
      addresses: [{ type: "InternalIP", address: this.#hostIP }],
      daemonEndpoints: { kubeletEndpoint: { Port: this.#port } },
      nodeInfo: {
        architecture: architecture(),
        bootID: readLine("/proc/sys/kernel/random/boot_id"),
        containerRuntimeVersion: "omega-process://1",
        kernelVersion: release(),
        kubeProxyVersion: "",
        kubeletVersion: "v1.34.4",
        machineID: readLine("/etc/machine-id"),
        operatingSystem: "linux",
        osImage: "processes of the host",
        systemUUID: readLine("/etc/machine-id"),
      },
      conditions: [
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ready
          ? condition("Ready", "True", "KubeletReady", "kubelet is posting ready status")
          : condition("Ready", "False", "KubeletNotReady", "the kubelet was stopped"),
      ],
      images: this.#images()
        .slice(0, 50)
        .map((name) => ({ names: [name], sizeBytes: 0 })),
    };
  }

  #failed(message: string, error: string): false {
    this.#log(message, { node: this.name, error });
    return false;
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#abort.signal }).catch(() => undefined);
  }
}

function architecture(): string {
  return arch() === "x64" ? "amd64" : arch();
}

function readLine(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}
