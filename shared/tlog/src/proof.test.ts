import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CrashFiles } from "./crash-files.ts";
import { entryAt } from "./crash-sweep.ts";
import { encodeUtf8 } from "./encoding.ts";
import { formatVerifierKey } from "./note-key.ts";
import { openLog } from "./open-log.ts";
import { parsePolicy } from "./policy.ts";
import { formatProof, parseProof, proveEntry, verifyProof } from "./proof.ts";
import { newSigner } from "./test-keys.ts";

const signer = newSigner("example.com/log", "log");
const trust = [signer.verifier];
const opened = await openLog({ files: new CrashFiles(), signer });
assert.ok(opened.ok);
const log = opened.value;
const older = await log.append(Array.from({ length: 270 }, (_, at) => entryAt(at)));
assert.ok(older.ok);
assert.ok((await log.append(Array.from({ length: 30 }, (_, at) => entryAt(270 + at)))).ok);

test("every entry is proven under every checkpoint that covers it, for that entry alone", async () => {
  for (const [checkpoint, size] of [
    [older.value.checkpoint, 270],
    [log.checkpoint, 300],
  ] as const) {
    for (let index = 0; index < size; index += 7) {
      const proof = await proveEntry(log.tree(), index, checkpoint);
      assert.ok(proof.ok);
      const read = parseProof(encodeUtf8(formatProof(proof.value)));
      assert.ok(read.ok);
      assert.ok(verifyProof(read.value, entryAt(index), trust).ok);
      assert.equal(verifyProof(read.value, entryAt(index + 1), trust).ok, false);
    }
    assert.equal((await proveEntry(log.tree(), size, checkpoint)).ok, false);
  }
});

test("the file has the specification's form, and extra bytes travel with it unchanged", async () => {
  const proof = await proveEntry(log.tree(), 299, log.checkpoint);
  assert.ok(proof.ok);
  const extra = encodeUtf8("anything");
  const text = formatProof({ ...proof.value, extra });
  assert.match(
    text,
    /^c2sp\.org\/tlog-proof@v1\nextra YW55dGhpbmc=\nindex 299\n(?:[\w+/]{43}=\n)+\nexample\.com\/log\n300\n/,
  );
  const read = parseProof(encodeUtf8(text));
  assert.ok(read.ok);
  assert.deepEqual(Buffer.from(read.value.extra ?? []), Buffer.from(extra));
});

test("no changed byte of a proof passes, but for the extra that nothing vouches for", async () => {
  const proof = await proveEntry(log.tree(), 123, log.checkpoint);
  assert.ok(proof.ok);
  const bytes = encodeUtf8(formatProof(proof.value));
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const edited = Uint8Array.from(bytes);
      edited[at] = (edited[at] ?? 0) ^ change;
      const read = parseProof(edited);
      assert.ok(!read.ok || !verifyProof(read.value, entryAt(123), trust).ok);
    }),
    { numRuns: 500 },
  );
});

test("malformed proofs are refused", async () => {
  const proof = await proveEntry(log.tree(), 3, log.checkpoint);
  assert.ok(proof.ok);
  const text = formatProof(proof.value);
  const cases = [
    "",
    text.replace("@v1", "@v2"),
    text.replace("index 3", "index 03"),
    text.replace("index 3\n", ""),
    text.replace("index 3", "extra !!\nindex 3"),
    text.replace("index 3", "index 3\nextra AAAA"),
    text.replace("=\n", "\n"),
    text.replace("index 3\n", `index 3\n${"A".repeat(43)}=\n`.repeat(1) + `${"A".repeat(43)}=\n`.repeat(63)),
    text.replace("\n\n", "\n"),
  ];
  for (const bad of cases) {
    const read = parseProof(encodeUtf8(bad));
    assert.ok(!read.ok || !verifyProof(read.value, entryAt(3), trust).ok, JSON.stringify(bad.slice(0, 80)));
  }
});

test("a policy's quorum is demanded of the proof's checkpoint", async () => {
  const proof = await proveEntry(log.tree(), 5, log.checkpoint);
  assert.ok(proof.ok);
  const witness = formatVerifierKey(newSigner("witness.example/one", "witness").verifier);
  const policyOf = (quorum: string) =>
    parsePolicy(encodeUtf8(`log ${formatVerifierKey(signer.verifier)}\nwitness one ${witness}\nquorum ${quorum}\n`));
  const [none, one] = [policyOf("none"), policyOf("one")];
  assert.ok(none.ok && one.ok);
  assert.ok(verifyProof(proof.value, entryAt(5), none.value).ok);
  assert.equal(verifyProof(proof.value, entryAt(5), one.value).ok, false);
});
