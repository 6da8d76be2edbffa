import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { Failure, Outcome } from "./checked.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { CrashFiles } from "./crash-files.ts";
import { entryAt } from "./crash-sweep.ts";
import { encodeUtf8 } from "./encoding.ts";
import { DiskFiles } from "./files.ts";
import { type Machine, thisMachine } from "./lock.ts";
import type { Log } from "./log.ts";
import { signatureLine } from "./note.ts";
import { openLog, openLogFolder } from "./open-log.ts";
import { newSigner } from "./test-keys.ts";
import { smallDisk } from "./test-small-disk.ts";
import { verifyLog } from "./verify.ts";

let folder = "";
const signer = newSigner("example.com/log", "log");

function must<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`${outcome.failure.code}: ${outcome.failure.message}`);
  return outcome.value;
}

function failureOf(outcome: Outcome<unknown>): Failure {
  assert.ok(!outcome.ok, "expected a failure");
  return outcome.failure;
}

function entries(from: number, to: number): Uint8Array[] {
  return Array.from({ length: to - from }, (_, at) => entryAt(from + at));
}

async function assertWhole(at: string, size: number): Promise<void> {
  const verdict = await verifyLog({ files: new DiskFiles(at), logs: [signer.verifier] });
  assert.ok(verdict.ok, verdict.ok ? "" : JSON.stringify(verdict.problem));
  assert.equal(verdict.value.size, size);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tlog-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("a new log has a signed checkpoint of size 0, and grows by batches across openings", async () => {
  let log = must(await openLogFolder(folder, signer));
  assert.equal(log.size, 0);
  await assertWhole(folder, 0);
  let size = 0;
  for (const count of [1, 0, 254, 1, 1, 300, 43]) {
    const { first, size: after, checkpoint } = must(await log.append(entries(size, size + count)));
    assert.deepEqual([first, after], [size, size + count]);
    size = after;
    assert.equal(readFileSync(join(folder, "checkpoint"), "utf8"), checkpoint);
    await assertWhole(folder, size);
    await log.close();
    log = must(await openLogFolder(folder, signer));
    assert.equal(log.size, size);
  }
  for (const index of [0, 255, 256, size - 1]) assert.deepEqual(await log.entry(index), Buffer.from(entryAt(index)));
  assert.equal(await log.entry(size), undefined);
  assert.equal(await log.entry(-1), undefined);
  assert.deepEqual(await log.tree().root(), { ok: true, value: rootIn(log.checkpoint) });
  await log.close();
});

function rootIn(checkpoint: string): Uint8Array {
  const opened = openCheckpoint(encodeUtf8(checkpoint), [signer.verifier]);
  assert.ok(opened.ok);
  return Buffer.from(opened.value.checkpoint.root);
}

test("entries are read in order from anywhere, and reading ends where a bundle is gone", async () => {
  const log = must(await openLogFolder(folder, signer));
  must(await log.append(entries(0, 600)));
  for (const from of [0, 1, 255, 256, 511, 599, 600, 700]) {
    const read = await readAll(log, from);
    assert.deepEqual(
      read.map(({ index }) => index),
      Array.from({ length: Math.max(0, 600 - from) }, (_, at) => from + at),
    );
    assert.ok(read.every(({ index, entry }) => Buffer.compare(entry, entryAt(index)) === 0));
  }
  rmSync(join(folder, "tile/entries/001"));
  assert.equal((await readAll(log, 0)).length, 256);
  assert.equal(await log.entry(300), undefined);
  await log.close();
});

async function readAll(log: Log, from: number): Promise<{ index: number; entry: Uint8Array }[]> {
  const read: { index: number; entry: Uint8Array }[] = [];
  for await (const one of log.entries(from)) read.push(one);
  return read;
}

test("appends made at once are carried out one after the other", async () => {
  const log = must(await openLogFolder(folder, signer));
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, at) => log.append([entryAt(at)])));
  assert.deepEqual(
    outcomes.map((outcome) => must(outcome).first),
    Array.from({ length: 20 }, (_, at) => at),
  );
  await log.close();
  assert.equal(failureOf(await log.append([entryAt(20)])).code, "closed");
  await assertWhole(folder, 20);
});

test("an entry of 65,535 bytes fits, a longer one and a longer batch are refused before anything is written", async () => {
  const log = must(await openLogFolder(folder, signer));
  must(await log.append([new Uint8Array(65_535)]));
  const failure = failureOf(await log.append([new Uint8Array(1), new Uint8Array(65_536)]));
  assert.deepEqual([failure.kind, failure.code], ["terminal", "entry_too_long"]);
  assert.match(failure.message, /entry 1 of the batch has 65536 bytes/);
  assert.equal(failureOf(await log.append(Array(16_385).fill(new Uint8Array(0)))).code, "batch_too_long");
  must(await log.append([new Uint8Array(0)]));
  await log.close();
  await assertWhole(folder, 2);
});

test("a second writer is refused while the first runs, and takes over from one that is gone", async () => {
  const log = must(await openLogFolder(folder, signer));
  const failure = failureOf(await openLogFolder(folder, signer));
  assert.deepEqual([failure.kind, failure.code], ["conflict", "locked"]);
  assert.match(failure.message, new RegExp(`process ${process.pid} holds the lock`));
  await log.close();
  const self = thisMachine.self();
  const lock = (holder: object): void =>
    writeFileSync(join(folder, "lock"), JSON.stringify({ ...self, nonce: "n", ...holder }));
  lock({ startTime: "1" });
  await must(await openLogFolder(folder, signer)).close();
  lock({ boot: "an earlier one" });
  await must(await openLogFolder(folder, signer)).close();
  for (const elsewhere of [{ machine: "another", boot: "another" }, { namespace: "another" }]) {
    lock(elsewhere);
    assert.match(failureOf(await openLogFolder(folder, signer)).message, /another machine or container/);
  }
  await must(await openLog({ files: new DiskFiles(folder), signer, takeOver: true })).close();
});

test("of two writers that both believe they have the log, one is told that it lost, and no history forks", async () => {
  const first = must(await openLogFolder(folder, signer));
  must(await first.append(entries(0, 5)));
  const second = must(await openLog({ files: new DiskFiles(folder), signer, takeOver: true }));
  const lost = failureOf(await first.append([encodeUtf8("of the first")]));
  assert.deepEqual([lost.kind, lost.code], ["conflict", "superseded"]);
  assert.equal(failureOf(await first.append([encodeUtf8("again")])).code, "closed");
  must(await second.append(entries(5, 8)));
  await first.close();
  await second.close();
  await assertWhole(folder, 8);
});

test("even without a lock the compare-and-set lets one of two racing writers sign", async () => {
  // Both hold "the" lock: a machine on which the lock file always looks like one's own would be needed otherwise.
  const lockless = (nonce: string): DiskFiles => new LocklessFiles(folder, nonce);
  const machine: Machine = { self: () => thisMachine.self(), isRunning: () => false };
  const first = must(await openLog({ files: lockless("1"), signer, machine }));
  must(await first.append(entries(0, 5)));
  const second = must(await openLog({ files: lockless("2"), signer, machine }));
  const outcomes = await Promise.all([first.append([encodeUtf8("one")]), second.append([encodeUtf8("two")])]);
  assert.equal(outcomes.filter(({ ok }) => ok).length, 1, "exactly one wins");
  assert.equal(failureOf(outcomes.find(({ ok }) => !ok) ?? assert.fail()).code, "superseded");
  await first.close();
  await second.close();
  await assertWhole(folder, 6);
});

/** A folder whose lock file is a different one for every writer. */
class LocklessFiles extends DiskFiles {
  readonly #suffix: string;

  constructor(root: string, suffix: string) {
    super(root);
    this.#suffix = suffix;
  }

  override async link(from: string, to: string): Promise<boolean> {
    return super.link(from, to === "lock" ? `lock${this.#suffix}` : to);
  }

  override async read(path: string): Promise<Uint8Array | undefined> {
    return super.read(path === "lock" ? `lock${this.#suffix}` : path);
  }
}

test("a log whose parts do not fit together is not written to", async () => {
  const log = must(await openLogFolder(folder, signer));
  must(await log.append(entries(0, 3)));
  const older = readFileSync(join(folder, "checkpoint"));
  must(await log.append(entries(3, 9)));
  await log.close();
  const keep = (path: string): (() => void) => {
    const bytes = readFileSync(join(folder, path));
    return () => writeFileSync(join(folder, path), bytes);
  };
  const damages: [string, () => void, RegExp][] = [
    ["checkpoint", () => writeFileSync(join(folder, "checkpoint"), `${older.toString()}x`), /checkpoint: /],
    ["tile/0/000.p/9", () => rmSync(join(folder, "tile/0/000.p/9")), /000\.p\/9 is missing/],
    ["tile/entries/000.p/9", () => writeFileSync(join(folder, "tile/entries/000.p/9"), "short"), /does not hold 9/],
    ["state/3", () => writeFileSync(join(folder, "state/3"), "text"), /state\/3: /],
    ["state/3", () => writeFileSync(join(folder, "state/3"), readFileSync(join(folder, "state/2"))), /has 9 entries/],
  ];
  for (const [path, damage, expected] of damages) {
    const restore = keep(path);
    damage();
    const failure = failureOf(await openLogFolder(folder, signer));
    assert.deepEqual([failure.kind, failure.code], ["conflict", "damaged"]);
    assert.match(failure.message, expected);
    restore();
  }
  const other = failureOf(await openLogFolder(folder, newSigner("example.com/log", "log")));
  assert.match(other.message, /not signed by any known key/);
  rmSync(join(folder, "state"), { recursive: true });
  assert.match(failureOf(await openLogFolder(folder, signer)).message, /no state/);
  assert.equal(failureOf(await openLogFolder(folder, newSigner("example.com/witness", "witness"))).code, "wrong_key");
});

test("cosignatures are attached to the published checkpoint and survive reopening", async () => {
  const witness = newSigner("example.com/witness", "witness");
  const log = must(await openLogFolder(folder, signer));
  must(await log.append(entries(0, 3)));
  const text = `${log.checkpoint.split("\n\n")[0]}\n`;
  const cosigned = must(await log.attach(signatureLine(text, witness), [witness.verifier]));
  assert.equal(readFileSync(join(folder, "checkpoint"), "utf8"), cosigned);
  assert.ok(openCheckpoint(encodeUtf8(cosigned), [signer.verifier, witness.verifier]).ok);
  const forged = signatureLine("other\n", witness);
  assert.equal(failureOf(await log.attach(forged, [witness.verifier])).code, "bad_cosignature");
  await log.close();
  const again = must(await openLogFolder(folder, signer));
  assert.equal(again.checkpoint, cosigned);
  await again.close();
});

test("files of a disk and of the crashing disk behave alike", async () => {
  for (const files of [new DiskFiles(folder), new CrashFiles()]) {
    await files.makeFolder("a/b");
    assert.equal(await files.create("a/b/one", encodeUtf8("one")), true);
    assert.equal(await files.create("a/b/one", encodeUtf8("two")), false);
    assert.equal(await files.link("a/b/one", "a/two"), true);
    assert.equal(await files.link("a/b/one", "a/two"), false);
    await files.overwrite("a/b/one", encodeUtf8("x"));
    assert.equal(Buffer.from((await files.read("a/two")) ?? []).toString(), "x");
    await files.rename("a/b/one", "a/three");
    assert.equal(await files.read("a/b/one"), undefined);
    await files.create("a/b/four", encodeUtf8("four"));
    await files.rename("a/b/four", "a/three");
    assert.equal(Buffer.from((await files.read("a/three")) ?? []).toString(), "four");
    await files.syncFile("a/three");
    await files.syncFolder("a");
    assert.deepEqual((await files.list("a")).toSorted(), ["b", "three", "two"]);
    assert.deepEqual(await files.list("nowhere"), []);
    await files.remove("a/b");
    await files.remove("a/b");
    assert.deepEqual((await files.list("a")).toSorted(), ["three", "two"]);
    await assert.rejects(files.create("nowhere/file", encodeUtf8("")), { code: "ENOENT" });
    await assert.rejects(files.rename("nowhere", "a/x"), { code: "ENOENT" });
  }
});

test("a full disk refuses, leaves the log whole, and takes entries again once there is room", async (context) => {
  const disk = smallDisk(join(folder, "small"), "256k");
  if ("skip" in disk) return context.skip(disk.skip);
  try {
    const log = must(await openLogFolder(join(disk.path, "log"), signer));
    writeFileSync(join(disk.path, "ballast"), new Uint8Array(64 * 1024));
    let size = 0;
    let refusal: Failure | undefined;
    while (refusal === undefined) {
      const outcome = await log.append(entries(size, size + 20));
      if (outcome.ok) size = outcome.value.size;
      else refusal = outcome.failure;
    }
    assert.deepEqual([refusal.kind, refusal.code], ["retryable", "disk_full"]);
    assert.equal(log.size, size);
    await assertWhole(join(disk.path, "log"), size);
    rmSync(join(disk.path, "ballast"));
    must(await log.append(entries(size, size + 20)));
    await log.close();
    await assertWhole(join(disk.path, "log"), size + 20);
    return undefined;
  } finally {
    disk.unmount();
  }
});
