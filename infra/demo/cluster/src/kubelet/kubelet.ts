import { mkdirSync, realpathSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { ApiClient } from "./api-client.ts";
import { ConfigReader } from "./config-reader.ts";
import type { Runtime } from "./container-runner.ts";
import { EventRecorder } from "./event-recorder.ts";
import { ImageTable } from "./image-table.ts";
import { readKubeconfig } from "./kubeconfig.ts";
import type { Log } from "./log.ts";
import { LogServer } from "./log-server.ts";
import { loopbackAddress } from "./loopback.ts";
import { NodeAgent } from "./node-agent.ts";
import { type PodRecord, PodRecords } from "./pod-record.ts";
import { PodWorker } from "./pod-worker.ts";
import { type Change, Reflector } from "./reflector.ts";
import { ServiceProxy } from "./service-proxy.ts";
import { servicesFile } from "./service-table.ts";
import { selfSigned } from "./serving-certificate.ts";
import { endOrphans, StateLock } from "./state-lock.ts";
import { type Pod, type Service, wireTime } from "./wire.ts";

export interface KubeletSettings {
  kubeconfig: string;
  /** Created if missing; one kubelet at a time. */
  stateDir: string;
  /** The image table's file. */
  images: string;
  nodes: string[];
  /** Of the endpoint for logs; 0 takes a free one. */
  port: number;
  /** First restart back-off and its ceiling; the real kubelet's are 10 s and 300 s. */
  backoffFirstMs: number;
  backoffMaxMs: number;
}

const hostIP = "127.0.0.1";
const tickMs = 200;
const haltGraceMs = 5000;

/** The process kubelet: nodes, pods and service addresses, wired together. */
export class Kubelet {
  readonly #log: Log;
  readonly #lock: StateLock;
  readonly #client: ApiClient;
  readonly #images: ImageTable;
  readonly #records: PodRecords;
  readonly #runtime: Runtime;
  readonly #pods: Reflector<Pod>;
  readonly #services: Reflector<Service>;
  readonly #proxy: ServiceProxy;
  readonly #server: LogServer;
  readonly #settings: KubeletSettings;
  readonly #workers = new Map<string, PodWorker>();
  #agents: NodeAgent[] = [];
  #ticker: NodeJS.Timeout | undefined;
  #listed = false;

  /** Throws, naming the file, on a bad kubeconfig or image table, and when another kubelet has the state folder. */
  constructor(settings: KubeletSettings, log: Log) {
    if (process.platform !== "linux") {
      throw new Error(
        `the process kubelet needs Linux (/proc, and all of 127.0.0.0/8 as loopback); this is ${process.platform}`,
      );
    }
    mkdirSync(settings.stateDir, { recursive: true });
    const stateDir = realpathSync(settings.stateDir);
    this.#settings = settings;
    this.#log = log;
    this.#client = new ApiClient(readKubeconfig(settings.kubeconfig));
    this.#images = new ImageTable(settings.images, log);
    this.#lock = StateLock.take(stateDir);
    this.#records = new PodRecords(stateDir);
    this.#pods = new Reflector<Pod>(this.#client, "/api/v1/pods", log, (change) => this.#podChanged(change));
    this.#services = new Reflector<Service>(this.#client, "/api/v1/services", log, () => this.#servicesChanged());
    this.#proxy = new ServiceProxy(servicesFile(stateDir), this.#pods.items, log);
    this.#server = new LogServer(selfSigned("omega-kubelet", hostIP, new Date()), this.#records, (namespace, name) =>
      [...this.#workers.values()].map(({ record }) => record).find((r) => r.namespace === namespace && r.name === name),
    );
    this.#runtime = {
      stateDir,
      hostIP,
      backoffFirstMs: settings.backoffFirstMs,
      backoffMaxMs: settings.backoffMaxMs,
      images: this.#images,
      events: new EventRecorder(this.#client, settings.nodes[0] ?? "", log),
      records: this.#records,
      reader: new ConfigReader(this.#client),
      serviceEnvironment: (namespace) => this.#proxy.environment(namespace),
    };
  }

  /**
   * Resolves when the nodes are ready and every pod bound to them has a worker. Waits for an API server that is not up
   * yet.
   */
  async start(): Promise<{ port: number }> {
    const port = await this.#server.listen(hostIP, this.#settings.port);
    endOrphans(this.#runtime.stateDir, this.#records.load());
    // Pods wait until services are known, so that their environment names every service there is.
    await this.#services.start();
    await this.#proxy.update(this.#services.items);
    await this.#pods.start();
    this.#takeUp();
    this.#images.watch(() => {
      for (const worker of this.#workers.values()) worker.imagesChanged();
    });
    this.#ticker = setInterval(() => {
      const now = Date.now();
      for (const worker of this.#workers.values()) worker.tick(now);
    }, tickMs);
    this.#agents = this.#settings.nodes.map(
      (name) => new NodeAgent(name, this.#client, this.#log, hostIP, port, () => this.#images.names()),
    );
    await Promise.all(this.#agents.map((agent) => agent.start()));
    return { port };
  }

  /** Ends all processes, or with `leavePods` none of them, and everything else of this kubelet. */
  async stop(leavePods: boolean): Promise<void> {
    this.#pods.stop();
    this.#services.stop();
    this.#images.close();
    const workers = [...this.#workers.values()];
    if (leavePods) {
      for (const worker of workers) worker.leave();
    } else {
      for (const worker of workers) worker.halt(haltGraceMs);
      while (workers.some((worker) => worker.isAtWork())) await delay(20);
    }
    clearInterval(this.#ticker);
    this.#proxy.close();
    this.#server.close();
    const said = Promise.all([
      ...this.#agents.map((agent) => agent.stop(!leavePods)),
      ...workers.map((worker) => worker.settled()),
      this.#runtime.events.settled(),
    ]);
    // The API server may be down: what it does not take within two seconds it finds out by the lease.
    await Promise.race([said, delay(2000, undefined, { ref: false })]);
    this.#client.close();
    this.#lock.release();
  }

  /** After the first list: pods of an earlier kubelet that the API no longer has are ended, the others taken over. */
  #takeUp(): void {
    const present = new Map([...this.#pods.items.values()].map((pod) => [pod.metadata?.uid ?? "", pod]));
    for (const record of this.#records.load()) {
      const pod = present.get(record.uid);
      const worker = this.#hire(pod ?? ghost(record), record);
      if (pod === undefined) worker.vanish(ghost(record));
      else worker.nudge();
    }
    this.#listed = true;
    this.#servicesChanged(); // What changed since the proxy's first look was not told to it.
    for (const pod of this.#pods.items.values()) this.#podChanged({ kind: "set", object: pod });
  }

  #podChanged({ kind, object: pod }: Change<Pod>): void {
    const uid = pod.metadata?.uid ?? "";
    if (!this.#listed || !this.#settings.nodes.includes(pod.spec?.nodeName ?? "")) return;
    const worker = this.#workers.get(uid);
    if (kind === "gone") return worker?.vanish(pod);
    if (worker !== undefined) return worker.update(pod);
    const phase = pod.status?.phase;
    const over = phase === "Succeeded" || phase === "Failed";
    if (over && pod.metadata?.deletionTimestamp === undefined) return;
    this.#hire(pod, this.#newRecord(pod)).nudge();
  }

  #hire(pod: Pod, record: PodRecord): PodWorker {
    const worker = new PodWorker(this.#client, this.#runtime, this.#log, pod, record, () => {
      this.#workers.delete(record.uid);
    });
    this.#workers.set(record.uid, worker);
    return worker;
  }

  #newRecord(pod: Pod): PodRecord {
    const uid = pod.metadata?.uid ?? "";
    const used = new Set([...this.#workers.values()].map(({ record }) => record.podIP));
    let choice = 0;
    while (used.has(loopbackAddress("pod", uid, choice))) choice += 1;
    const record: PodRecord = {
      uid,
      namespace: pod.metadata?.namespace ?? "",
      name: pod.metadata?.name ?? "",
      nodeName: pod.spec?.nodeName ?? "",
      podIP: loopbackAddress("pod", uid, choice),
      startTime: wireTime(Date.now()),
      containers: {},
    };
    this.#records.save(record);
    return record;
  }

  #servicesChanged(): void {
    if (this.#listed) void this.#proxy.update(this.#services.items);
  }
}

/** Stands for a pod that vanished while no kubelet looked: just enough of it to end its containers. */
function ghost({ uid, namespace, name, nodeName, containers }: PodRecord): Pod {
  return {
    metadata: { uid, namespace, name },
    spec: { nodeName, containers: Object.keys(containers).map((container) => ({ name: container })) },
  };
}
