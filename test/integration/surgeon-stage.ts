import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DataOf, Draft, EventOf, EventType, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Role } from "@omega/bus-schemas/define-event.ts";
import { agentEnvironment, agentNodeFlags } from "@omega/shared/agent-launch.ts";
import type { StoredMessage } from "@omega/shared/bus.ts";
import { systemClock } from "@omega/shared/clock.ts";
import { openEvent, sealEvent } from "@omega/shared/event-codec.ts";
import { systemIds } from "@omega/shared/ids.ts";
import type { NatsBus } from "@omega/shared/nats-bus.ts";
import { evolveDeeds, noDeeds, type Deeds } from "@omega/shared/panic/deeds.ts";
import { Keyring, loadSigner, type Signer } from "@omega/shared/signing.ts";
import { until } from "../agent-processes.ts";
import type { InstalledBus } from "../nats-servers.ts";

const programs = {
  surgeon: fileURLToPath(new URL("../../agents/surgeon/src/main.ts", import.meta.url)),
  direct: fileURLToPath(new URL("../../agents/surgeon/src/direct-main.ts", import.meta.url)),
};

const patienceMs = 60_000;
const followAgainMs = 100;

/** Surgeon as its own process on a bus of its own, and a voice for everybody else. */
export class SurgeonStage {
  readonly installed: InstalledBus;
  readonly bus: NatsBus;
  readonly folder = mkdtempSync(join(tmpdir(), "omega-surgeon-"));
  readonly keys = join(this.folder, "keys");
  readonly #signers = new Map<Role, Signer>();
  readonly events: OmegaEvent[] = [];
  /** When the stream stored an event, by its id; milliseconds since the epoch. */
  readonly storedAt = new Map<string, number>();
  /** Told of each event as it is heard. */
  onHeard: ((event: OmegaEvent) => void) | undefined;
  /** What the stream says was done and taken back, as far as it was heard. */
  deeds: Deeds = noDeeds;
  readonly #ending = new AbortController();
  readonly #following: Promise<void>;
  #process: ChildProcess | undefined;

  constructor(installed: InstalledBus, bus: NatsBus) {
    this.installed = installed;
    this.bus = bus;
    for (const role of ["coordinator", "operator", "surgeon"] as const) this.#signer(role);
    this.#following = this.#follow();
  }

  get configFile(): string {
    return join(this.folder, "surgeon.yaml");
  }

  /** Writes Surgeon's configuration, for processes that start from now on; `more` is what concerns its targets. */
  configure(more: object): object {
    const config = {
      bus: { servers: [this.installed.server.url] },
      keys: this.keys,
      // No Scout is here to ask; canary.test.ts has one.
      canary: { judgedBy: "readiness" },
      log: { level: "warn" },
      ...more,
    };
    writeFileSync(this.configFile, JSON.stringify(config));
    return config;
  }

  /** `direct` is the process of `omega panic --direct`. */
  start(program: keyof typeof programs = "surgeon"): void {
    this.#process = spawn(process.execPath, [...agentNodeFlags, programs[program], "--config", this.configFile], {
      env: { ...process.env, ...agentEnvironment },
      stdio: ["ignore", "ignore", "inherit"],
    });
  }

  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  }

  residentMb(): number {
    const status = readFileSync(`/proc/${this.#process?.pid ?? 0}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
  }

  /** Says something as a role and answers its event id. */
  async say<Type extends EventType>(role: Role, type: Type, data: DataOf<Type>, incidentid?: string): Promise<string> {
    const draft = { type, data, ...(incidentid === undefined ? {} : { incidentid }) } as Draft;
    return (await this.sayDraft(role, draft, systemIds.random())).id;
  }

  /** Says what follows from an event, under the id that whoever says it gives it. */
  async sayDraft(role: Role, draft: Draft, causeId: string): Promise<OmegaEvent> {
    const source = `/omega/${role}/test`;
    const sealed = sealEvent(draft, { signer: this.#signer(role), source, now: Date.now(), causeId });
    const published = await this.bus.publish(sealed);
    assert.ok(published.ok);
    return sealed.event;
  }

  #signer(role: Role): Signer {
    const signer = this.#signers.get(role) ?? loadSigner(this.keys, role);
    this.#signers.set(role, signer);
    return signer;
  }

  /** Follows the stream for the life of the test; a server that is away is waited for. */
  async #follow(): Promise<void> {
    const keyring = new Keyring(this.keys);
    const { signal } = this.#ending;
    let seq = 0;
    while (!signal.aborted) {
      try {
        for await (const message of this.bus.read({ fromSeq: seq + 1, signal })) {
          ({ seq } = message);
          this.#hear(message, keyring);
        }
      } catch {
        await systemClock.sleep(followAgainMs, signal);
      }
    }
  }

  #hear(message: StoredMessage, keyring: Keyring): void {
    const opened = openEvent(message.body, message.subject, keyring, message.storedAt);
    if (!opened.ok) return;
    this.deeds = evolveDeeds(this.deeds, opened.value, message.storedAt);
    this.storedAt.set(opened.value.id, message.storedAt);
    this.events.push(opened.value);
    this.onHeard?.(opened.value);
  }

  async heard<Type extends EventType>(
    type: Type,
    matches: (event: EventOf<Type>) => boolean,
    limitMs = patienceMs,
  ): Promise<EventOf<Type>> {
    let found: EventOf<Type> | undefined;
    const look = (): boolean => {
      const ofType = this.events.filter((event) => event.type === type) as unknown as EventOf<Type>[];
      found = ofType.find(matches);
      return found !== undefined;
    };
    await until(`${type} is heard`, look, undefined, limitMs);
    assert.ok(found !== undefined);
    return found;
  }

  async close(): Promise<void> {
    await this.end("SIGTERM");
    this.#ending.abort();
    await this.#following;
    await this.installed.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
