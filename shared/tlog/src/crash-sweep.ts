import type { Outcome } from "./checked.ts";
import { type Crash, CrashFiles, type Fault, PowerLoss } from "./crash-files.ts";
import { encodeUtf8 } from "./encoding.ts";
import type { Machine } from "./lock.ts";
import type { Log } from "./log.ts";
import type { NoteSigner } from "./note-key.ts";
import { formatSignatureLine } from "./note.ts";
import { openLog } from "./open-log.ts";
import { verifyLog } from "./verify.ts";

/**
 * Stops a writer at every single step that it makes on the disk, in every way that a disk can take it, and looks at what
 * is left. A kit for tests: `sweepCrashes` for the loss of power, `sweepFullDisk` for a disk that fills up.
 */

/** How many cases were tried, and in how many every promise held. */
export interface Sweep {
  readonly tried: number;
  readonly held: number;
  /** One sentence for each case that did not hold. */
  readonly failures: readonly string[];
}

/** Around the end of the first tile, so that full and partial tiles of two levels are written. */
const prefilled = 250;
const batches = [3, 10, 1] as const;
const planned = prefilled + batches.reduce((sum, count) => sum + count, 0);

/** A machine on which every earlier writer is gone, as after a loss of power. */
const restarted: Machine = {
  self: () => ({ pid: 1, startTime: "1", machine: "machine", boot: "boot", namespace: "namespace" }),
  isRunning: () => false,
};

export function entryAt(index: number): Uint8Array {
  return encodeUtf8(`entry ${index} ${"x".repeat(index % 7)}`);
}

/** A signer that remembers all it has ever signed: every one of these has to stay true for ever. */
class WitnessedSigner implements NoteSigner {
  /** Signature by text. */
  readonly signed = new Map<string, Uint8Array>();
  readonly #signer: NoteSigner;

  constructor(signer: NoteSigner) {
    this.#signer = signer;
  }

  get verifier(): NoteSigner["verifier"] {
    return this.#signer.verifier;
  }

  get signatureBytes(): number {
    return this.#signer.signatureBytes;
  }

  sign(text: string): Uint8Array {
    const signature = this.#signer.sign(text);
    this.signed.set(text, signature);
    return signature;
  }
}

interface Run {
  readonly signer: WitnessedSigner;
  /** The largest acknowledged size. */
  acknowledged: number;
}

/** What is done at each step. */
export interface CrashCases {
  readonly kinds: readonly ("before" | "after" | "torn")[];
  /** How much of what was not synced is kept; "some" may be given more than once. */
  readonly keeps: readonly Crash["keep"][];
}

/** `random` gives a number from 0 to n - 1; the sweep is as reproducible as it is. */
export async function sweepCrashes(
  signer: NoteSigner,
  { kinds, keeps }: CrashCases,
  random: (n: number) => number,
): Promise<Sweep> {
  const failures: string[] = [];
  let tried = 0;
  for (const start of [new CrashFiles(), await prefill(signer)]) {
    const steps = await stepsOf(signer, start);
    for (let at = 1; at <= steps; at++) {
      for (const kind of kinds) {
        for (const keep of keeps) {
          const how = keep === "some" ? { keep, choose: random } : { keep };
          const again: Fault = { at: 1 + random(steps), kind };
          const problem = await crashOnce(signer, start, { at, kind }, how, again);
          tried++;
          if (problem !== undefined) failures.push(`power lost ${kind} step ${at}, keeping ${keep}: ${problem}`);
        }
      }
    }
  }
  return { tried, held: tried - failures.length, failures };
}

async function prefill(signer: NoteSigner): Promise<CrashFiles> {
  const files = new CrashFiles();
  const problem = await write(files, { signer: new WitnessedSigner(signer), acknowledged: 0 }, [prefilled]);
  if (problem !== undefined) throw new Error(problem);
  return files;
}

async function stepsOf(signer: NoteSigner, start: CrashFiles): Promise<number> {
  const files = start.crash({ keep: "all" });
  const problem = await write(files, { signer: new WitnessedSigner(signer), acknowledged: 0 }, batches);
  if (problem !== undefined) throw new Error(problem);
  return files.steps;
}

/** Crashes a run at one step, and its recovery at another; then everything has to be right. */
async function crashOnce(
  signer: NoteSigner,
  start: CrashFiles,
  fault: Fault,
  how: Crash,
  again: Fault,
): Promise<string | undefined> {
  const run: Run = { signer: new WitnessedSigner(signer), acknowledged: 0 };
  const before = start.crash({ keep: "all" }, fault);
  await write(before, run, batches);
  const between = before.crash(how, again);
  const unverified = await verifySigned(before.crash(how), run, false);
  if (unverified !== undefined) return `before recovery: ${unverified}`;
  await write(between, run, batches);
  const after = between.crash(how);
  const unwritable = await write(after, run, batches);
  return unwritable ?? (await verifySigned(after, run, true));
}

/** Opens the log, checks that it has all that it acknowledged, and appends the batches. Returns what went wrong. */
async function write(files: CrashFiles, run: Run, counts: readonly number[]): Promise<string | undefined> {
  try {
    return await writeAll(files, run, counts);
  } catch (error) {
    if (error instanceof PowerLoss) return error.message;
    throw error;
  }
}

async function writeAll(files: CrashFiles, run: Run, counts: readonly number[]): Promise<string | undefined> {
  const opened = await openLog({ files, signer: run.signer, machine: restarted });
  if (!opened.ok) return `cannot be opened: ${opened.failure.message}`;
  const log = opened.value;
  if (log.size < run.acknowledged) return `has ${log.size} entries, ${run.acknowledged} were acknowledged`;
  run.acknowledged = log.size;
  const wrong = await findWrongEntry(log);
  if (wrong !== undefined) return `entry ${wrong} is not what was written`;
  for (const count of counts) {
    const appended = await appendNext(log, count);
    if (!appended.ok) return `append: ${appended.failure.message}`;
    run.acknowledged = appended.value.size;
  }
  await log.close().catch(() => undefined);
  return undefined;
}

function appendNext(log: Log, count: number): ReturnType<Log["append"]> {
  return log.append(Array.from({ length: count }, (_, at) => entryAt(log.size + at)));
}

async function findWrongEntry(log: Log): Promise<number | undefined> {
  for (let index = Math.max(0, log.size - 20); index < log.size; index++) {
    const entry = await log.entry(index);
    if (entry === undefined || Buffer.compare(entry, entryAt(index)) !== 0) return index;
  }
  return undefined;
}

/**
 * Verifies the folder, holding it against every checkpoint that was ever signed. Before the first checkpoint is out
 * there is no log to verify yet.
 */
async function verifySigned(files: CrashFiles, run: Run, isWritten: boolean): Promise<string | undefined> {
  if (!isWritten && run.acknowledged === 0 && (await files.read("checkpoint")) === undefined) return undefined;
  const older = [...run.signer.signed].map(([text, signature]) => ({
    name: text.replaceAll("\n", " "),
    note: encodeUtf8(`${text}\n${formatSignatureLine(run.signer.verifier, signature)}`),
  }));
  const verdict = await verifyLog({ files, logs: [run.signer.verifier], older, check: checkEntry });
  return verdict.ok ? undefined : JSON.stringify(verdict.problem);
}

function checkEntry(index: number, entry: Uint8Array): string | undefined {
  return Buffer.compare(entry, entryAt(index)) === 0 ? undefined : "is not what was written";
}

/** Fills the disk at every step of a run: each refusal has to leave a log that verifies and can be appended to later. */
export async function sweepFullDisk(signer: NoteSigner): Promise<Sweep> {
  const failures: string[] = [];
  let tried = 0;
  const start = await prefill(signer);
  const steps = await stepsOf(signer, start);
  for (let at = 1; at <= steps; at++) {
    for (const kind of ["full", "refused"] as const) {
      const problem = await fillOnce(signer, start.crash({ keep: "all" }, { at, kind }));
      tried++;
      if (problem !== undefined) failures.push(`disk ${kind} at step ${at}: ${problem}`);
    }
  }
  return { tried, held: tried - failures.length, failures };
}

async function fillOnce(signer: NoteSigner, files: CrashFiles): Promise<string | undefined> {
  const run: Run = { signer: new WitnessedSigner(signer), acknowledged: prefilled };
  let log: Log | undefined;
  for (let attempt = 0; attempt < 8; attempt++) {
    if (log === undefined) {
      const opened: Outcome<Log> = await openLog({ files, signer: run.signer, machine: restarted });
      if (opened.ok) log = opened.value;
      if (!opened.ok && opened.failure.kind === "terminal") return `opening gave up: ${opened.failure.message}`;
      continue;
    }
    if (log.size >= planned) break;
    const appended = await appendNext(log, batches[attempt % batches.length] ?? 1);
    if (appended.ok) continue;
    const broken = await verifySigned(files, run, true);
    if (broken !== undefined) return `after a refusal: ${broken}`;
    if (appended.failure.kind === "retryable") continue;
    await log.close().catch(() => undefined);
    log = undefined;
  }
  if (log === undefined || log.size < planned) return `the log did not reach ${planned} entries`;
  return verifySigned(files, run, true);
}
