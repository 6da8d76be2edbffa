import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  CompactRange,
  consistencyRanges,
  emptyRoot,
  type Hash,
  hashLeaf,
  inclusionRanges,
  type LeafRange,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from "./merkle.ts";
import { missing, vectorsFolder } from "./test-vectors.ts";

const leaves = Array.from({ length: 130 }, (_, at) => hashLeaf(Buffer.from(`leaf ${at}`)));

function hashOf({ from, to }: LeafRange): Hash {
  return rootOf(leaves.slice(from, to));
}

describe("vectors of github.com/transparency-dev/merkle", { skip: missing }, () => {
  const read = (path: string): Record<string, never> => JSON.parse(readFileSync(path, "utf8"));
  const bytes = (base64: string | null): Uint8Array => Buffer.from(base64 ?? "", "base64");
  const proofOf = (proof: string[] | null): Uint8Array[] => (proof ?? []).map(bytes);

  for (const kind of ["inclusion", "consistency"] as const) {
    test(kind, () => {
      const paths = globSync(`${vectorsFolder}/merkle/${kind}/**/*.json`);
      let good = 0;
      for (const path of paths) {
        const { leafIdx, treeSize, leafHash, root, size1, size2, root1, root2, proof, wantErr } = read(path);
        const verdict =
          kind === "inclusion"
            ? verifyInclusion({
                index: leafIdx ?? 0,
                size: treeSize ?? 0,
                leaf: bytes(leafHash ?? null),
                root: bytes(root ?? null),
                proof: proofOf(proof ?? null),
              })
            : verifyConsistency({
                oldSize: size1 ?? 0,
                newSize: size2 ?? 0,
                oldRoot: bytes(root1 ?? null),
                newRoot: bytes(root2 ?? null),
                proof: proofOf(proof ?? null),
              });
        assert.equal(verdict.ok, wantErr !== true, `${path}: ${verdict.ok ? "accepted" : verdict.reason}`);
        if (verdict.ok) good++;
      }
      assert.ok(good >= 5 && paths.length > 90, `${good} good of ${paths.length}`);
    });
  }
});

test("the root of the empty tree is SHA-256 of nothing", () => {
  assert.equal(
    Buffer.from(emptyRoot).toString("hex"),
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
  assert.deepEqual(new CompactRange().root(), emptyRoot);
});

test("appending names every perfect subtree once", () => {
  const range = new CompactRange();
  const completed: number[] = [];
  for (const leaf of leaves.slice(0, 8)) range.append(leaf, (height) => completed.push(height));
  assert.deepEqual(completed, [1, 1, 2, 1, 1, 2, 3]);
});

test("every inclusion proof of every size verifies, at its own index only", () => {
  for (let size = 1; size <= 40; size++) {
    const root = hashOf({ from: 0, to: size });
    for (let index = 0; index < size; index++) {
      const proof = inclusionRanges(index, size).map(hashOf);
      const leaf = hashOf({ from: index, to: index + 1 });
      assert.deepEqual(verifyInclusion({ index, size, leaf, proof, root }), { ok: true, value: undefined });
      const other = verifyInclusion({ index: (index + 1) % size, size, leaf, proof, root });
      assert.equal(other.ok, size === 1, `${index} of ${size}`);
    }
  }
});

test("every consistency proof between two sizes verifies, and no other old root passes", () => {
  for (let newSize = 1; newSize <= 40; newSize++) {
    for (let oldSize = 1; oldSize <= newSize; oldSize++) {
      const proof = consistencyRanges(oldSize, newSize).map(hashOf);
      const claim = {
        oldSize,
        newSize,
        oldRoot: rootOf(leaves.slice(0, oldSize)),
        newRoot: rootOf(leaves.slice(0, newSize)),
      };
      assert.deepEqual(verifyConsistency({ ...claim, proof }), { ok: true, value: undefined });
      const forged = rootOf([...leaves.slice(0, oldSize - 1), hashLeaf(Buffer.from("forged"))]);
      assert.equal(verifyConsistency({ ...claim, proof, oldRoot: forged }).ok, false);
    }
  }
});

test("no changed bit of a proof passes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 130 }), fc.nat(), fc.nat(), fc.nat(255), (size, a, b, bit) => {
      const index = a % size;
      const proof = inclusionRanges(index, size).map((range) => Uint8Array.from(hashOf(range)));
      const hash = proof[b % proof.length];
      assert.ok(hash);
      hash[bit >> 3] = (hash[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const root = rootOf(leaves.slice(0, size));
      const leaf = hashOf({ from: index, to: index + 1 });
      assert.equal(verifyInclusion({ index, size, leaf, proof, root }).ok, false);
    }),
    { numRuns: 200 },
  );
});
