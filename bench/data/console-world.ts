import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { definitionOf, type Draft, type EventType } from "@omega/bus-schemas/catalogue.ts";
import type { Role } from "@omega/bus-schemas/define-event.ts";
import { agentEnvironment, agentNodeFlags } from "@omega/shared/agent-launch.ts";
import { sealEvent } from "@omega/shared/event-codec.ts";
import type { NatsBus } from "@omega/shared/nats-bus.ts";
import { loadSigner, type Signer } from "@omega/shared/signing.ts";
import { installedBus, type InstalledBus } from "../../test/nats-servers.ts";

const consoleMain = fileURLToPath(new URL("../../console/src/main.ts", import.meta.url));
const bareMain = fileURLToPath(new URL("bare-server.ts", import.meta.url));
const settings = fileURLToPath(new URL("../../infra/config", import.meta.url));
/** Publishes that are under way at once. */
const atOnce = 250;

/** What a long incident is made of, of all that people are told: its storm grows, repairs are tried, looked at and taken back. */
const story: readonly EventType[] = [
  "incident.extended",
  "diagnosis.reached",
  "remediation.proposed",
  "remediation.authorized",
  "action.started",
  "action.succeeded",
  "verification.requested",
  "recovery.failed",
  "undo.ordered",
  "undo.done",
];

/** A process that serves HTTP, started as operators do. */
export interface Served {
  readonly process: ChildProcess;
  /** The first line that it printed. */
  readonly said: string;
}

/** A real bus and the console on it. */
export class BenchWorld {
  readonly incidentId = "inc-20261126-bench1";
  readonly #folder = mkdtempSync(join(tmpdir(), "omega-console-bench-"));
  readonly #signers = new Map<Role, Signer>();
  readonly #served: ChildProcess[] = [];
  readonly #installed: InstalledBus;
  readonly #bus: NatsBus;
  #said = 0;

  private constructor(installed: InstalledBus, bus: NatsBus) {
    this.#installed = installed;
    this.#bus = bus;
  }

  static async start(): Promise<BenchWorld> {
    const installed = await installedBus();
    return new BenchWorld(installed, await installed.connect());
  }

  async console(): Promise<Served> {
    const file = join(this.#folder, "console.yaml");
    mkdirSync(join(this.#folder, "console"), { recursive: true });
    const config = {
      bus: { servers: [this.#installed.server.url] },
      keys: join(this.#folder, "keys"),
      http: { port: 0 },
      state: join(this.#folder, "console"),
      log: { level: "warn" },
      settings,
    };
    writeFileSync(file, JSON.stringify(config));
    return await this.#serve([consoleMain, "--config", file]);
  }

  async bare(): Promise<Served> {
    return await this.#serve([bareMain]);
  }

  /** Says that the incident is open, and so many events of it. */
  async say(count: number): Promise<void> {
    if (this.#said === 0) await this.#publish("incident.opened", 0);
    for (let first = 0; first < count; first += atOnce) {
      const batch = Array.from({ length: Math.min(atOnce, count - first) }, () => {
        this.#said += 1;
        return this.#publish(story[this.#said % story.length] ?? "incident.extended", this.#said);
      });
      await Promise.all(batch);
    }
  }

  async close(): Promise<void> {
    for (const child of this.#served) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await this.#installed.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #publish(type: EventType, number: number): Promise<void> {
    const definition = definitionOf(type);
    const [role] = definition?.saidBy ?? [];
    if (definition === undefined || role === undefined) throw new Error(`there is no ${type}`);
    const signer = this.#signers.get(role) ?? loadSigner(join(this.#folder, "keys"), role);
    this.#signers.set(role, signer);
    // The golden sample is of this very type.
    const draft = { type, data: definition.example, incidentid: this.incidentId } as unknown as Draft;
    const source = `/omega/${role}/bench`;
    const sealed = sealEvent(draft, { signer, source, now: Date.now(), causeId: `${type} ${number}` });
    const published = await this.#bus.publish(sealed);
    if (!published.ok) throw new Error(published.failure.message);
  }

  async #serve(args: readonly string[]): Promise<Served> {
    const child = spawn(process.execPath, [...agentNodeFlags, ...args], {
      env: { ...process.env, ...agentEnvironment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#served.push(child);
    let complaint = "";
    child.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
    for await (const said of createInterface(child.stdout)) return { process: child, said };
    throw new Error(`${args[0] ?? ""} did not come up: ${complaint}`);
  }
}

/** Resident memory of a process and the most that it ever was, in megabytes (10^6 bytes). */
export function residentMb(child: ChildProcess): { now: number; peak: number } {
  const status = readFileSync(`/proc/${child.pid ?? 0}/status`, "utf8");
  const megabytes = (name: string): number =>
    (Number(new RegExp(`${name}:\\s+([0-9]+) kB`).exec(status)?.[1] ?? Number.NaN) * 1024) / 1e6;
  return { now: megabytes("VmRSS"), peak: megabytes("VmHWM") };
}
