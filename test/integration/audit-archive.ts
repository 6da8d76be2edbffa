import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { parseEntry } from "@omega/shared/audit/entry.ts";
import { trustedLogKeys } from "@omega/shared/audit/log-key.ts";
import type { NatsBus } from "@omega/shared/nats-bus.ts";
import { openCheckpoint } from "@omega/tlog/checkpoint.ts";
import { DiskReader } from "@omega/tlog/disk-reader.ts";
import { readEntries } from "@omega/tlog/entries.ts";
import { verifyLog } from "@omega/tlog/verify.ts";
import { Stage, startAgent, until, type AgentProcess } from "../agent-processes.ts";
import { installedBus, type InstalledBus } from "../nats-servers.ts";

/** A bus, a folder of keys, an audit log, and the Scribes that keep it. */
export class Archive {
  readonly folder = mkdtempSync(join(tmpdir(), "omega-audit-"));
  readonly installed: InstalledBus;
  readonly bus: NatsBus;
  readonly stage: Stage;
  /** Everything that was started, to be ended with the archive. */
  readonly scribes: AgentProcess[] = [];

  private constructor(installed: InstalledBus, bus: NatsBus) {
    this.installed = installed;
    this.bus = bus;
    this.stage = new Stage(bus, this.path("keys"));
  }

  static async open(): Promise<Archive> {
    const installed = await installedBus();
    return new Archive(installed, await installed.connect());
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  scribe(environment: Record<string, string> = {}, url = this.installed.server.url): AgentProcess {
    const scribe = startAgent("scribe", {
      OMEGA_NATS_URL: url,
      OMEGA_KEYS: this.path("keys"),
      OMEGA_POSTMORTEMS: this.path("postmortems"),
      OMEGA_AUDIT: this.path("audit"),
      OMEGA_AUDIT_BLOBS: this.path("blobs"),
      ...environment,
    });
    this.scribes.push(scribe);
    return scribe;
  }

  /** One that orders at once what its policy lets run. */
  coordinator(rules: object = {}, url = this.installed.server.url): AgentProcess {
    const file = this.path("coordinator.yaml");
    const swift = { stormMs: 0, settleMs: 0, namespaces: { allow: ["shop"] }, ...rules };
    writeFileSync(file, JSON.stringify({ bus: { servers: [url] }, keys: this.path("keys"), rules: swift }));
    const coordinator = startAgent("coordinator", {}, ["--config", file]);
    this.scribes.push(coordinator);
    return coordinator;
  }

  logged(): number {
    const keys = trustedLogKeys(this.path("keys"));
    const note = (() => {
      try {
        return readFileSync(this.path("audit/checkpoint"));
      } catch {
        return undefined;
      }
    })();
    if (!keys.ok || note === undefined) return 0;
    const opened = openCheckpoint(note, keys.value);
    assert.ok(opened.ok, JSON.stringify(opened));
    return opened.value.checkpoint.size;
  }

  async untilLogged(size: number): Promise<void> {
    await until(
      `${size} entries are logged`,
      () => this.logged() >= size,
      () => `${this.logged()}\n${this.scribes.map((scribe) => scribe.log()).join("\n")}`,
      60_000,
    );
  }

  /** The whole log, verified, as sequences and bodies. */
  async read(): Promise<{ seq: number; body: Uint8Array | undefined }[]> {
    const keys = trustedLogKeys(this.path("keys"));
    assert.ok(keys.ok);
    const files = new DiskReader(this.path("audit"));
    const verdict = await verifyLog({ files, logs: keys.value });
    assert.ok(verdict.ok, JSON.stringify(verdict));
    const read: { seq: number; body: Uint8Array | undefined }[] = [];
    for await (const { entry } of readEntries(files, verdict.value.size)) {
      const parsed = parseEntry(entry);
      assert.ok(parsed.ok, JSON.stringify(parsed));
      read.push({ seq: parsed.value.seq, body: parsed.value.kind === "inline" ? parsed.value.body : undefined });
    }
    return read;
  }

  /** Ends every process that keeps it or reads it. */
  async killAll(): Promise<void> {
    for (const scribe of this.scribes) await scribe.kill();
  }

  async close(): Promise<void> {
    await this.killAll();
    await this.installed.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Every entry is the stream's message of the same place, byte for byte; blobs are only counted. */
export async function assertFollows(archive: Archive): Promise<void> {
  const logged = await archive.read();
  for await (const message of archive.bus.read({ fromSeq: 1, toSeq: logged.length })) {
    const entry = logged[message.seq - 1];
    assert.equal(entry?.seq, message.seq);
    if (entry.body !== undefined) assert.deepEqual(Buffer.from(entry.body), Buffer.from(message.body));
  }
}

/** Walks an incident up to the proposal; gives the reason for which it was escalated, or nothing when the repair was ordered. */
export async function refusalOf(stage: Stage, name: string): Promise<string | undefined> {
  await stage.say("scout", "signal.detected", { causeId: name, data: { signalId: `sig-${name}`, service: name } });
  const opened = async () => (await stage.of("incident.opened")).find(({ data }) => data.signal.service === name);
  await until("it is opened", async () => (await opened()) !== undefined);
  const { incidentid = "" } = (await opened()) ?? {};
  await stage.say("scribe", "memory.recalled", { incidentid, causeId: name });
  await stage.say("scout", "diagnosis.reached", { incidentid, causeId: name });
  const own = async (type: OmegaEvent["type"]) =>
    (await stage.of(type)).find((event) => event.incidentid === incidentid);
  await until("a repair is asked for", async () => (await own("remediation.requested")) !== undefined);
  await stage.say("surgeon", "remediation.proposed", { incidentid, causeId: name });
  await until(
    "it is ordered or refused",
    async () => (await own("action.ordered")) !== undefined || (await own("incident.escalated")) !== undefined,
  );
  const escalated = (await stage.of("incident.escalated")).find((event) => event.incidentid === incidentid);
  return escalated?.data.reason;
}
