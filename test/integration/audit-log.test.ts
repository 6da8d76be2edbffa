import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { trustedLogKeys } from "@omega/shared/audit/log-key.ts";
import { startNatsServer } from "@omega/shared/nats-server.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import { formatVerifierKey } from "@omega/tlog/note-key.ts";
import { openWitnessed, parsePolicy } from "@omega/tlog/policy.ts";
import { smallDisk } from "@omega/tlog/test-small-disk.ts";
import { Stage, until, type AgentProcess } from "../agent-processes.ts";
import { installedBus, type InstalledBus } from "../nats-servers.ts";
import { Archive, assertFollows, refusalOf } from "./audit-archive.ts";

const witnessMain = fileURLToPath(new URL("../../shared/tlog/src/witness-main.ts", import.meta.url));
const residentMaxMb = 160;

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

  it("is written by one of two Scribes; when that one is killed the other goes on", async () => {
    const archive = await archiveOf();
    const two = [archive.scribe(), archive.scribe()];
    const keepers = (): AgentProcess[] => two.filter((scribe) => scribe.log().includes("keeping the audit log"));
    await archive.stage.say("scout", "signal.cleared", { causeId: "one" });
    await archive.untilLogged(1);
    assert.equal(keepers().length, 1);
    const [writer] = keepers();
    await writer?.kill();
    const size = await archive.bus.lastSeq();
    await archive.stage.say("scout", "signal.cleared", { causeId: "two" });
    await archive.untilLogged(size + 1);
    for (const scribe of two) await scribe.stop();
    await assertFollows(archive);
  });

  it("alarms when a server comes back without what was logged, and the Coordinator orders nothing until a person says so", async () => {
    const archive = await archiveOf();
    const { installed, stage } = archive;
    const port = Number(new URL(installed.server.url).port);
    const first = archive.scribe();
    await stage.first("audit.checkpointed", () => first.log());
    await archive.untilLogged(await archive.bus.lastSeq());
    await installed.server.stop();
    cpSync(installed.storeDir, archive.path("yesterday"), { recursive: true });
    let server = await startNatsServer({ storeDir: installed.storeDir, port });
    try {
      await until("the stage is back", () => sayOrNot(stage, "after-backup"));
      await stage.say("scout", "signal.cleared", { causeId: "lost one" });
      await stage.say("scout", "signal.cleared", { causeId: "lost two" });
      await archive.untilLogged(await archive.bus.lastSeq());
      const before = archive.logged();
      await server.stop();
      server = await startNatsServer({ storeDir: archive.path("yesterday"), port });
      await until("the stage is back", () => sayOrNot(stage, "after the restore"));
      await until(
        "the Scribe that knew the lost messages ends",
        () => first.process.exitCode !== null,
        () => first.log(),
      );
      const next = archive.scribe();
      const alarm = await stage.first("audit.alarmed", () => next.log());
      assert.ok(["history_lost", "history_differs"].includes(alarm.data.code), alarm.data.says);
      assert.ok(alarm.data.stopsActions);
      await archive.untilLogged(before + 1);

      const coordinator = archive.coordinator({}, server.url);
      assert.equal(await refusalOf(stage, "one"), "audit_alarm", coordinator.log());
      for (const each of await stage.of("audit.alarmed")) {
        const data = { alarmId: each.id, by: "ada", reason: "restored from yesterday" };
        await stage.say("operator", "audit.acknowledged", { causeId: each.id, data });
      }
      assert.equal(await refusalOf(stage, "two"), undefined, coordinator.log());
    } finally {
      await server.stop();
    }
  });

  it("that can't be written alarms once, and ends the alarm by the checkpoint that follows", async () => {
    const archive = await archiveOf();
    const { stage } = archive;
    const scribe = archive.scribe();
    await stage.first("audit.checkpointed", () => scribe.log());
    await archive.untilLogged(await archive.bus.lastSeq());
    renameSync(archive.path("audit/tile"), archive.path("audit/away"));
    writeFileSync(archive.path("audit/tile"), "in the way");
    await stage.say("scout", "signal.cleared", { causeId: "unwritable" });
    const alarm = await stage.first("audit.alarmed", () => scribe.log());
    assert.equal(alarm.data.code, "log_unwritable");
    rmSync(archive.path("audit/tile"));
    renameSync(archive.path("audit/away"), archive.path("audit/tile"));
    await checkpointAfter(archive, alarm.time, scribe);
    await archive.untilLogged(await archive.bus.lastSeq());
    await scribe.stop();
    await assertFollows(archive);
    assert.equal((await stage.of("audit.alarmed")).length, 1);
  });

  it("on a disk that is full refuses new actions, keeps all it has, and goes on by itself once there is room", async (context) => {
    const archive = await archiveOf();
    const { stage } = archive;
    const disk = smallDisk(archive.path("audit"), "512k");
    if ("skip" in disk) return context.skip(disk.skip);
    try {
      const scribe = archive.scribe();
      await stage.first("audit.checkpointed", () => scribe.log());
      await archive.untilLogged(await archive.bus.lastSeq());
      const before = await archive.read();
      writeFileSync(archive.path("audit/ballast"), new Uint8Array(460 * 1024));
      const alarmed = async (): Promise<boolean> => (await stage.of("audit.alarmed")).length > 0;
      for (let said = 0; !(await alarmed()); said += 1) {
        assert.ok(said < 2000, `it never fills up\n${scribe.log()}`);
        await stage.say("scout", "signal.cleared", { causeId: `filling ${said}` });
      }
      const alarm = await stage.first("audit.alarmed", () => scribe.log());
      assert.deepEqual([alarm.data.code, alarm.data.stopsActions], ["log_unwritable", true]);
      const coordinator = archive.coordinator();
      assert.equal(await refusalOf(stage, "full"), "audit_alarm", coordinator.log());
      const kept = await archive.read();
      assert.deepEqual(kept.slice(0, before.length), before);
      rmSync(archive.path("audit/ballast"));
      await checkpointAfter(archive, alarm.time, scribe);
      assert.equal(await refusalOf(stage, "room"), undefined, coordinator.log());
      assert.equal(await scribe.stop(), 0);
      await assertFollows(archive);
    } finally {
      await archive.killAll();
      disk.unmount();
    }
  });

  it("holds an order back, in strict mode, until the plan is inside a checkpoint; without Scribe a person is asked", async () => {
    const archive = await archiveOf();
    const { stage } = archive;
    archive.coordinator({ audit: { strict: true }, waits: { recordMs: 3000 } });
    assert.equal(await refusalOf(stage, "without"), "intent_not_recorded");
    const scribe = archive.scribe();
    await archive.untilLogged(await archive.bus.lastSeq());
    assert.equal(await refusalOf(stage, "with"), undefined, scribe.log());
    const history = await stage.history();
    const ordered = history.findIndex(({ type }) => type === "action.ordered");
    const { incidentid } = history[ordered] ?? {};
    const recorded = history.findIndex(
      (event) =>
        event.type === "audit.checkpointed" && event.data.intents.some(({ incidentId }) => incidentId === incidentid),
    );
    assert.ok(recorded >= 0 && recorded < ordered);
    await scribe.stop();
  });

  it("is cosigned by a witness process, survives its absence, and hears from it when history was cut", async () => {
    const archive = await archiveOf();
    const first = archive.scribe();
    await archive.untilLogged(1);
    assert.equal(await first.stop(), 0);
    const [log] = must(trustedLogKeys(archive.path("keys")));
    assert.ok(log);
    let elsewhere: InstalledBus | undefined;
    let witness = await startWitness(archive.folder, formatVerifierKey(log));
    const policyFile = archive.path("witnesses.policy");
    writeFileSync(
      policyFile,
      `log ${formatVerifierKey(log)}\nwitness one ${witness.vkey} ${witness.url}\nquorum one\n`,
    );
    const parsed = parsePolicy(readFileSync(policyFile));
    assert.ok(parsed.ok);
    const policy = parsed.value;
    const cosigned = (): boolean => openWitnessed(readFileSync(archive.path("audit/checkpoint")), policy).ok;
    try {
      const scribe = archive.scribe({ OMEGA_WITNESS_POLICY: policyFile });
      await until("it is cosigned", cosigned, () => scribe.log());
      const announced = await stageHears(archive.stage, "witness.example/one", () => scribe.log());
      assert.ok(announced);
      await witness.kill();
      await archive.stage.say("scout", "signal.cleared", { causeId: "alone" });
      await archive.untilLogged(await archive.bus.lastSeq());
      await until("it is not cosigned", () => !cosigned());
      witness = await startWitness(archive.folder, formatVerifierKey(log), witness.url);
      await until("it is cosigned again", cosigned, () => scribe.log());
      assert.equal(await scribe.stop(), 0);
      const size = archive.logged();
      rmSync(archive.path("audit"), { recursive: true });
      const remade = archive.scribe({ OMEGA_WITNESS_POLICY: policyFile });
      await archive.untilLogged(size);
      await until("a log made again from the stream is the same to the witness", cosigned, () => remade.log());
      assert.deepEqual(await archive.stage.of("audit.alarmed"), []);
      await remade.stop();

      // The owner of both keys tells another story of the same length.
      rmSync(archive.path("audit"), { recursive: true });
      const other = await installedBus();
      elsewhere = other;
      const forged = new Stage(await other.connect(), archive.path("keys"));
      for (let number = 0; number < size; number += 1)
        await forged.say("scout", "signal.cleared", { causeId: `${number}` });
      const forger = archive.scribe({ OMEGA_WITNESS_POLICY: policyFile }, other.server.url);
      await until(
        "the witness contradicts",
        async () => (await forged.of("audit.alarmed")).some(({ data }) => data.code === "witness_contradicts"),
        () => forger.log(),
      );
      await forger.kill();
    } finally {
      await witness.kill();
      await elsewhere?.close();
    }
  });
});

/** An alarm about writing ends by the checkpoint that follows it. */
async function checkpointAfter({ stage }: Archive, time: string, scribe: AgentProcess): Promise<void> {
  await until(
    "a checkpoint follows the alarm",
    async () => (await stage.of("audit.checkpointed")).some((said) => said.time > time),
    () => scribe.log(),
  );
}

async function sayOrNot(stage: Stage, causeId: string): Promise<boolean> {
  return await stage.say("scout", "signal.cleared", { causeId }).then(
    () => true,
    () => false,
  );
}

async function stageHears(stage: Stage, witness: string, show: () => string): Promise<boolean> {
  await until(
    "a cosigned checkpoint is announced",
    async () => (await stage.of("audit.checkpointed")).some(({ data }) => data.cosignedBy.includes(witness)),
    show,
  );
  return true;
}

interface WitnessProcess {
  readonly vkey: string;
  readonly url: string;
  kill(): Promise<void>;
}

async function startWitness(folder: string, log: string, url?: string): Promise<WitnessProcess> {
  const listen = url === undefined ? "127.0.0.1:0" : new URL(url).host;
  const args = ["--state", join(folder, "witness"), "--key-file", join(folder, "witness.key"), "--log", log];
  const child = spawn(process.execPath, [witnessMain, ...args, "--name", "witness.example/one", "--listen", listen], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(child, "exit");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const [vkey = "", at = ""] = line.toString().trim().split(" ");
  return {
    vkey,
    url: at,
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

function must<T>(outcome: Outcome<T>): T {
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome.value;
}
