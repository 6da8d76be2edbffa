import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { NatsBus } from "@omega/shared/nats-bus.ts";
import { startNatsServer, type RunningNatsServer } from "@omega/shared/nats-server.ts";
import { makeSignInLink } from "@omega/console/sign-in.ts";
import type { PersonRole } from "@omega/bus-schemas/define-event.ts";
import { Stage, startAgent, type AgentProcess } from "../../agent-processes.ts";
import { deploymentOf, deployments, imagePatch, settled } from "../../conformance/actions/action-case.ts";
import { Cluster, namespace } from "../../conformance/actions/cluster.ts";
import { installedBus, type InstalledBus } from "../../nats-servers.ts";

const main = fileURLToPath(new URL("../../../console/src/main.ts", import.meta.url));
const shippedConfig = fileURLToPath(new URL("../../../infra/config", import.meta.url));
/** The lines at fault that excerpts are shown from. */
const shop = fileURLToPath(new URL("../../../infra/demo/shop/src", import.meta.url));

export const healthyImage = "shop/payments:1.4.0";
export const faultyImage = "shop/payments:1.5.0";

/**
 * One running system for all scenes: a real nats-server, Coordinator, Surgeon, Scribe and the console as their own processes, and a
 * Kubernetes API whose deployments really move. The test speaks for Scout, so that what it sees is there at once.
 */
export class ConsoleWorld {
  readonly folder = mkdtempSync(join(tmpdir(), "omega-console-"));
  readonly keys = join(this.folder, "keys");
  readonly state = join(this.folder, "console");
  readonly cluster: Cluster;
  readonly installed: InstalledBus;
  readonly bus: NatsBus;
  readonly stage: Stage;
  readonly #agents = new Map<string, AgentProcess>();
  #closing = false;
  #server: RunningNatsServer;
  #console: ChildProcess | undefined;
  #port = 0;
  #log = "";

  private constructor(cluster: Cluster, installed: InstalledBus, bus: NatsBus) {
    this.cluster = cluster;
    this.installed = installed;
    this.bus = bus;
    this.stage = new Stage(bus, this.keys);
    this.#server = installed.server;
  }

  static async start(): Promise<ConsoleWorld> {
    const [cluster, installed] = await Promise.all([Cluster.find().then((found) => found.ready()), installedBus()]);
    const world = new ConsoleWorld(cluster, installed, await installed.connect());
    world.#startAgents();
    await world.startConsole();
    return world;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get log(): string {
    return this.#log;
  }

  /** A one-time link for somebody. */
  link(name: string, role: PersonRole): string {
    return makeSignInLink(this.state, this.origin, { name, role }, Date.now());
  }

  async startConsole(): Promise<string> {
    if (this.#port === 0) this.#port = await freePort();
    const file = join(this.folder, "console.yaml");
    writeFileSync(
      file,
      JSON.stringify({
        bus: { servers: [this.installed.server.url] },
        keys: this.keys,
        http: { port: this.#port },
        state: this.state,
        audit: join(this.folder, "audit"),
        settings: shippedConfig,
        sourceRoot: shop,
      }),
    );
    const child = spawn(process.execPath, [main, "--config", file], { stdio: ["ignore", "pipe", "pipe"] });
    this.#console = child;
    child.stderr.on("data", (chunk: Buffer) => (this.#log += chunk.toString()));
    for await (const line of createInterface(child.stdout)) return line;
    throw new Error(`the console did not come up:\n${this.#log}`);
  }

  async stopConsole(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#console;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  }

  /** The bus goes away; `startBus` brings it back with all that it stored. */
  async stopBus(): Promise<void> {
    await this.#server.stop();
  }

  async startBus(): Promise<void> {
    const { storeDir, server } = this.installed;
    this.#server = await startNatsServer({ storeDir, port: Number(new URL(server.url).port) });
  }

  /** A deployment of two releases, the newer with a defect. */
  async faultyRelease(service: string): Promise<void> {
    await this.cluster.create(deployments, deploymentOf(service, 1));
    await settled(this.cluster, service);
    await this.cluster.patch(`${deployments}/${service}`, imagePatch(faultyImage));
    await settled(this.cluster, service);
  }

  async imageOf(service: string): Promise<string> {
    const { spec } = await this.cluster.get<{ spec: { template: { spec: { containers: { image: string }[] } } } }>(
      `${deployments}/${service}`,
    );
    return spec.template.spec.containers[0]?.image ?? "";
  }

  /** Says what Scout would of a defect in the newest release; resolves with the incident's id. */
  async incident(service: string, confidence: number): Promise<string> {
    const since = new Date(Date.now() - 4000).toISOString();
    const says = `24 of 90 requests to ${service} POST /charges failed in the last 6 s (27 %, baseline 0.1 %).`;
    const signal = { signalId: `sig-${service}`, service, since, says };
    await this.stage.say("scout", "signal.detected", { causeId: service, data: signal });
    let incidentid = "";
    await this.cluster.until(`an incident of ${service} is opened`, async () => {
      const opened = await this.stage.of("incident.opened");
      incidentid = opened.find(({ data }) => data.signal.service === service)?.incidentid ?? "";
      return incidentid !== "";
    });
    await this.stage.say("scout", "trace.recorded", { incidentid, causeId: service });
    const location = { function: "voucherOf", file: "payments/voucher-books.ts", lineStart: 21 };
    await this.stage.say("scout", "diagnosis.reached", {
      incidentid,
      causeId: service,
      data: {
        onset: since,
        candidates: [
          {
            rank: 1,
            service,
            kind: "code",
            confidence,
            operation: "POST /charges",
            errorType: "TypeError",
            version: "1.5.0",
            healthyVersion: "1.4.0",
            location,
            evidence: [
              {
                kind: "span",
                ref: "trace:0af7651916cd43dd8448eb211c80319c/span:b7ad6b7169203331",
                says: "TypeError thrown in voucherOf; 24 of 24 failing traces end here.",
              },
            ],
          },
        ],
        says: `${service} 1.5.0 throws TypeError at payments/voucher-books.ts:21 (voucherOf).`,
      },
    });
    return incidentid;
  }

  /** Waits for an event of an incident. */
  async event(type: Parameters<Stage["of"]>[0], incidentid: string): Promise<void> {
    await this.cluster.until(`${type} of ${incidentid}`, async () =>
      (await this.stage.of(type)).some((event) => event.incidentid === incidentid),
    );
  }

  /** Scout's word that the repair worked, once it was asked. */
  async recover(incidentid: string): Promise<void> {
    await this.event("verification.requested", incidentid);
    const asked = (await this.stage.of("verification.requested")).find((event) => event.incidentid === incidentid);
    assert.ok(asked !== undefined);
    const at = new Date().toISOString();
    const measurements = [0, 1, 2].map((step) => ({ at, verdict: "successful", requests: 40 + step, failures: 0 }));
    const { actionId } = asked.data;
    await this.stage.say("scout", "recovery.confirmed", {
      incidentid,
      causeId: asked.id,
      data: { actionId, measurements },
    });
  }

  async close(): Promise<void> {
    await this.stopConsole("SIGTERM");
    this.#closing = true;
    for (const agent of this.#agents.values()) await agent.kill();
    await this.installed.close();
    await this.#server.stop();
    await this.cluster.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #startAgents(): void {
    const policies = join(this.folder, "policies");
    cpSync(join(shippedConfig, "policies"), policies, { recursive: true });
    const shared = { bus: { servers: [this.installed.server.url] }, keys: this.keys, log: { level: "warn" } };
    const rules = { settleMs: 0, stormMs: 0, namespaces: { allow: [namespace] } };
    const configs = {
      coordinator: { ...shared, policies, rules },
      surgeon: { ...shared, kubernetes: { kubeconfig: this.cluster.kubeconfig }, namespaces: { allow: [namespace] } },
      scribe: {
        ...shared,
        postmortems: { folder: join(this.folder, "postmortems") },
        audit: { folder: join(this.folder, "audit"), blobs: join(this.folder, "audit-blobs") },
      },
    };
    mkdirSync(this.keys, { recursive: true });
    for (const role of ["coordinator", "surgeon", "scribe"] as const) {
      const file = join(this.folder, `${role}.yaml`);
      writeFileSync(file, JSON.stringify(configs[role]));
      this.#keepRunning(role, file);
    }
  }

  /** As operators run them: a Coordinator that loses its lease, because the bus was away too long, ends and is started again. */
  #keepRunning(role: "coordinator" | "surgeon" | "scribe", file: string): void {
    const agent = startAgent(role, {}, ["--config", file]);
    this.#agents.set(role, agent);
    agent.process.once("exit", () => {
      if (!this.#closing) this.#keepRunning(role, file);
    });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  server.close();
  await once(server, "close");
  return address.port;
}
