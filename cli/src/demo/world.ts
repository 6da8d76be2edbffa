import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { shopImages } from "@omega/demo-shop/images.ts";
import { shopManifests } from "@omega/demo-shop/manifests.ts";
import { readServiceTable, servicesFile } from "@omega/demo-cluster/kubelet/service-table.ts";
import { systemClock, type Clock } from "@omega/shared/clock.ts";
import { reasonOf } from "@omega/shared/outcome.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { installation, type Home } from "../home.ts";
import type { ProcessRow } from "../machine.ts";
import { SupervisedProcess } from "../supervised-process.ts";
import { ClusterClient } from "./cluster-client.ts";

const clusterFolder = join(installation, "infra", "demo", "cluster", "src");
const readyWithinMs = 30_000;
const shopWithinMs = 120_000;
const deletedWithinMs = 60_000;

export interface WorldOptions {
  readonly home: Home;
  /** A cluster without kubelets of its own; absent: the embedded control plane. */
  readonly kubeconfig?: string;
  readonly ratePerSecond: number;
  readonly interrupted: AbortSignal;
  readonly tell: (line: string) => void;
}

/** The world that Omega heals: a cluster, a node, the shop on it, and its visitors. Each part is a process of its own. */
export class DemoWorld {
  readonly #options: WorldOptions;
  readonly #clock: Clock = systemClock;
  readonly #folder: string;
  readonly #processes: SupervisedProcess[] = [];
  #kubeconfig = "";
  #cluster: ClusterClient | undefined;
  #shopMade = false;
  #visitors: SupervisedProcess | undefined;
  /** The latest line of the load generator. */
  figures = "";

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#folder = join(options.home.folder, "cluster");
    mkdirSync(this.#folder, { recursive: true });
  }

  get kubeconfig(): string {
    return this.#kubeconfig;
  }

  rows(): ProcessRow[] {
    return this.#processes.map(({ spec, pid, state, restarts, logFile }) => ({
      name: spec.name,
      pid,
      state,
      restarts,
      log: logFile,
    }));
  }

  /** The control plane, or a look at the one that was given. */
  async startCluster(): Promise<void> {
    const { kubeconfig, tell } = this.#options;
    if (kubeconfig === undefined) {
      const path = join(this.#folder, "kubeconfig.yaml");
      const plane = this.#process("control-plane", [
        join(clusterFolder, "control-plane", "main.ts"),
        "--state",
        join(this.#folder, "control-plane"),
        "--kubeconfig",
        path,
      ]);
      await this.#ready(plane);
      this.#kubeconfig = path;
      tell(`control plane up, kubectl --kubeconfig ${path}`);
    } else {
      this.#kubeconfig = kubeconfig;
      tell(`control plane given by ${kubeconfig}`);
    }
    this.#cluster = new ClusterClient(this.#kubeconfig, this.#clock);
    await this.#cluster.requireNoShop();
  }

  /** A node, the shop's objects, and patience until every pod is ready. */
  async startShop(otlpEndpoint: string): Promise<void> {
    const { tell } = this.#options;
    const images = join(this.#folder, "images.json");
    writeFileSync(images, `${JSON.stringify(shopImages(), undefined, 2)}\n`);
    const kubelet = this.#process("kubelet", [
      join(clusterFolder, "kubelet", "main.ts"),
      "--kubeconfig",
      this.#kubeconfig,
      "--state-dir",
      this.#kubeletState,
      "--images",
      images,
    ]);
    await this.#ready(kubelet);
    tell("node registered by the kubelet");
    const cluster = this.#mustCluster();
    const objects = shopManifests({ otlpEndpoint });
    this.#shopMade = true;
    await cluster.create(objects);
    tell(`shop applied: ${objects.length} objects`);
    const within = AbortSignal.any([AbortSignal.timeout(shopWithinMs), this.#options.interrupted]);
    await cluster.untilAvailable(within, (ready, of) => tell(`${ready} of ${of} services are available`));
    if (within.aborted) throw await this.#notAvailable();
  }

  /** Visitors, for as long as the world lasts. */
  async startLoad(): Promise<void> {
    const { ratePerSecond, tell, interrupted } = this.#options;
    const url = await this.#storefront(AbortSignal.any([AbortSignal.timeout(readyWithinMs), interrupted]));
    this.#visitors = this.#process(
      "load",
      [join(installation, "infra", "demo", "load", "main.ts"), "--url", url, "--rate", String(ratePerSecond)],
      (line) => {
        if (line.includes(" requests, ")) this.figures = line;
      },
    );
    tell(`visitors arrive at ${url}, about ${ratePerSecond} requests a second`);
  }

  /** Visitors leave, the shop closes, the node and the cluster end. Goes on with the rest where a part fails. */
  async stop(): Promise<void> {
    await this.#visitors?.stop();
    if (this.#options.kubeconfig !== undefined && this.#shopMade) {
      await this.#mustCluster()
        .deleteShop(AbortSignal.timeout(deletedWithinMs))
        .catch((error: unknown) => this.#options.tell(`the shop could not be deleted: ${reasonOf(error)}`));
    }
    for (const each of this.#processes.toReversed()) if (each !== this.#visitors) await each.stop();
  }

  get #kubeletState(): string {
    return join(this.#folder, "kubelet");
  }

  #mustCluster(): ClusterClient {
    if (this.#cluster === undefined) throw new Error("the cluster is started before anything is done to it");
    return this.#cluster;
  }

  #process(name: string, args: string[], onLine: (line: string) => void = () => undefined): SupervisedProcess {
    const started = new SupervisedProcess(
      { name, args, env: process.env, cwd: installation, drainMs: 20_000, restart: false },
      { logs: this.#options.home.logs, clock: this.#clock, onChange: () => undefined, onLine },
    );
    this.#processes.push(started);
    started.start();
    return started;
  }

  /** Both parts of the cluster say that they are ready by one line on standard output. */
  async #ready(part: SupervisedProcess): Promise<void> {
    const waiting = new AbortController();
    const signal = AbortSignal.any([waiting.signal, this.#options.interrupted]);
    const late = this.#clock.sleep(readyWithinMs, signal).then(() => "late" as const);
    const ended = await Promise.race([
      part.firstLine.then(
        () => "ready" as const,
        () => "ended" as const,
      ),
      late,
    ]);
    waiting.abort();
    if (ended === "ready") return;
    if (this.#options.interrupted.aborted) throw new CommandFailure(exitCode.interrupted, "interrupted");
    const said = part.tail.map((line) => `  ${line}`).join("\n");
    const what = ended === "late" ? `was not ready within ${readyWithinMs / 1000} s` : "ended";
    throw new CommandFailure(
      exitCode.unavailable,
      `The ${part.spec.name} ${what}. It said:\n${said}\nLog: ${part.logFile}`,
    );
  }

  async #storefront(signal: AbortSignal): Promise<string> {
    while (!signal.aborted) {
      const address = readServiceTable(servicesFile(this.#kubeletState))["shop/storefront"];
      const port = address?.ports[0]?.listening;
      if (address !== undefined && port !== undefined) return `http://${address.host}:${port}`;
      await this.#clock.sleep(100, signal);
    }
    if (this.#options.interrupted.aborted) throw new CommandFailure(exitCode.interrupted, "interrupted");
    throw new CommandFailure(exitCode.unavailable, "The kubelet made no address for the service shop/storefront.");
  }

  async #notAvailable(): Promise<CommandFailure> {
    if (this.#options.interrupted.aborted) return new CommandFailure(exitCode.interrupted, "interrupted");
    const troubles = await this.#mustCluster().troubles();
    return new CommandFailure(
      exitCode.unavailable,
      `The shop was not available within ${shopWithinMs / 1000} s.\n${troubles.map((each) => `  ${each}`).join("\n")}`,
    );
  }
}
