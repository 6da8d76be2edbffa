import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { CrashFiles } from "./crash-files.ts";
import { entryAt } from "./crash-sweep.ts";
import { encodeUtf8 } from "./encoding.ts";
import { openLog } from "./open-log.ts";
import { newSigner } from "./test-keys.ts";
import { type ShownCheckpoint, type Verdict, verifyLog } from "./verify.ts";

/** A log of 600 entries in three batches, of 300, 290 and 10: two full tiles, two levels, partial files of old sizes. */
const signer = newSigner("example.com/log", "log");
const checkpoints: ShownCheckpoint[] = [];
let files = new Map<string, Uint8Array>();

async function writeLog(counts: readonly number[], by = signer): Promise<Map<string, Uint8Array>> {
  const disk = new CrashFiles();
  const opened = await openLog({ files: disk, signer: by });
  assert.ok(opened.ok);
  for (const count of counts) {
    const { size } = opened.value;
    const appended = await opened.value.append(Array.from({ length: count }, (_, at) => entryAt(size + at)));
    assert.ok(appended.ok);
    checkpoints.push({ name: `old ${appended.value.size}`, note: encodeUtf8(appended.value.checkpoint) });
  }
  await opened.value.close();
  return disk.snapshot();
}

function verify(older: readonly ShownCheckpoint[] = []): Promise<Verdict> {
  const list = async (folder: string): Promise<string[]> =>
    [...files.keys()].filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1));
  return verifyLog({ files: { read: async (path) => files.get(path), list }, logs: [signer.verifier], older });
}

async function problem(older: readonly ShownCheckpoint[] = []): Promise<string> {
  const verdict = await verify(older);
  if (verdict.ok) return "ok";
  const { index, size, file } = verdict.problem;
  return `${index === undefined ? `size ${size}` : `entry ${index}`} in ${file}`;
}

function flip(path: string, at: number): void {
  const bytes = Uint8Array.from(files.get(path) ?? assert.fail(`no ${path}`));
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  files.set(path, bytes);
}

beforeEach(async () => {
  checkpoints.length = 0;
  files = await writeLog([300, 290, 10]);
});

test("a whole log verifies, with every checkpoint that it ever had", async () => {
  assert.equal(await problem(checkpoints), "ok");
  const paths = [...files.keys()].filter((path) => path.startsWith("tile/1") || path.includes(".p/"));
  assert.deepEqual(paths.toSorted(), [
    "tile/0/002.p/78",
    "tile/0/002.p/88",
    "tile/1/000.p/1",
    "tile/1/000.p/2",
    "tile/entries/002.p/78",
    "tile/entries/002.p/88",
  ]);
});

test("a changed byte is found at its entry and in its file", async () => {
  const cases: [string, number, string][] = [
    ["tile/entries/001", 2 + 8, "entry 256 in tile/entries/001"],
    ["tile/0/001", 255 * 32, "entry 511 in tile/0/001"],
    ["tile/entries/002.p/88", 0, "entry 512 in tile/entries/002.p/88"],
    ["tile/entries/002.p/78", 5, "entry 512 in tile/entries/002.p/78"],
    ["tile/0/002.p/78", 77 * 32, "entry 589 in tile/0/002.p/78"],
    ["tile/1/000.p/2", 32, "entry 256 in tile/1/000.p/2"],
    ["tile/1/000.p/1", 0, "entry 0 in tile/1/000.p/1"],
    ["checkpoint", 3, "size undefined in checkpoint"],
    ["state/4", 30, "size undefined in state/4"],
  ];
  const whole = new Map(files);
  for (const [path, at, expected] of cases) {
    files = new Map(whole);
    flip(path, at);
    assert.equal(await problem(), expected, path);
  }
});

test("a missing or cut file is found at the first entry that is gone", async () => {
  const cases: [string, number | undefined, string][] = [
    ["tile/entries/000", undefined, "entry 0 in tile/entries/000"],
    ["tile/entries/002.p/88", undefined, "entry 590 in tile/entries/002.p/88"],
    ["tile/entries/001", 0, "entry 256 in tile/entries/001"],
    ["tile/entries/001", 25, "entry 257 in tile/entries/001"],
    ["tile/0/001", 31, "entry 256 in tile/0/001"],
    ["tile/0/001", 40, "entry 257 in tile/0/001"],
    ["tile/1/000.p/2", 40, "entry 256 in tile/1/000.p/2"],
    ["tile/1/000.p/2", undefined, "entry 256 in tile/1/000.p/2"],
  ];
  const whole = new Map(files);
  for (const [path, length, expected] of cases) {
    files = new Map(whole);
    const bytes = files.get(path) ?? assert.fail(`no ${path}`);
    if (length === undefined) files.delete(path);
    else files.set(path, bytes.subarray(0, length));
    assert.equal(await problem(), expected, `${path} ${length}`);
  }
  files = new Map(whole);
  files.delete("checkpoint");
  assert.equal(await problem(), "size undefined in checkpoint");
});

test("bytes after the end are found", async () => {
  for (const path of ["tile/entries/000", "tile/0/001", "tile/1/000.p/2", "tile/entries/002.p/78"]) {
    files = await writeLog([300, 290, 10]);
    files.set(path, Buffer.concat([files.get(path) ?? assert.fail(), Uint8Array.of(0, 0)]));
    assert.notEqual(await problem(), "ok", path);
  }
});

test("a partial file may be gone once its full tile is there, and a full one may serve for it", async () => {
  files.delete("tile/entries/002.p/78");
  files.delete("tile/1/000.p/1");
  assert.equal(await problem(), "ok");
});

test("entries and tiles that agree with each other but not with the signature are found at the signed size", async () => {
  const forged = await forge(files);
  assert.equal(await problem(), "size 590 in state/3");
  for (const path of files.keys()) if (path.startsWith("state/")) files.delete(path);
  assert.equal(await problem(), "size 600 in checkpoint");
  assert.equal(await problem(checkpoints.slice(0, 1)), "size 300 in old 300");
  assert.ok(forged > 0);
});

/** Replaces entry 0 and recomputes every tile, as somebody without the key would. */
async function forge(into: Map<string, Uint8Array>): Promise<number> {
  const disk = new CrashFiles();
  const opened = await openLog({ files: disk, signer });
  assert.ok(opened.ok);
  for (const [from, to] of [
    [0, 300],
    [300, 590],
    [590, 600],
  ] as const) {
    const entries = Array.from({ length: to - from }, (_, at) => entryAt(from + at));
    if (from === 0) entries[0] = encodeUtf8("forged");
    assert.ok((await opened.value.append(entries)).ok);
  }
  const tiles = [...disk.snapshot()].filter(([path]) => path.startsWith("tile/"));
  for (const [path, bytes] of tiles) into.set(path, bytes);
  return tiles.length;
}

test("a log cut and signed again is found by any older checkpoint", async () => {
  const old = [...checkpoints];
  files = await writeLog([300]);
  assert.equal(await problem(), "ok");
  assert.equal(await problem(old), "entry 300 in checkpoint");
});

test("the key decides whose log it is, and older checkpoints have to be signed as well", async () => {
  const stranger = newSigner("example.com/log", "log");
  const mine = files;
  files = await writeLog([300], stranger);
  assert.equal(await problem(), "size undefined in checkpoint");
  files = mine;
  assert.equal(await problem(checkpoints.slice(-1)), "size undefined in old 300");
});

test("entries are handed to the check in order, and its first complaint is the verdict", async () => {
  const seen: number[] = [];
  const read = async (path: string): Promise<Uint8Array | undefined> => files.get(path);
  const verdict = await verifyLog({
    files: { read, list: async () => [] },
    logs: [signer.verifier],
    check: (index, entry) => {
      assert.equal(Buffer.compare(entry, entryAt(index)), 0);
      seen.push(index);
      return index === 299 ? "is odd" : undefined;
    },
  });
  assert.deepEqual(verdict, { ok: false, problem: { index: 299, file: "tile/entries/001", reason: "is odd" } });
  assert.deepEqual(
    seen,
    Array.from({ length: 300 }, (_, at) => at),
  );
});
