import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCheckpoint } from "@omega/tlog/checkpoint.ts";
import { encodeBase64 } from "@omega/tlog/encoding.ts";
import { CompactRange, hashChildren, hashLeaf, type Hash } from "@omega/tlog/merkle.ts";
import { generateKey, parseSignerKey } from "@omega/tlog/note-key.ts";
import { signNote } from "@omega/tlog/note.ts";
import type { AuditProof } from "../../src/wire.ts";
import { checkProof } from "./audit-check.ts";

const entries = Array.from({ length: 13 }, (_, index) => Buffer.from(`{"seq":${index + 1}}`));

/** RFC 9162, section 2.1.3.1, straight from its definition: another way than the page's and the log's. */
function pathOf(index: number, leaves: readonly Hash[]): Hash[] {
  if (leaves.length <= 1) return [];
  const half = 2 ** (Math.ceil(Math.log2(leaves.length)) - 1);
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)];
  return index < half ? [...pathOf(index, left), rootOf(right)] : [...pathOf(index - half, right), rootOf(left)];
}

function rootOf(leaves: readonly Hash[]): Hash {
  const [only] = leaves;
  if (leaves.length === 1 && only !== undefined) return only;
  const half = 2 ** (Math.ceil(Math.log2(leaves.length)) - 1);
  return hashChildren(rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)));
}

function proofs(): AuditProof[] {
  const key = generateKey("omega/audit", "log");
  assert.ok(key.ok);
  const signer = parseSignerKey(key.value.skey, () => 0);
  assert.ok(signer.ok);
  const leaves = entries.map(hashLeaf);
  const range = new CompactRange();
  for (const leaf of leaves) range.append(leaf);
  const checkpoint = { origin: "omega/audit", size: entries.length, root: range.root(), extensions: [] };
  const note = signNote(formatCheckpoint(checkpoint), [signer.value]);
  assert.ok(note.ok);
  const { name, id, publicKey } = signer.value.verifier;
  return entries.map((entry, index) => ({
    index,
    entry: encodeBase64(entry),
    hashes: pathOf(index, leaves).map(encodeBase64),
    checkpoint: note.value,
    verifier: { name, keyIdHex: id.toString(16).padStart(8, "0"), publicKey: encodeBase64(publicKey) },
    proofFile: "",
  }));
}

test("every entry of a log is found in it", async () => {
  for (const proof of proofs()) assert.deepEqual((await checkProof(proof)).ok, true, `entry ${proof.index}`);
});

test("no other bytes, place, path, root or key pass", async () => {
  const all = proofs();
  const [first, second] = [all[5], all[6]];
  assert.ok(first !== undefined && second !== undefined);
  const other = proofs()[5];
  assert.ok(other !== undefined);
  const changed: readonly AuditProof[] = [
    { ...first, entry: second.entry },
    { ...first, index: 6 },
    { ...first, index: 13 },
    { ...first, hashes: first.hashes.slice(1) },
    { ...first, hashes: [...first.hashes, first.hashes[0] ?? ""] },
    { ...first, hashes: first.hashes.toReversed() },
    { ...first, checkpoint: first.checkpoint.replace("\n13\n", "\n14\n") },
    { ...first, verifier: other.verifier },
    { ...first, checkpoint: other.checkpoint },
  ];
  for (const [number, proof] of changed.entries())
    assert.equal((await checkProof(proof)).ok, false, `change ${number}`);
});
