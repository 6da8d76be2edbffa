import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { openCheckpoint } from "./checkpoint.ts";
import { DiskReader } from "./disk-reader.ts";
import { equalBytes } from "./encoding.ts";
import { emptyFrontier, extend } from "./frontier.ts";
import { hashLeaf, rootOf, verifyConsistency, verifyInclusion } from "./merkle.ts";
import { parseVerifierKey } from "./note-key.ts";
import { missing, tesseraKey, vectorsFolder } from "./test-vectors.ts";
import { TileTree } from "./tile-tree.ts";
import { encodeTileIndex, formatBundle, parseTilePath, splitBundle, tilePath, tilesOf, tileWidth } from "./tiles.ts";
import { verifyLog } from "./verify.ts";

test("paths are those of the specification", () => {
  assert.equal(encodeTileIndex(1_234_067), "x001/x234/067");
  assert.equal(tilePath({ level: 0, index: 0, width: tileWidth }), "tile/0/000");
  assert.equal(tilePath({ level: 1, index: 1000, width: 17 }), "tile/1/x001/000.p/17");
  assert.equal(tilePath({ level: "entries", index: 42, width: 255 }), "tile/entries/042.p/255");
});

test("every path is read back, and only in its one spelling", () => {
  const level = fc.oneof(fc.nat(63), fc.constant("entries" as const));
  fc.assert(
    fc.property(level, fc.maxSafeNat(), fc.integer({ min: 1, max: tileWidth }), (of, index, width) => {
      const name = { level: of, index, width };
      assert.deepEqual(parseTilePath(tilePath(name)), { ok: true, value: name });
    }),
  );
  const bad = [
    "tile/64/000",
    "tile/00/000",
    "tile/0/0",
    "tile/0/x000/000",
    "tile/0/1000",
    "tile/0/x001",
    "tile/0/000.p/0",
    "tile/0/000.p/256",
    "tile/0/000.p/01",
    "tile/0/000.p/",
    "tile/-1/000",
    "tile/data/000",
    "tile//000",
    "tile/0/../000",
    "/tile/0/000",
  ];
  for (const path of bad) assert.equal(parseTilePath(path).ok, false, path);
});

test("a tree of 70,000 has the tiles that the specification counts", () => {
  const tiles = tilesOf(70_000);
  const count = (level: number, full: boolean): number[] =>
    tiles.filter((tile) => tile.level === level && (tile.width === tileWidth) === full).map(({ width }) => width);
  assert.equal(count(0, true).length, 273);
  assert.deepEqual(count(0, false), [112]);
  assert.equal(count(1, true).length, 1);
  assert.deepEqual(count(1, false), [17]);
  assert.deepEqual(count(2, false), [1]);
  assert.deepEqual(
    tilesOf(256).map(({ level, width }) => [level, width]),
    [
      [0, 256],
      [1, 1],
    ],
  );
});

test("bundles are split where they were joined, and a cut one is torn", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), fc.nat(), (entries, cut) => {
      const bytes = formatBundle(entries);
      const whole = splitBundle(bytes);
      assert.equal(whole.torn, false);
      assert.deepEqual(
        whole.entries.map((entry) => Uint8Array.from(entry)),
        entries,
      );
      const part = splitBundle(bytes.subarray(0, cut % (bytes.length + 1)));
      assert.ok(part.entries.length <= entries.length);
      assert.equal(formatBundle(part.entries).length + (part.torn ? 1 : 0) <= bytes.length, true);
    }),
  );
});

test("what one batch writes, many batches write, and proofs from the tiles verify", async () => {
  const entries = Array.from({ length: 66_000 }, (_, at) => Buffer.from(`entry ${at}`));
  const whole = extend(emptyFrontier, entries);
  const files = new Map(whole.files.map(({ name, bytes }) => [tilePath(name), bytes]));
  let frontier = emptyFrontier;
  const pieces = new Map<string, Uint8Array>();
  for (let at = 0; at < entries.length; at += 977) {
    const step = extend(frontier, entries.slice(at, at + 977));
    for (const { name, bytes } of step.files) pieces.set(tilePath(name), bytes);
    frontier = step.next;
  }
  for (const [path, bytes] of files) assert.ok(equalBytes(bytes, pieces.get(path) ?? new Uint8Array(0)), path);
  const expected = tilesOf(entries.length).map(tilePath);
  assert.deepEqual([...files.keys()].filter((path) => !path.includes("entries")).toSorted(), expected.toSorted());
  const tree = new TileTree({ read: async (path) => files.get(path) }, entries.length);
  const root = rootOf(entries.map(hashLeaf));
  assert.deepEqual(await tree.root(), { ok: true, value: root });
  for (const index of [0, 255, 256, 65_535, 65_536, 65_999]) {
    const proof = await tree.inclusionProof(index);
    assert.ok(proof.ok);
    const leaf = hashLeaf(entries[index] ?? assert.fail());
    assert.equal(verifyInclusion({ index, size: tree.size, leaf, proof: proof.value, root }).ok, true, `${index}`);
  }
});

describe("the log of github.com/transparency-dev/tessera", { skip: missing }, () => {
  const folder = `${vectorsFolder}/tessera/log`;
  const files = new DiskReader(folder);
  const verifier = parseVerifierKey(tesseraKey);
  assert.ok(verifier.ok);
  const logs = [verifier.value];
  const names = ["checkpoint", ...Array.from({ length: 16 }, (_, at) => `checkpoint.${at}`)];
  const checkpoints = names.map((name) => {
    const opened = openCheckpoint(readFileSync(`${folder}/${name}`), logs);
    assert.ok(opened.ok, name);
    return opened.value.checkpoint;
  });

  test("every checkpoint verifies and has the root of its partial tile", async () => {
    for (const { size, root } of checkpoints) {
      assert.deepEqual(await new TileTree(files, size).root(), { ok: true, value: Buffer.from(root) });
    }
  });

  test("every pair of sizes is proven consistent, and every entry included in each", async () => {
    let proofs = 0;
    for (const [old, next] of checkpoints.flatMap((a) => checkpoints.map((b) => [a, b] as const))) {
      if (old.size === 0 || old.size > next.size) continue;
      const proof = await new TileTree(files, next.size).consistencyProof(old.size);
      assert.ok(proof.ok);
      const claim = {
        oldSize: old.size,
        newSize: next.size,
        oldRoot: old.root,
        newRoot: next.root,
        proof: proof.value,
      };
      assert.deepEqual(verifyConsistency(claim), { ok: true, value: undefined });
      proofs++;
    }
    assert.ok(proofs >= 120, `${proofs} proofs`);
    const bundle = splitBundle((await files.read("tile/entries/000.p/15")) ?? new Uint8Array(0)).entries;
    for (const { size, root } of checkpoints) {
      for (const [index, entry] of bundle.slice(0, size).entries()) {
        const proof = await new TileTree(files, 15).inclusionProof(index, size);
        assert.ok(proof.ok);
        assert.ok(verifyInclusion({ index, size, leaf: hashLeaf(entry), proof: proof.value, root }).ok);
      }
    }
  });

  test("the whole log verifies, beginning with every checkpoint, every partial tile consistent", async () => {
    const older = names.map((name) => ({ name, note: readFileSync(`${folder}/${name}`) }));
    const verdict = await verifyLog({ files, logs, older });
    assert.ok(verdict.ok, verdict.ok ? "" : JSON.stringify(verdict.problem));
    assert.equal(verdict.value.size, 15);
    assert.deepEqual(verdict.value.begunBy, names);
  });
});
