import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { entryAt, sweepCrashes, sweepFullDisk } from "@omega/tlog/crash-sweep.ts";
import { DiskReader } from "@omega/tlog/disk-reader.ts";
import { encodeUtf8 } from "@omega/tlog/encoding.ts";
import { generateKey, type NoteSigner, parseSignerKey } from "@omega/tlog/note-key.ts";
import { openLogFolder } from "@omega/tlog/open-log.ts";
import { type ShownCheckpoint, verifyLog } from "@omega/tlog/verify.ts";
import type { ProofResult, Report } from "./contract.ts";

export const about =
  "an audit log whose writer is killed, loses power or fills the disk at any point loses nothing acknowledged";

/** Kills by somebody else, each after a random time; and kills at a step, one for each of the first steps. */
const randomKills = 500;
const stepKills = 150;

/** Longer than an append takes, so that kills fall everywhere in it and in the ones around. */
const killAfterMsMax = 25;

/** A log is begun anew after this many kills, so that openings of new and of grown logs both are among them. */
const killsPerLog = 50;

const writer = fileURLToPath(import.meta.resolve("@omega/tlog/crash-writer.ts"));

interface Killed {
  readonly folder: string;
  readonly keyFile: string;
  readonly signer: NoteSigner;
  /** The largest size that the writer acknowledged so far. */
  acknowledged: number;
  /** Each checkpoint seen after a kill: none of them may ever be contradicted. */
  readonly seen: ShownCheckpoint[];
}

/** Park and Miller's generator. */
function seeded(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % n;
  };
}

async function newLog(skey: string, signer: NoteSigner): Promise<Killed> {
  const folder = await mkdtemp(join(tmpdir(), "omega-crash-"));
  const keyFile = join(folder, "key");
  await writeFile(keyFile, skey, { mode: 0o600 });
  return { folder, keyFile, signer, acknowledged: 0, seen: [] };
}

/** Runs a writer until it is killed: after a time, or by itself at a step. Keeps what it acknowledged. */
async function runAndKill(
  log: Killed,
  how: { readonly afterMs: number } | { readonly step: number },
): Promise<string | undefined> {
  const args = [writer, join(log.folder, "log"), log.keyFile, ...("step" in how ? [String(how.step)] : [])];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let complaint = "";
  child.stderr.on("data", (bytes: Buffer) => (complaint += bytes.toString()));
  child.stdout.on("data", (bytes: Buffer) => {
    const isFirst = said === "";
    said += bytes.toString();
    if (isFirst && "afterMs" in how) setTimeout(() => child.kill("SIGKILL"), how.afterMs);
  });
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  for (const line of said.split("\n").slice(0, -1)) log.acknowledged = Math.max(log.acknowledged, Number(line));
  return signal === "SIGKILL" ? undefined : `the writer ended by itself: ${complaint.trim().slice(0, 300)}`;
}

/** Verifies what is left as it is, then opens it and verifies again. */
async function inspect(log: Killed): Promise<string | undefined> {
  const folder = join(log.folder, "log");
  const files = new DiskReader(folder);
  const check = (index: number, entry: Uint8Array): string | undefined =>
    Buffer.compare(entry, entryAt(index)) === 0 ? undefined : "is not what was written";
  const isBegun = (await files.read("checkpoint")) !== undefined;
  if (!isBegun && log.acknowledged > 0) return "there is no checkpoint";
  for (const when of ["before opening", "after opening"]) {
    if (when === "after opening") {
      const opened = await openLogFolder(folder, log.signer);
      if (!opened.ok) return `cannot be opened: ${opened.failure.message}`;
      await opened.value.close();
    } else if (!isBegun) continue;
    const verdict = await verifyLog({ files, logs: [log.signer.verifier], older: log.seen, check });
    if (!verdict.ok) return `${when}: ${JSON.stringify(verdict.problem)}`;
    if (verdict.value.size < log.acknowledged) return `${when}: ${verdict.value.size} of ${log.acknowledged} entries`;
    const note = await files.read("checkpoint");
    if (note !== undefined)
      log.seen.push({ name: `${when} at ${verdict.value.size}`, note: encodeUtf8(Buffer.from(note).toString()) });
  }
  log.seen.splice(0, log.seen.length - 10);
  return undefined;
}

export async function run(report: Report): Promise<ProofResult> {
  const random = seeded(20_261_124);
  const key = generateKey("audit.example/log", "log");
  const signer = key.ok ? parseSignerKey(key.value.skey, () => 0) : key;
  if (!key.ok || !signer.ok) throw new Error("no key could be made");
  const failures: string[] = [];
  const cases = { kinds: ["before", "after", "torn"], keeps: ["none", "all", "some", "some", "some"] } as const;
  const power = await sweepCrashes(signer.value, cases, random);
  report(`power lost at every step: ${power.held} of ${power.tried} held`);
  const full = await sweepFullDisk(signer.value);
  report(`disk full at every step: ${full.held} of ${full.tried} held`);
  failures.push(...power.failures, ...full.failures);
  const kills = [
    ...Array.from({ length: stepKills }, (_, at) => ({ step: at + 1 })),
    ...Array.from({ length: randomKills }, () => ({ afterMs: random(killAfterMsMax) })),
  ];
  let entries = 0;
  let log = await newLog(key.value.skey, signer.value);
  let killed = 0;
  for (const [at, how] of kills.entries()) {
    const problem = (await runAndKill(log, how)) ?? (await inspect(log));
    if (problem === undefined) killed++;
    else failures.push(`kill ${at} (${JSON.stringify(how)}): ${problem}`);
    // Each kill at a step starts from nothing, so that the steps of making a log are among them.
    if (!("step" in how) && at % killsPerLog !== 0) continue;
    entries += log.acknowledged;
    await rm(log.folder, { recursive: true });
    log = await newLog(key.value.skey, signer.value);
  }
  entries += log.acknowledged;
  await rm(log.folder, { recursive: true });
  report(`kill -9: ${killed} of ${kills.length} held, ${entries} entries acknowledged`);
  for (const failure of failures.slice(0, 20)) report(failure);
  const tried = power.tried + full.tried + kills.length;
  return {
    name: "crash",
    tried,
    held: tried - failures.length,
    powerLosses: power.tried,
    fullDisks: full.tried,
    killsAtSteps: stepKills,
    killsAtRandom: randomKills,
    entriesAcknowledged: entries,
  };
}
