import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Checked } from "./checked.ts";
import { encodeUtf8 } from "./encoding.ts";
import { cosignatureTime, formatVerifierKey, generateKey, parseSignerKey, parseVerifierKey } from "./note-key.ts";
import { mergeCosignatures, openNote, parseNote, signatureLine, signNote } from "./note.ts";
import { newSigner } from "./test-keys.ts";

/** The example of golang.org/x/mod/sumdb/note, from which the specification comes. */
const go = {
  vkey: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  skey: "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
  note:
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
};

/** The example of c2sp.org/signed-note; its key is not published there, so it shows the form only. */
const specification =
  "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n" +
  "\u2014 quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

function must<T>(checked: Checked<T>): T {
  if (!checked.ok) throw new Error(checked.reason);
  return checked.value;
}

test("the example of Go's implementation opens, and signing its text gives the same bytes", () => {
  const verifier = must(parseVerifierKey(go.vkey));
  assert.equal(formatVerifierKey(verifier), go.vkey);
  const opened = must(openNote(encodeUtf8(go.note), [verifier]));
  const signer = must(parseSignerKey(go.skey, () => 0));
  assert.equal(must(signNote(opened.text, [signer])), go.note);
});

test("the specification's example parses: the last empty line ends the text", () => {
  const note = must(parseNote(encodeUtf8(specification)));
  assert.ok(note.text.endsWith("di sole:\n\ned è subito sera.\n"));
  assert.equal(note.signatures[0]?.id.toString(16), "367ba04b");
  assert.equal(openNote(encodeUtf8(specification), [must(parseVerifierKey(go.vkey))]).ok, false);
});

test("the time in the specification's cosignature example is the one that its text states", () => {
  const line =
    "a\n\n\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
  const [signature] = must(parseNote(encodeUtf8(line))).signatures;
  assert.equal(cosignatureTime(signature?.signature ?? new Uint8Array(8)), 1_679_315_147);
});

test("malformed notes are refused", () => {
  const [text = "", signature = ""] = go.note.split("\n\n");
  const verifier = must(parseVerifierKey(go.vkey));
  const cases: Record<string, string | Uint8Array> = {
    "no signature": `${text}\n\n`,
    "no empty line": `${text}\n${signature}`,
    "no final newline": go.note.slice(0, -1),
    "two spaces before the signature": go.note.replace("PeterNeumann x", "PeterNeumann  x"),
    "a space after it": go.note.replace(/=\n$/, "= \n"),
    "a hyphen for the dash": go.note.replace("\u2014", "-"),
    "no key name": go.note.replace("\u2014 PeterNeumann", "\u2014 "),
    "a plus in the name": go.note.replace("PeterNeumann x", "Peter+Neumann x"),
    "an ideographic space in the name": go.note.replace("PeterNeumann x", "Peter\u3000Neumann x"),
    "carriage returns": go.note.replaceAll("\n", "\r\n"),
    "a control character": go.note.replace("problem,", "problem\u0001"),
    "base64 without padding": go.note.replace("=\n", "\n"),
    "base64 with loose bits": go.note.replace("nAM=", "nAN="),
    "a signature of nothing but a key id": `${text}\n\n\u2014 PeterNeumann x08gow==\n`,
    "bytes that are not UTF-8": Buffer.concat([Uint8Array.of(0xff), encodeUtf8(go.note)]),
    "an extra line": `${go.note}\n`,
    "101 signatures": `${text}\n\n${signature.repeat(101)}`,
  };
  for (const [what, note] of Object.entries(cases)) {
    assert.equal(openNote(typeof note === "string" ? encodeUtf8(note) : note, [verifier]).ok, false, what);
  }
});

test("unknown signatures are ignored, a bad one of a known key is not", () => {
  const [log, stranger, other] = [newSigner("log", "log"), newSigner("log", "log"), newSigner("other", "log")];
  const note = must(signNote("text\n", [stranger, log, other]));
  const opened = must(openNote(encodeUtf8(note), [log.verifier]));
  assert.deepEqual(
    opened.signedBy.map(({ verifier }) => verifier),
    [log.verifier],
  );
  const forged = note.replace("text\n", "tent\n");
  assert.deepEqual(openNote(encodeUtf8(forged), [log.verifier]), {
    ok: false,
    reason: "the signature of log does not verify",
  });
  assert.equal(openNote(encodeUtf8(note), [newSigner("log", "log").verifier]).ok, false);
  const half = forged.replace(
    /\u2014 log .*\n\u2014 log .*\n/,
    signatureLine("tent\n", log) + signatureLine("text\n", other),
  );
  assert.equal(openNote(encodeUtf8(half), [log.verifier, other.verifier]).ok, false);
});

test("sixteen signatures are fine", () => {
  const signers = Array.from({ length: 16 }, (_, at) => newSigner(`signer-${at}`, "log"));
  const note = must(signNote("text\n", signers));
  const known = signers.map(({ verifier }) => verifier);
  assert.equal(must(openNote(encodeUtf8(note), known)).signedBy.length, 16);
});

test("a cosignature carries its time, and neither it nor the role can be changed", () => {
  const witness = newSigner("witness", "witness", 1_679_315_147.9);
  const note = must(signNote("log\n1\n", [witness]));
  const { signature } = must(openNote(encodeUtf8(note), [witness.verifier])).signedBy[0] ?? assert.fail();
  assert.equal(signature.signature.length, 72);
  assert.equal(cosignatureTime(signature.signature), 1_679_315_147);
  const later = Buffer.from(signature.signature);
  later.writeBigUInt64BE(1_679_315_148n);
  assert.equal(witness.verifier.verify("log\n1\n", later), false);
  later.writeBigUInt64BE(2n ** 63n);
  assert.equal(witness.verifier.verify("log\n1\n", later), false);
  assert.equal(witness.verifier.verify("log\n1\n", signature.signature.subarray(8)), false);
});

test("keys that are not what they say are refused, and no refusal repeats a private key", () => {
  const bad = [
    go.vkey.replace("c74f20a3", "c74f20a4"),
    go.vkey.replace("PeterNeumann", "PeterNewmann"),
    go.vkey.replace("+AR", "+AQ"),
    go.vkey.replace("+AR", "+Bh"),
    go.vkey.slice(0, -4),
    go.vkey.replace("c74f20a3", "C74F20A3"),
    "PeterNeumann",
    "",
  ];
  for (const vkey of bad) assert.equal(parseVerifierKey(vkey).ok, false, vkey);
  for (const skey of [go.vkey, go.skey.replace("c74f20a3", "c74f20a4"), go.skey.slice(0, -4)]) {
    const parsed = parseSignerKey(skey, () => 0);
    assert.ok(!parsed.ok && !parsed.reason.includes("YEKFALVFGyNhPJEM"), skey);
  }
  assert.equal(generateKey("with space", "log").ok, false);
});

test("no single changed byte of a note goes unnoticed", () => {
  const verifier = must(parseVerifierKey(go.vkey));
  const bytes = encodeUtf8(go.note);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const edited = Uint8Array.from(bytes);
      edited[at] = (edited[at] ?? 0) ^ change;
      assert.equal(openNote(edited, [verifier]).ok, false);
    }),
    { numRuns: 500 },
  );
});

test("text that is not fit for a note is not signed", () => {
  const signer = newSigner("log", "log");
  for (const text of ["", "no newline", "tab\t\n"])
    assert.equal(signNote(text, [signer]).ok, false, JSON.stringify(text));
  assert.equal(signNote("text\n", []).ok, false);
});

test("cosignatures are merged: known and good ones, the newest of each witness", () => {
  const log = newSigner("log", "log");
  const key = must(generateKey("witness", "witness"));
  const [early, late] = [must(parseSignerKey(key.skey, () => 1)), must(parseSignerKey(key.skey, () => 2))];
  const stranger = newSigner("stranger", "witness");
  const note = must(signNote("text\n", [log]));
  const once = must(mergeCosignatures(note, signatureLine("text\n", early), [early.verifier]));
  const lines = signatureLine("text\n", stranger) + signatureLine("text\n", late);
  const twice = must(mergeCosignatures(once, lines, [late.verifier]));
  assert.equal(twice, note + signatureLine("text\n", late));
  assert.equal(mergeCosignatures(note, signatureLine("tent\n", late), [late.verifier]).ok, false);
});
