import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { parseEntry } from "@omega/shared/audit/entry.ts";
import { trustedLogKeys } from "@omega/shared/audit/log-key.ts";
import type { NatsBus } from "@omega/shared/nats-bus.ts";
import { startNatsServer } from "@omega/shared/nats-server.ts";
import { openCheckpoint } from "@omega/tlog/checkpoint.ts";
import { DiskReader } from "@omega/tlog/disk-reader.ts";
import { readEntries } from "@omega/tlog/entries.ts";
import { formatVerifierKey } from "@omega/tlog/note-key.ts";
import { verifyLog } from "@omega/tlog/verify.ts";
import { Stage, startAgent, until, type AgentProcess } from "../agent-processes.ts";
import { installedBus, type InstalledBus } from "../nats-servers.ts";

const witnessMain = fileURLToPath(new URL("../../shared/tlog/src/witness-main.ts", import.meta.url));
const residentMaxMb = 160;

/** A bus, a folder of keys, an audit log, and the Scribes that keep it. */
class Archive {
  readonly folder = mkdtempSync(join(tmpdir(), "omega-audit-"));
  readonly installed: InstalledBus;
  readonly bus: NatsBus;
  readonly stage: Stage;
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

  async close(): Promise<void> {
    for (const scribe of this.scribes) await scribe.kill();
    await this.installed.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Every entry is the stream's message of the same place, byte for byte; blobs are only counted. */
async function assertFollows(archive: Archive): Promise<void> {
  const logged = await archive.read();
  for await (const message of archive.bus.read({ fromSeq: 1, toSeq: logged.length })) {
    const entry = logged[message.seq - 1];
    assert.equal(entry?.seq, message.seq);
    if (entry.body !== undefined) assert.deepEqual(Buffer.from(entry.body), Buffer.from(message.body));
  }
}

describe("Scribe's audit log", () => {
  const open: Archive[] = [];
  const archiveOf = async (): Promise<Archive> => {
    const archive = await Archive.open();
    open.push(archive);
    return archive;
  };
  after(async () => {
    for (const archive of open) await archive.close();
  });

  it("follows the stream byte for byte: events, junk and what is too long, in 160 MB and checked by openssl", async () => {
    const archive = await archiveOf();
    const { bus, stage } = archive;
    await bus.publish({ id: "junk", subject: "omega.control.junk", body: Uint8Array.of(0xff, 0x00, 0x7b) });
    await bus.publish({ id: "spaced", subject: 'omega.control."x', body: Buffer.from('{ "b": 1,"a":2 }') });
    const long = JSON.stringify({ id: "x".repeat(70_000), type: "y" });
    await bus.publish({ id: "long", subject: "omega.control.long", body: Buffer.from(long) });
    const scribe = archive.scribe();
    for (let number = 0; number < 300; number += 1) {
      await stage.say("scout", "signal.cleared", { causeId: `cause-${number}` });
    }
    const said = await stage.first("audit.checkpointed", () => scribe.log());
    assert.ok(said.data.size === said.data.throughSeq && said.data.origin === "omega/audit");
    await archive.untilLogged(300);
    const [resident] =
      /VmRSS:\s+([0-9]+)/.exec(readFileSync(`/proc/${scribe.process.pid}/status`, "utf8"))?.slice(1) ?? [];
    assert.ok(Number(resident) / 1024 < residentMaxMb, `${resident} kB resident`);
    assert.equal(await scribe.stop(), 0, scribe.log());
    await assertFollows(archive);
    const note = readFileSync(archive.path("audit/checkpoint"), "utf8");
    writeFileSync(archive.path("body"), `${note.split("\n\n")[0] ?? ""}\n`);
    const signature = Buffer.from(note.trimEnd().split(" ").at(-1) ?? "", "base64").subarray(4);
    writeFileSync(archive.path("signature"), signature);
    const pem = archive.path("keys/trusted/audit-log.pem");
    const args = ["pkeyutl", "-verify", "-pubin", "-inkey", pem, "-rawin"];
    const verified = execFileSync("openssl", [
      ...args,
      "-in",
      archive.path("body"),
      "-sigfile",
      archive.path("signature"),
    ]);
    assert.match(verified.toString(), /Verified Successfully/);
  });

  it("killed with -9 again and again under load never forks, skips or repeats", async () => {
    const archive = await archiveOf();
    let number = 0;
    for (let round = 0; round < 5; round += 1) {
      const scribe = archive.scribe();
      const logged = archive.logged();
      const aim = logged + 40 + round * 17;
      while (archive.logged() < aim) {
        await archive.stage.say("scout", "signal.cleared", { causeId: `load-${(number += 1)}` });
        if (scribe.process.exitCode !== null) assert.fail(scribe.log());
      }
      await scribe.kill();
    }
    const last = archive.scribe();
    await archive.untilLogged(await archive.bus.lastSeq());
    await last.stop();
    await assertFollows(archive);
    assert.deepEqual(await archive.stage.of("audit.alarmed"), []);
  });
});
void spawn;
void once;
void cpSync;
void startNatsServer;
void formatVerifierKey;
void witnessMain;
