#!/usr/bin/env node
// Stand-alone verifier of tamper-evident logs. Needs Node 24.2 or later and nothing else.
// Made from the sources of @omega/tlog by bundle-verifier.ts; change those, not this.
// Licensed under Apache-2.0.

import { createPrivateKey, createPublicKey, hash, randomBytes, sign, verify } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";

// checked.ts

/**
 * How this package says no. Untrusted bytes are parsed and checked into a `Checked`, whose reason is one sentence for
 * a person; work on a disk or a network ends in an `Outcome`, whose failure also says what may be done next.
 */

/** A value that passed every check, or the first reason why it did not. */

/**
 * - `retryable`: nothing changed, the same call may work later;
 * - `terminal`: the same call will never work;
 * - `conflict`: another writer or a damaged log is in the way, a person has to look;
 * - `unknown`: it may or may not have happened; open the log again to find out.
 */

function passed   (value   )                                           {
  return { ok: true, value };
}

function refused(reason        )          {
  return { ok: false, reason };
}

function failed(kind                 , code        , message        )         {
  return { ok: false, failure: { kind, code, message } };
}

// encoding.ts

/**
 * The few encodings that every C2SP format is made of, each with exactly one spelling per value. A second spelling of
 * the same value would be a byte that can be changed without anybody noticing.
 */

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Valid UTF-8 only; a byte order mark is kept as the character that it is. */
function decodeUtf8(bytes            )                  {
  try {
    return passed(utf8.decode(bytes));
  } catch {
    return refused("not valid UTF-8");
  }
}

function encodeUtf8(text        )             {
  return Buffer.from(text, "utf8");
}

function encodeBase64(bytes            )         {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** Standard base64 with padding (RFC 4648 section 4), refusing stray characters and non-zero trailing bits. */
function decodeBase64(text        )                      {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? passed(bytes) : refused("not canonical base64");
}

/** An ASCII decimal without sign or leading zeroes, up to 2^53 - 1 so that a number holds it exactly. */
function decodeDecimal(text        )                  {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return refused("not a decimal number without leading zeroes");
  const value = Number(text);
  return Number.isSafeInteger(value) ? passed(value) : refused("larger than 2^53 - 1");
}

function equalBytes(a            , b            )          {
  return a.byteLength === b.byteLength && Buffer.compare(a, b) === 0;
}

/** Index of the first byte in which the two differ, the shorter length when one begins the other, or -1 when equal. */
function firstDifference(a            , b            )         {
  if (equalBytes(a, b)) return -1;
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at++) if (a[at] !== b[at]) return at;
  return shorter;
}

// merkle.ts

/**
 * The Merkle tree of RFC 6962 section 2.1 and RFC 9162 section 2.1, over SHA-256: what a tree's root is, how it grows
 * one leaf at a time, which nodes a proof consists of, and how a proof is checked. Nothing here reads or writes.
 *
 * Sizes and indices are plain numbers up to 2^53 - 1; halving is by division because bit operators stop at 2^31.
 */

/** 32 bytes of SHA-256. */

const hashBytes = 32;

const leafPrefix = Uint8Array.of(0x00);
const nodeInput = new Uint8Array(1 + 2 * hashBytes);
nodeInput[0] = 0x01;

function sha256(bytes            )       {
  return hash("sha256", bytes, "buffer");
}

/** The root of a tree with no leaves: SHA-256 of nothing (RFC 9162 section 2.1.1). */
const emptyRoot       = sha256(new Uint8Array(0));

/** SHA-256(0x00 || entry). */
function hashLeaf(entry            )       {
  return sha256(Buffer.concat([leafPrefix, entry]));
}

/** SHA-256(0x01 || left || right). */
function hashChildren(left      , right      )       {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + hashBytes);
  return sha256(nodeInput);
}

/**
 * The right edge of a growing tree: the roots of the perfect subtrees that its size is the binary sum of, the largest
 * first. Enough to append and to know the root, in 32 bytes for each binary digit of the size.
 */
class CompactRange {
  #size        ;
           #peaks        ;

  constructor(size = 0, peaks                  = []) {
    this.#size = size;
    this.#peaks = [...peaks];
  }

  get size()         {
    return this.#size;
  }

  copy()               {
    return new CompactRange(this.#size, this.#peaks);
  }

  /** Appends one leaf hash. `completed` hears every perfect subtree that this finishes, with its height (1 = two leaves). */
  append(leaf      , completed                                       )       {
    let node = leaf;
    let height = 0;
    for (let left = this.#size; left % 2 === 1; left = (left - 1) / 2) {
      const sibling = this.#peaks.pop();
      if (sibling === undefined) throw new Error("a compact range holds one peak for each set bit of its size");
      node = hashChildren(sibling, node);
      height++;
      completed?.(height, node);
    }
    this.#peaks.push(node);
    this.#size++;
  }

  root()       {
    return this.#peaks.length === 0 ? emptyRoot : foldPeaks(this.#peaks);
  }
}

/** Joins neighbouring subtrees, left to right and largest first, into the root above them. At least one. */
function foldPeaks(peaks                 )       {
  const joined = peaks.reduceRight                  (
    (right, left) => (right === undefined ? left : hashChildren(left, right)),
    undefined,
  );
  if (joined === undefined) throw new Error("there is nothing to fold");
  return joined;
}

function rootOf(leaves                )       {
  const range = new CompactRange();
  for (const leaf of leaves) range.append(leaf);
  return range.root();
}

/** A half-open range of leaves; in this module always one whose hash is a node of some tree. */

/** A perfect subtree: the `index`-th of its height, counting from the left, over `2 ** height` leaves. */

/** The perfect subtrees that cover a range of leaves, left to right; their fold is the range's hash. */
function perfectNodes({ from, to }           )             {
  const nodes             = [];
  for (let at = from; at < to;) {
    let height = 0;
    while (at % 2 ** (height + 1) === 0 && at + 2 ** (height + 1) <= to) height++;
    nodes.push({ height, index: at / 2 ** height });
    at += 2 ** height;
  }
  return nodes;
}

/** Largest power of two below `count`, which is at least 2. */
function splitOf(count        )         {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
}

/** The ranges whose hashes prove leaf `index` in a tree of `size`, from the leaf's sibling upwards (RFC 9162 section 2.1.3.1). */
function inclusionRanges(index        , size        )              {
  const ranges              = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    if (index < middle) {
      ranges.push({ from: middle, to });
      to = middle;
    } else {
      ranges.push({ from, to: middle });
      from = middle;
    }
  }
  return ranges.toReversed();
}

/** The ranges whose hashes prove that the tree of `oldSize` begins the tree of `newSize` (RFC 9162 section 2.1.4.1). */
function consistencyRanges(oldSize        , newSize        )              {
  const ranges              = [];
  let from = 0;
  let to = newSize;
  while (to > oldSize) {
    const middle = from + splitOf(to - from);
    if (oldSize <= middle) {
      ranges.push({ from: middle, to });
      to = middle;
    } else {
      ranges.push({ from, to: middle });
      from = middle;
    }
  }
  // Coming down the left edge all the way, the last range is the old tree itself, which the verifier already has.
  if (from > 0) ranges.push({ from, to });
  return ranges.toReversed();
}

/** Checks that `leaf` is the `index`-th leaf of the tree with this size and root (RFC 9162 section 2.1.3.2). */
function verifyInclusion(claim                )                {
  const { index, size, leaf, proof, root } = claim;
  if (!isCount(index) || !isCount(size)) return refused("index and size must be whole numbers up to 2^53 - 1");
  if (index >= size) return refused(`index ${index} lies outside a tree of size ${size}`);
  const malformed = malformedHash([leaf, root, ...proof]);
  if (malformed !== undefined) return refused(malformed);
  let at = index;
  let last = size - 1;
  let node = leaf;
  for (const sibling of proof) {
    if (last === 0) return refused("the inclusion proof is longer than the path to the root");
    if (at % 2 === 1 || at === last) {
      node = hashChildren(sibling, node);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)];
    } else {
      node = hashChildren(node, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  if (last !== 0) return refused("the inclusion proof is shorter than the path to the root");
  return equalBytes(node, root) ? passed(undefined) : refused("the inclusion proof leads to another root");
}

/**
 * Checks that the old tree begins the new one (RFC 9162 section 2.1.4.2). An old size of zero is refused: every tree
 * begins with the empty one, so such a proof says nothing and asking for it is a mistake.
 */
function verifyConsistency(claim                  )                {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim;
  if (!isCount(oldSize) || !isCount(newSize)) return refused("sizes must be whole numbers up to 2^53 - 1");
  if (oldSize === 0) return refused("consistency with the empty tree proves nothing");
  if (oldSize > newSize) return refused(`size ${newSize} is smaller than the older size ${oldSize}`);
  if (oldSize === newSize) {
    if (proof.length > 0) return refused("equal sizes need an empty consistency proof");
    return equalBytes(oldRoot, newRoot) ? passed(undefined) : refused(`two different roots for size ${oldSize}`);
  }
  const malformed = malformedHash([oldRoot, newRoot, ...proof]);
  if (malformed !== undefined) return refused(malformed);
  const path = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof;
  const [seed, ...rest] = path;
  if (proof.length === 0 || seed === undefined) return refused("the consistency proof is empty");
  return followConsistency(claim, seed, rest);
}

function followConsistency(claim                  , seed      , path                 )                {
  let at = claim.oldSize - 1;
  let last = claim.newSize - 1;
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  let oldNode = seed;
  let newNode = seed;
  for (const sibling of path) {
    if (last === 0) return refused("the consistency proof is longer than the path to the root");
    if (at % 2 === 1 || at === last) {
      oldNode = hashChildren(sibling, oldNode);
      newNode = hashChildren(sibling, newNode);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)];
    } else {
      newNode = hashChildren(newNode, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  if (last !== 0) return refused("the consistency proof is shorter than the path to the root");
  if (!equalBytes(oldNode, claim.oldRoot)) return refused("the consistency proof leads to another old root");
  if (!equalBytes(newNode, claim.newRoot)) return refused("the consistency proof leads to another new root");
  return passed(undefined);
}

function half(value        )         {
  return Math.floor(value / 2);
}

function isCount(value        )          {
  return Number.isSafeInteger(value) && value >= 0;
}

function isPowerOfTwo(value        )          {
  let rest = value;
  while (rest > 1 && rest % 2 === 0) rest /= 2;
  return rest === 1;
}

function malformedHash(hashes                 )                     {
  const bad = hashes.find((candidate) => candidate.length !== hashBytes);
  return bad === undefined ? undefined : `a SHA-256 hash has ${hashBytes} bytes, not ${bad.length}`;
}

// note-key.ts

/**
 * Keys of signed notes (c2sp.org/signed-note, "Signatures" and "Verifier keys"; c2sp.org/tlog-cosignature, "Format"):
 *
 *     verifier key   <name>+<8 hex digits of the key id>+base64(type || 32-byte public key)
 *     signer key     PRIVATE+KEY+<name>+<8 hex digits of the key id>+base64(type || 32-byte seed)
 *     key id         SHA-256(name || 0x0A || type || public key)[:4]
 *
 * Two types are known: a log signs with 0x01, plain Ed25519 over the note's text; a witness cosigns with 0x04, Ed25519
 * over the text behind two lines that name the purpose and the time. ML-DSA-44 cosignatures (0x06) are not supported.
 */
const signatureTypes = { log: 0x01, witness: 0x04 }         ;

/** What checks signatures. `id` is the key id as a big-endian number. */

/** What makes signatures. A signature of a witness states the time at which it was made, in POSIX seconds. */

/** DER before the 32 raw bytes of an Ed25519 key (RFC 8410 sections 4 and 7). */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

const ed25519Bytes = 64;
const timestampBytes = 8;

/** Key names are not empty and hold neither Unicode spaces nor a plus (c2sp.org/signed-note, "Format"). */
function isKeyName(name        )          {
  return name !== "" && !/[\p{White_Space}+]/u.test(name) && !hasControlCharacter(name);
}

function hasControlCharacter(text        )          {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) < 0x20) return true;
  return false;
}

/** Parses a verifier key; the key id inside has to be the one that follows from name, type and key. */
function parseVerifierKey(vkey        )                        {
  const parts = keyParts(vkey, "verifier key");
  if (!parts.ok) return parts;
  const { name, id, role, material } = parts.value;
  const verifier = newVerifier(name, role, material);
  if (verifier.id !== id) return refused(`verifier key ${name}: the key id does not follow from the key`);
  return passed(verifier);
}

/**
 * Parses a signer key. `now` gives the time of cosignatures in POSIX seconds; a log's signatures carry no time.
 * The reason of a refusal never repeats the key.
 */
function parseSignerKey(skey        , now              )                      {
  const prefix = "PRIVATE+KEY+";
  if (!skey.startsWith(prefix)) return refused("a signer key starts with PRIVATE+KEY+");
  const parts = keyParts(skey.slice(prefix.length), "signer key");
  if (!parts.ok) return parts;
  const { name, id, role, material } = parts.value;
  const signer = newSigner(name, role, material, now);
  if (signer.verifier.id !== id) return refused(`signer key ${name}: the key id does not follow from the key`);
  return passed(signer);
}

/** A fresh key pair. Keep `skey` in a file of mode 0600; give `vkey` to everybody who is to verify. */
function generateKey(name        , role         )                                                            {
  if (!isKeyName(name)) return refused("a key name is not empty and holds neither spaces nor a plus");
  const seed = randomBytes(32);
  const { verifier } = newSigner(name, role, seed, () => 0);
  const material = encodeBase64(Buffer.concat([Uint8Array.of(signatureTypes[role]), seed]));
  return passed({ skey: `PRIVATE+KEY+${name}+${hexId(verifier.id)}+${material}`, vkey: formatVerifierKey(verifier) });
}

function formatVerifierKey(verifier              )         {
  const material = Buffer.concat([Uint8Array.of(signatureTypes[verifier.role]), verifier.publicKey]);
  return `${verifier.name}+${hexId(verifier.id)}+${encodeBase64(material)}`;
}

/** The public key as a PEM file that `openssl pkeyutl -pubin -inkey` reads. */
function publicKeyPem(verifier              )         {
  const der = encodeBase64(Buffer.concat([spkiPrefix, verifier.publicKey]));
  return `-----BEGIN PUBLIC KEY-----\n${der}\n-----END PUBLIC KEY-----\n`;
}

/** The time in a cosignature, in POSIX seconds (c2sp.org/tlog-cosignature: an unsigned 64-bit integer up to 2^63 - 1). */
function cosignatureTime(signature            )         {
  return Number(Buffer.from(signature).readBigUInt64BE(0));
}

function keyParts(text        , what        )                    {
  const match = /^([^+]*)\+([0-9a-f]{8})\+(.+)$/.exec(text);
  const [, name = "", hexOfId = "", encoded = ""] = match ?? [];
  if (match === null || !isKeyName(name)) return refused(`a ${what} has the form <name>+<8 hex digits>+<base64>`);
  const bytes = decodeBase64(encoded);
  if (!bytes.ok) return refused(`${what} ${name}: ${bytes.reason}`);
  const role = roleOf(bytes.value[0]);
  if (role === undefined) {
    const type = (bytes.value[0] ?? 0).toString(16).padStart(2, "0");
    return refused(`${what} ${name}: signature type 0x${type} is not supported, only 0x01 and 0x04`);
  }
  if (bytes.value.length !== 33) return refused(`${what} ${name}: an Ed25519 key has 32 bytes`);
  return passed({ name, id: Number.parseInt(hexOfId, 16), role, material: bytes.value.subarray(1) });
}

function roleOf(type                    )                      {
  if (type === signatureTypes.log) return "log";
  return type === signatureTypes.witness ? "witness" : undefined;
}

function keyId(name        , role         , publicKey            )         {
  const digest = sha256(Buffer.concat([encodeUtf8(`${name}\n`), Uint8Array.of(signatureTypes[role]), publicKey]));
  return Buffer.from(digest).readUInt32BE(0);
}

function hexId(id        )         {
  return id.toString(16).padStart(8, "0");
}

function newVerifier(name        , role         , publicKey            )               {
  const key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: "der", type: "spki" });
  return {
    name,
    id: keyId(name, role, publicKey),
    role,
    publicKey,
    verify: role === "log" ? verifyPlain(key) : verifyTimestamped(key),
  };
}

function verifyPlain(key           )                         {
  return (text, signature) =>
    signature.length === ed25519Bytes && verify(null, encodeUtf8(text), key, Buffer.from(signature));
}

function verifyTimestamped(key           )                         {
  return (text, signature) => {
    if (signature.length !== timestampBytes + ed25519Bytes) return false;
    const time = Buffer.from(signature).readBigUInt64BE(0);
    if (time >= 2n ** 63n) return false;
    return verify(null, cosignedMessage(time, text), key, Buffer.from(signature.subarray(timestampBytes)));
  };
}

function newSigner(name        , role         , seed            , now              )             {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(spkiPrefix.length);
  const verifier = newVerifier(name, role, publicKey);
  if (role === "log") {
    return { verifier, signatureBytes: ed25519Bytes, sign: (text) => sign(null, encodeUtf8(text), key) };
  }
  return {
    verifier,
    signatureBytes: timestampBytes + ed25519Bytes,
    sign: (text) => {
      const time = BigInt(Math.floor(now()));
      const timestamp = Buffer.alloc(timestampBytes);
      timestamp.writeBigUInt64BE(time);
      return Buffer.concat([timestamp, sign(null, cosignedMessage(time, text), key)]);
    },
  };
}

/** What a witness signs (c2sp.org/tlog-cosignature, "Ed25519 signed message"). */
function cosignedMessage(time        , text        )             {
  return encodeUtf8(`cosignature/v1\ntime ${time}\n${text}`);
}

// note.ts

/**
 * Signed notes (c2sp.org/signed-note): a text, an empty line, and one line for each signature:
 *
 *     example.com/log
 *     15
 *     rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=
 *
 *     — example.com/log M9e0luh4jTG+UMBq…
 */

/** One signature line: the key that it names, and the bytes behind the key id. */

/** A note whose form is right. Nothing about its text may be believed before `openNote` has checked a signature. */

/** A note is refused beyond these; the specification asks for at least 16 signatures of up to 5 kB. */
const noteLimits = { bytes: 1_000_000, signatures: 100 }         ;

const signatureStart = "\u2014 ";

/** Splits a note into text and signatures, refusing everything that the specification's "Format" forbids. */
function parseNote(bytes            )                      {
  if (bytes.length > noteLimits.bytes) return refused(`the note is larger than ${noteLimits.bytes} bytes`);
  const decoded = decodeUtf8(bytes);
  if (!decoded.ok) return refused(`the note is ${decoded.reason}`);
  const note = decoded.value;
  if (hasControlCharacter(note.replaceAll("\n", ""))) return refused("the note holds a control character");
  const blank = note.lastIndexOf("\n\n");
  if (blank < 0) return refused("the note has no empty line between text and signatures");
  const signatures = parseSignatureLines(note.slice(blank + 2));
  if (!signatures.ok) return signatures;
  if (signatures.value.length === 0) return refused("the note has no signature");
  return passed({ text: note.slice(0, blank + 1), signatures: signatures.value });
}

/** Signature lines as at the end of a note or in a witness's answer: each starts with an em dash and ends in a newline. */
function parseSignatureLines(block        )                           {
  if (block === "") return passed([]);
  if (!block.endsWith("\n")) return refused("the last signature line has no newline");
  const lines = block.slice(0, -1).split("\n");
  if (lines.length > noteLimits.signatures)
    return refused(`the note has more than ${noteLimits.signatures} signatures`);
  const signatures                  = [];
  for (const line of lines) {
    const parsed = parseSignatureLine(line);
    if (!parsed.ok) return parsed;
    signatures.push(parsed.value);
  }
  return passed(signatures);
}

function parseSignatureLine(line        )                         {
  if (!line.startsWith(signatureStart)) return refused("a signature line starts with an em dash and a space");
  const [name = "", encoded, ...rest] = line.slice(signatureStart.length).split(" ");
  if (encoded === undefined || rest.length > 0 || !isKeyName(name)) {
    return refused("a signature line is an em dash, a key name and a base64 signature, with single spaces between");
  }
  const bytes = decodeBase64(encoded);
  if (!bytes.ok) return refused(`signature of ${name}: ${bytes.reason}`);
  if (bytes.value.length < 5) return refused(`signature of ${name}: too short for a key id and a signature`);
  const id = Buffer.from(bytes.value).readUInt32BE(0);
  return passed({ name, id, signature: bytes.value.subarray(4), line: `${line}\n` });
}

/**
 * Parses a note and checks it against known keys. Signatures of unknown keys are ignored, even when they share either
 * the name or the id of a known one; a signature that claims a known key and fails makes the whole note refused, and so
 * does the lack of any good one.
 */
function openNote(bytes            , known                         )                      {
  const note = parseNote(bytes);
  if (!note.ok) return note;
  const signedBy = checkSignatures(note.value.text, note.value.signatures, known);
  if (!signedBy.ok) return signedBy;
  if (signedBy.value.length === 0) return refused("the note is not signed by any known key");
  return passed({ text: note.value.text, signedBy: signedBy.value });
}

/** As `openNote`, for lines that are not at the end of their text yet. An empty result is not a refusal here. */
function checkSignatures(
  text        ,
  signatures                          ,
  known                         ,
)                                  {
  const signedBy                                                         = [];
  for (const signature of signatures) {
    const candidates = known.filter(({ name, id }) => name === signature.name && id === signature.id);
    const [verifier] = candidates;
    if (verifier === undefined) continue;
    const isAmbiguous = candidates.some(({ publicKey }) => !equalBytes(publicKey, verifier.publicKey));
    if (isAmbiguous) return refused(`two known keys share the name and key id of ${verifier.name}`);
    if (!verifier.verify(text, signature.signature))
      return refused(`the signature of ${verifier.name} does not verify`);
    if (!signedBy.some((earlier) => earlier.verifier === verifier)) signedBy.push({ verifier, signature });
  }
  return passed(signedBy);
}

/** One signature line over a text that ends in a newline. */
function signatureLine(text        , signer            )         {
  return formatSignatureLine(signer.verifier, signer.sign(text));
}

/** The line for a signature that was made elsewhere; the bytes behind the key id. */
function formatSignatureLine({ name, id }              , signature            )         {
  const keyId = Buffer.alloc(4);
  keyId.writeUInt32BE(id);
  return `${signatureStart}${name} ${encodeBase64(Buffer.concat([keyId, signature]))}\n`;
}

/** Signs a text, which has to be fit for a note: ending in a newline and without control characters. */
function signNote(text        , signers                       )                  {
  const note = `${text}\n${signers.map((signer) => signatureLine(text, signer)).join("")}`;
  const parsed = parseNote(encodeUtf8(note));
  if (!parsed.ok) return parsed;
  return parsed.value.text === text ? passed(note) : refused("the text of a note ends in a newline");
}

/** The note with the good cosignature lines of known witnesses added, each witness's newest only. */
function mergeCosignatures(note        , lines        , witnesses                         )                  {
  const parsed = parseNote(encodeUtf8(note));
  if (!parsed.ok) return parsed;
  const added = parseSignatureLines(lines);
  if (!added.ok) return added;
  const good = checkSignatures(parsed.value.text, added.value.toReversed(), witnesses);
  if (!good.ok) return good;
  const kept = parsed.value.signatures.filter(
    ({ name, id }) => !good.value.some(({ verifier }) => verifier.name === name && verifier.id === id),
  );
  const all = [...kept, ...good.value.map(({ signature }) => signature).toReversed()];
  return passed(`${parsed.value.text}\n${all.map(({ line }) => line).join("")}`);
}

// checkpoint.ts

/**
 * Checkpoints (c2sp.org/tlog-checkpoint): a signed note whose text says which log, how many entries, and which root.
 *
 * Anybody can check one without this package. With `public.pem` from `publicKeyPem`:
 *
 *     sed '/^$/,$d' checkpoint > body
 *     tail -n 1 checkpoint | cut -d ' ' -f 3 | base64 -d | tail -c +5 > signature
 *     openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in body -sigfile signature
 */

/** The note text of a checkpoint; always ends in a newline. */
function formatCheckpoint({ origin, size, root, extensions }            )         {
  return [origin, String(size), encodeBase64(root), ...extensions, ""].join("\n");
}

function parseCheckpoint(text        )                      {
  if (!text.endsWith("\n")) return refused("the checkpoint does not end in a newline");
  const lines = text.slice(0, -1).split("\n");
  const [origin, sizeLine, rootLine, ...extensions] = lines;
  if (origin === undefined || sizeLine === undefined || rootLine === undefined) {
    return refused("a checkpoint has at least three lines: origin, size, root");
  }
  if (lines.includes("")) return refused("a checkpoint has no empty lines");
  const size = decodeDecimal(sizeLine);
  if (!size.ok) return refused(`checkpoint size: ${size.reason}`);
  const root = decodeBase64(rootLine);
  if (!root.ok) return refused(`checkpoint root: ${root.reason}`);
  if (root.value.length !== hashBytes) return refused(`checkpoint root: ${root.value.length} bytes instead of 32`);
  if (size.value === 0 && !equalBytes(root.value, emptyRoot)) {
    return refused("checkpoint root: size 0 has only the root of the empty tree");
  }
  return passed({ origin, size: size.value, root: root.value, extensions });
}

/** The text of a checkpoint without signatures, as a writer keeps it in its state. */
function parseUnsigned(bytes            )                      {
  const text = decodeUtf8(bytes);
  return text.ok ? parseCheckpoint(text.value) : text;
}

/**
 * A checkpoint that its log signed. `known` holds the keys of logs and witnesses; among those that signed there has to
 * be a log's whose name is the origin line, or the checkpoint could be another log's.
 */
function openCheckpoint(bytes            , known                         )                            {
  const note = openNote(bytes, known);
  if (!note.ok) return note;
  const checkpoint = parseCheckpoint(note.value.text);
  if (!checkpoint.ok) return checkpoint;
  const { origin } = checkpoint.value;
  const logSigned = note.value.signedBy.some(({ verifier }) => verifier.role === "log" && verifier.name === origin);
  if (!logSigned) return refused(`the checkpoint of ${origin} is not signed by a known key of that log`);
  return passed({ checkpoint: checkpoint.value, note: note.value });
}

// policy.ts

/**
 * Whose signatures make a checkpoint valid (c2sp.org/tlog-policy):
 *
 *     log example.com/log+33d7b496+AeHT…
 *     witness one witness.example/one+1f2e3d4c+BA… https://witness.example/one
 *     witness two witness.example/two+5b6a7988+BB…
 *     group both all one two
 *     quorum both
 */

/** Parses a policy file. The reason of a refusal starts with the line's number. */
function parsePolicy(bytes            )                  {
  // Names are opaque octets, so one character stands for each octet (c2sp.org/tlog-policy, "Character set").
  const text = Buffer.from(bytes).toString("latin1");
  const draft        = { logs: [], witnesses: [], rules: new Map(), members: new Set(), quorum: undefined };
  for (const [at, line] of text.split("\n").entries()) {
    if (/[^\t\x20-\x7e\x80-\xff]/.test(line)) return refused(`line ${at + 1}: a control character`);
    const words = line.split(/[ \t]+/).filter((word) => word !== "");
    if (words[0] === undefined || words[0].startsWith("#")) continue;
    const refusal = readLine(draft, words);
    if (refusal !== undefined) return refused(`line ${at + 1}: ${refusal}`);
  }
  if (draft.quorum === undefined) return refused("there is no quorum line");
  return passed({ logs: draft.logs, witnesses: draft.witnesses, quorum: draft.quorum });
}

function readLine(draft       , [keyword, ...words]          )                     {
  switch (keyword) {
    case "log":
      return readLog(draft, words);
    case "witness":
      return readWitness(draft, words);
    case "group":
      return readGroup(draft, words);
    case "quorum":
      return readQuorum(draft, words);
    case undefined:
    default:
      return `${keyword} is not one of log, witness, group, quorum`;
  }
}

function readLog(draft       , [vkey, url, ...rest]          )                     {
  if (vkey === undefined || rest.length > 0) return "a log line is: log <vkey> [<url>]";
  const verifier = readKey(vkey, "log", draft.logs);
  if (!verifier.ok) return verifier.reason;
  draft.logs.push({ verifier: verifier.value, url });
  return undefined;
}

function readWitness(draft       , [name, vkey, url, ...rest]          )                     {
  if (name === undefined || vkey === undefined || rest.length > 0) {
    return "a witness line is: witness <name> <vkey> [<url>]";
  }
  const verifier = readKey(vkey, "witness", draft.witnesses);
  if (!verifier.ok) return verifier.reason;
  draft.witnesses.push({ verifier: verifier.value, url });
  return define(draft, { kind: "witness", name, verifier: verifier.value });
}

function readGroup(draft       , [name, threshold, ...names]          )                     {
  if (name === undefined || threshold === undefined || names.length === 0) {
    return "a group line is: group <name> all|any|<k> <name>…";
  }
  const members               = [];
  for (const member of names) {
    const rule = draft.rules.get(member);
    if (rule === undefined) return `${member} is not defined above`;
    if (draft.members.has(member)) return `${member} is in a group already`;
    draft.members.add(member);
    members.push(rule);
  }
  const needed = readThreshold(threshold, members.length);
  if (needed === undefined)
    return `the threshold is all, any or a number from 1 to ${members.length}, not ${threshold}`;
  return define(draft, { kind: "group", name, threshold: needed, members });
}

function readThreshold(text        , count        )                     {
  if (text === "all") return count;
  if (text === "any") return 1;
  const number = /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= count ? number : undefined;
}

function readQuorum(draft       , [name, ...rest]          )                     {
  if (name === undefined || rest.length > 0) return "a quorum line is: quorum <name>";
  if (draft.quorum !== undefined) return "there is a quorum line already";
  draft.quorum = name === "none" ? { kind: "none" } : draft.rules.get(name);
  return draft.quorum === undefined ? `${name} is not defined above` : undefined;
}

function define(draft       , rule                                       )                     {
  if (rule.name === "none" || draft.rules.has(rule.name)) return `the name ${rule.name} is taken`;
  draft.rules.set(rule.name, rule);
  return undefined;
}

function readKey(octets        , role         , earlier                      )                        {
  const vkey = decodeUtf8(Buffer.from(octets, "latin1"));
  if (!vkey.ok) return refused(`the key is ${vkey.reason}`);
  const verifier = parseVerifierKey(vkey.value);
  if (!verifier.ok) return verifier;
  if (verifier.value.role !== role) return refused(`${verifier.value.name} is not the key of a ${role}`);
  const publicKey = encodeBase64(verifier.value.publicKey);
  const twin = earlier.find((other) => encodeBase64(other.verifier.publicKey) === publicKey);
  return twin === undefined ? verifier : refused(`the same public key as ${twin.verifier.name}`);
}

/** Whether cosignatures by these witnesses fulfil a rule. */
function isQuorum(rule            , cosigners                           )          {
  switch (rule.kind) {
    case "none":
      return true;
    case "witness":
      return cosigners.has(rule.verifier);
    case "group":
      return rule.members.filter((member) => isQuorum(member, cosigners)).length >= rule.threshold;
  }
}

/** A checkpoint signed by one of the policy's logs, or of `logs` given besides, and cosigned by a quorum. */
function openWitnessed(
  bytes            ,
  policy        ,
  logs                          = [],
)                            {
  const known = [...policy.logs, ...policy.witnesses].map(({ verifier }) => verifier);
  const opened = openCheckpoint(bytes, [...known, ...logs]);
  if (!opened.ok) return opened;
  const cosigners = new Set(opened.value.note.signedBy.map(({ verifier }) => verifier));
  if (isQuorum(policy.quorum, cosigners)) return opened;
  const names = [...cosigners].filter(({ role }) => role === "witness").map(({ name }) => name);
  return refused(`the cosignatures (${names.join(", ") || "none"}) are not a quorum`);
}

// tiles.ts

/**
 * Names and contents of the files of a tiled log (c2sp.org/tlog-tiles). A tile holds up to 256 neighbouring hashes of
 * one level, 256^level entries under each; an entry bundle holds the entries under a tile of level 0.
 */

/** Hashes in a full tile, and entries in a full bundle. */
const tileWidth = 256;

/** An entry's length is written in 16 bits. */
const entryBytesMax = 65_535;

/** `width` is 256 for a full tile and 1 to 255 for a partial one. */

/** 1234067 as `x001/x234/067`, so that no folder holds more than a thousand files and no file stands where a folder has to be. */
function encodeTileIndex(index        )         {
  const groups           = [];
  let rest = index;
  do {
    groups.unshift(String(rest % 1000).padStart(3, "0"));
    rest = Math.floor(rest / 1000);
  } while (rest > 0);
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
}

function tilePath({ level, index, width }          )         {
  const full = `tile/${level}/${encodeTileIndex(index)}`;
  return width === tileWidth ? full : `${full}.p/${width}`;
}

/** Folder of the partial forms of a tile. */
function partialFolder(level           , index        )         {
  return `${tilePath({ level, index, width: tileWidth })}.p`;
}

/** Reads a tile's path back; only the one spelling that `tilePath` gives. */
function parseTilePath(path        )                    {
  const match = /^tile\/([^/]+)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([0-9]+))?$/.exec(path);
  const [, levelPart = "", indexPart = "", widthPart] = match ?? [];
  const level = levelPart === "entries" ? levelPart : Number(levelPart);
  const index = Number(indexPart.replaceAll(/[x/]/g, ""));
  const width = widthPart === undefined ? tileWidth : Number(widthPart);
  const inRange = (level === "entries" || (level >= 0 && level <= 63)) && Number.isSafeInteger(index);
  const isWidth = widthPart === undefined || (width >= 1 && width < tileWidth);
  if (match === null || !inRange || !isWidth || tilePath({ level, index, width }) !== path) {
    return refused(`${path} is not the path of a tile`);
  }
  return passed({ level, index, width });
}

/** How many hashes level `level` has in a tree of `size`, over all its tiles. */
function levelWidth(size        , level        )         {
  return Math.floor(size / tileWidth ** level);
}

/** The width that tile `index` of a level with `count` hashes has, 0 when the tree does not reach it. */
function widthOfTile(count        , index        )         {
  return Math.max(0, Math.min(tileWidth, count - index * tileWidth));
}

/** Every tile, full and partial, that a tree of `size` consists of, without the bundles. */
function tilesOf(size        )             {
  const names             = [];
  for (let level = 0; levelWidth(size, level) > 0; level++) {
    const count = levelWidth(size, level);
    for (let index = 0; index * tileWidth < count; index++) {
      names.push({ level, index, width: widthOfTile(count, index) });
    }
  }
  return names;
}

function formatTile(hashes                 )             {
  return Buffer.concat(hashes);
}

/** Splits a tile into hashes; a trailing part of a hash comes back as `torn`. */
function splitTile(bytes            )                                                      {
  const hashes         = [];
  for (let at = 0; at + hashBytes <= bytes.length; at += hashBytes) hashes.push(bytes.subarray(at, at + hashBytes));
  return { hashes, torn: bytes.length % hashBytes !== 0 };
}

/** Entries, each behind its length in two bytes, big-endian. Each entry has at most `entryBytesMax` bytes. */
function formatBundle(entries                       )             {
  const parts               = [];
  for (const entry of entries) parts.push(Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry);
  return Buffer.concat(parts);
}

/** Splits a bundle into entries; `torn` when the last one is cut short. Views into `bytes`, not copies. */
function splitBundle(bytes            )                                                             {
  const entries               = [];
  for (let at = 0; at < bytes.length;) {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    const end = at + 2 + length;
    if (end > bytes.length) return { entries, torn: true };
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return { entries, torn: false };
}

// frontier.ts

/**
 * The growing edge of a tiled log: whatever the next entry's files depend on, at most 255 entries and 255 hashes of each
 * level. `extend` says which files a batch of entries adds; writer and verifier both call it, so that a log is verified
 * by making its files again.
 */

const emptyFrontier           = { size: 0, range: new CompactRange(), levels: [], entries: [] };

/**
 * The log after `added`, and the files that hold it beyond what the log before had: every tile and bundle that became
 * full, and the last partial one of each level that changed. Leaves the given frontier as it was.
 * `leaves` are the entries' hashes, for callers that have them already.
 */
function extend(
  frontier          ,
  added                       ,
  leaves                  = added.map(hashLeaf),
)                                        {
  const range = frontier.range.copy();
  const levels = frontier.levels.map((hashes) => [...hashes]);
  let entries = [...frontier.entries];
  const files             = [];
  const changed = new Set        ();
  const push = (level        , hash      )       => {
    const hashes = (levels[level] ??= []);
    hashes.push(hash);
    changed.add(level);
    if (hashes.length < tileWidth) return;
    const index = range.size / tileWidth ** (level + 1);
    files.push({ name: { level, index: Math.floor(index), width: tileWidth }, bytes: formatTile(hashes) });
    levels[level] = [];
  };
  for (const [at, leaf] of leaves.entries()) {
    entries.push(added[at] ?? new Uint8Array(0));
    if (entries.length === tileWidth) {
      const index = Math.floor(range.size / tileWidth);
      files.push({ name: { level: "entries", index, width: tileWidth }, bytes: formatBundle(entries) });
      entries = [];
    }
    push(0, leaf);
    range.append(leaf, (height, node) => {
      if (height % 8 === 0) push(height / 8, node);
    });
  }
  const next = { size: range.size, range, levels, entries };
  if (added.length > 0) files.push(...partialFiles(next, changed));
  return { next, files };
}

function partialFiles({ size, levels, entries }          , changed                     )             {
  const files             = [];
  const last = Math.floor(size / tileWidth);
  if (entries.length > 0) {
    const name = { level: "entries", index: last, width: entries.length }         ;
    files.push({ name, bytes: formatBundle(entries) });
  }
  for (const level of changed) {
    const hashes = levels[level] ?? [];
    const index = Math.floor(size / tileWidth ** (level + 1));
    if (hashes.length > 0) files.push({ name: { level, index, width: hashes.length }, bytes: formatTile(hashes) });
  }
  return files;
}

// disk-reader.ts

/** Reading side of a folder. Paths are relative to it, with `/` between names. */

/** `FolderReader` over a folder of this machine. Its files are small, so they are read at once. */
class DiskReader                         {
           root        ;

  constructor(root        ) {
    this.root = root;
  }

  async read(path        )                                  {
    return unlessAbsent(() => readFileSync(join(this.root, path)));
  }

  async list(folder        )                    {
    return unlessAbsent(() => readdirSync(join(this.root, folder))) ?? [];
  }
}

function unlessAbsent   (work         )                {
  try {
    return work();
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** The system's name of an error, such as `ENOSPC`; `unknown` when it has none. */
function errorCode(error         )         {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}

// tile-tree.ts

/** Whatever gives the bytes of a file of the log by its path: a folder, an archive, an HTTP server. */

/**
 * The tree of a log of a given size, read from its tiles as needed. What comes out is only as good as the tiles: compare
 * `root` with a checkpoint, or check the proofs, before believing it. Tiles once read are kept, so let go of an instance
 * after use.
 */
class TileTree {
           size        ;
           #source            ;
           #tiles = new Map                         ();

  constructor(source            , size        ) {
    this.#source = source;
    this.size = size;
  }

  /** The root of the first `size` entries; by default of all. */
  async root(size = this.size)                         {
    if (size > this.size) return refused(`the log has ${this.size} entries, not ${size}`);
    return size === 0 ? passed(emptyRoot) : this.#rangeHash({ from: 0, to: size });
  }

  async leaf(index        )                         {
    if (index >= this.size) return refused(`the log has ${this.size} entries, there is none at ${index}`);
    return this.perfectSubtree({ height: 0, index });
  }

  /** The inclusion proof of entry `index` in the tree of the first `size` entries (RFC 9162 section 2.1.3.1). */
  async inclusionProof(index        , size = this.size)                           {
    if (size > this.size || index >= size) {
      return refused(`no inclusion proof for entry ${index} of ${size} in a log of ${this.size}`);
    }
    return this.#hashes(inclusionRanges(index, size));
  }

  /** The consistency proof between two sizes, `0 < oldSize <= newSize` (RFC 9162 section 2.1.4.1). */
  async consistencyProof(oldSize        , newSize = this.size)                           {
    if (oldSize < 1 || oldSize > newSize || newSize > this.size) {
      return refused(`no consistency proof from ${oldSize} to ${newSize} in a log of ${this.size}`);
    }
    return this.#hashes(consistencyRanges(oldSize, newSize));
  }

  async #hashes(ranges                      )                           {
    const hashes         = [];
    for (const range of ranges) {
      const found = await this.#rangeHash(range);
      if (!found.ok) return found;
      hashes.push(found.value);
    }
    return passed(hashes);
  }

  async #rangeHash(range           )                         {
    const peaks         = [];
    for (const node of perfectNodes(range)) {
      const found = await this.perfectSubtree(node);
      if (!found.ok) return found;
      peaks.push(found.value);
    }
    return passed(foldPeaks(peaks));
  }

  /** The hash of a perfect subtree: 2^(height mod 8) neighbouring hashes of the tile level below it, folded. */
  async perfectSubtree({ height, index }          )                         {
    const level = Math.floor(height / 8);
    const span = 2 ** (height % 8);
    const first = index * span;
    const tile = await this.#tile(level, Math.floor(first / tileWidth));
    if (!tile.ok) return tile;
    const at = first % tileWidth;
    return passed(foldPerfect(tile.value.slice(at, at + span)));
  }

  /** A partial tile may have been deleted once it is full (c2sp.org/tlog-tiles, "Partial Tiles"), so the full one serves as well. */
  async #tile(level        , index        )                                    {
    const width = widthOfTile(levelWidth(this.size, level), index);
    const path = tilePath({ level, index, width });
    const kept = this.#tiles.get(path);
    if (kept !== undefined) return passed(kept);
    const bytes =
      (await this.#source.read(path)) ?? (await this.#source.read(tilePath({ level, index, width: tileWidth })));
    if (bytes === undefined) return refused(`${path} is missing`);
    const { hashes, torn } = splitTile(bytes);
    if (torn || hashes.length < width) return refused(`${path} does not hold ${width} whole hashes`);
    this.#tiles.set(path, hashes);
    return passed(hashes);
  }
}

function foldPerfect(hashes                 )       {
  if (hashes.length <= 2) return foldPeaks(hashes);
  const middle = hashes.length / 2;
  return foldPeaks([foldPerfect(hashes.slice(0, middle)), foldPerfect(hashes.slice(middle))]);
}

// state.ts

/**
 * A small text that is replaced only by whoever knows its latest version: the compare-and-set under every signature.
 *
 * Version n is the file `<folder>/<n>`, in a folder at the top. The next version is written and synced under a name of its own, then linked to
 * the name n + 1, which the file system lets exactly one writer do. A writer that slept so long that its n + 1 has been
 * reached, replaced and deleted meanwhile would find the name free again; it therefore looks for later versions after
 * linking, and whoever deletes a version linked a later one before. So of two writers that start from the same version
 * at most one is ever told that it won.
 */

/** One version of the text. */

/** The latest version, or `undefined` before the first. */
async function latestVersion(files              , folder        )                               {
  const [number] = await versionNumbers(files, folder);
  if (number === undefined) return undefined;
  const bytes = await files.read(`${folder}/${number}`);
  // Gone between listing and reading: there is a later one by now.
  return bytes === undefined ? latestVersion(files, folder) : { number, bytes };
}

/** The numbers of the versions that are there, the latest first. */
async function versionNumbers(files              , folder        )                    {
  const names = await files.list(folder);
  const numbers = names.filter((name) => /^[1-9][0-9]{0,14}$/.test(name)).map(Number);
  return numbers.toSorted((a, b) => b - a);
}

/** One writer's hold on the versions in a folder. `writer` is a name that no other writer uses. */
class VersionedState {
           #files       ;
           #folder        ;
           #draft        ;

  constructor(files       , folder        , writer        ) {
    this.#files = files;
    this.#folder = folder;
    this.#draft = `${folder}/draft-${writer}`;
  }

  /**
   * Makes sure that the latest version outlives a loss of power, and returns it. A writer killed right after linking
   * leaves a version that can be read but not yet trusted: it could still vanish, after somebody signed what it says.
   */
  async settle()                               {
    await this.#files.makeFolder(this.#folder);
    // The folder's own name has to last as well, or a signature would outlive the state that it was bound by.
    await this.#files.syncFolder(".");
    for (const name of await this.#files.list(this.#folder)) {
      if (name.startsWith("draft-")) await this.#files.remove(`${this.#folder}/${name}`);
    }
    await this.#files.syncFolder(this.#folder);
    return latestVersion(this.#files, this.#folder);
  }

  /** Writes the next version's text without making it a version yet. A crash leaves a draft, which `settle` removes. */
  async draft(text        )                {
    await this.#files.remove(this.#draft);
    await this.#files.create(this.#draft, encodeUtf8(text));
  }

  async syncDraft()                {
    await this.#files.syncFile(this.#draft);
  }

  async dropDraft()                {
    await this.#files.remove(this.#draft);
  }

  /**
   * Makes the synced draft version `number`. False when another writer came first; then nothing has changed. Once it
   * has returned true the version outlives a loss of power. A crash inside leaves either version as the latest.
   */
  async commit(number        )                   {
    if (!(await this.#files.link(this.#draft, `${this.#folder}/${number}`))) return false;
    const later = (await versionNumbers(this.#files, this.#folder)).some((other) => other > number);
    if (later) {
      await this.#files.remove(`${this.#folder}/${number}`);
      return false;
    }
    await this.#files.syncFolder(this.#folder);
    return true;
  }

  /** Removes the draft and all versions but the latest two. A crash leaves more of them, which harm nobody. */
  async tidy(latest        )                {
    await this.dropDraft();
    for (const number of await versionNumbers(this.#files, this.#folder)) {
      if (number < latest - 1) await this.#files.remove(`${this.#folder}/${number}`);
    }
  }
}

// verify-files.ts

/** Where a log stops being what was signed. */

/**
 * The entries of a bundle that has to hold `width` of them, held against their tile and against every earlier partial
 * form of both. Of several problems the one of the smallest index is returned. `leafIsSigned` tells whether the
 * hash that the tiles have for an entry leads to the signed root, which settles whether the entry or its hash was changed.
 */
async function checkBundle(
  files              ,
  index        ,
  width        ,
  leafIsSigned                                     ,
)                         {
  const bundle = await readWidest(files, "entries", index, width);
  const { entries: found, torn } = splitBundle(bundle.bytes);
  const entries = found.slice(0, width);
  const first = index * tileWidth;
  const problems            = [];
  const report = (at        , file        , reason        )       => {
    problems.push({ index: first + at, file, reason });
  };
  if (entries.length < width) {
    report(entries.length, bundle.path, bundle.complete ? "ends before its last entry" : "is missing");
  } else if (bundle.exact && (found.length > width || torn)) {
    report(width - 1, bundle.path, "goes on after its last entry");
  }
  const tile = await readWidest(files, 0, index, width);
  const leaves = entries.map(hashLeaf);
  const expected = formatTile(leaves);
  const held = tile.bytes.subarray(0, width * hashBytes);
  const differs = firstDifference(expected, held);
  if (differs >= 0 && differs < Math.min(expected.length, held.length)) {
    const at = Math.floor(differs / hashBytes);
    report(at, (await leafIsSigned(first + at)) ? bundle.path : tile.path, "entry and hash do not match");
  } else if (held.length < width * hashBytes) {
    report(Math.floor(held.length / hashBytes), tile.path, tile.complete ? "ends before its last hash" : "is missing");
  } else if (tile.exact && tile.bytes.length > held.length) {
    report(width - 1, tile.path, "goes on after its last hash");
  }
  const starts = entryStarts(entries);
  for (const { path, bytes, count } of await readPartials(files, "entries", index, entries.length, width)) {
    const at = firstDifference(formatBundle(entries.slice(0, count)), bytes);
    const entry = Math.min(
      starts.findLastIndex((start) => start <= at),
      count - 1,
    );
    if (at >= 0) report(entry, path, "differs from the bundle that followed it");
  }
  for (const { path, bytes, count } of await readPartials(files, 0, index, entries.length, width)) {
    const at = firstDifference(expected.subarray(0, count * hashBytes), bytes);
    if (at >= 0)
      report(Math.min(Math.floor(at / hashBytes), count - 1), path, "differs from the tile that followed it");
  }
  const [problem] = problems.toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0));
  return { entries, leaves, problem };
}

/** A tile of level 1 or above and its earlier partial forms, held against the hashes that follow from the entries. */
async function checkHashes(
  files              ,
  { level, index, width }          ,
  expected            ,
)                               {
  const tile = await readWidest(files, level, index, width);
  const at = firstDifference(expected, tile.exact ? tile.bytes : tile.bytes.subarray(0, expected.length));
  const entryOf = (hash        )         => (index * tileWidth + hash) * tileWidth ** Number(level);
  if (at >= 0) {
    const hash = Math.min(Math.floor(at / hashBytes), width - 1);
    const reason = tile.complete ? "does not hold the hashes of the tiles below" : "is missing";
    return { index: entryOf(hash), file: tile.path, reason };
  }
  for (const { path, bytes, count } of await readPartials(files, level, index, width, width)) {
    const differs = firstDifference(expected.subarray(0, count * hashBytes), bytes);
    if (differs < 0) continue;
    const hash = Math.min(Math.floor(differs / hashBytes), count - 1);
    return { index: entryOf(hash), file: path, reason: "differs from the tile that followed it" };
  }
  return undefined;
}

/**
 * The file of a tile: under its own name, else as the full tile that it became, else, so that the first missing index
 * can be told, whatever narrower one is left.
 */
async function readWidest(files              , level           , index        , width        )                     {
  const path = tilePath({ level, index, width });
  const own = await files.read(path);
  if (own !== undefined) return { path, bytes: own, complete: true, exact: true };
  const full = await files.read(tilePath({ level, index, width: tileWidth }));
  if (full !== undefined) return { path, bytes: full, complete: true, exact: false };
  const narrower = await readPartials(files, level, index, width - 1, width);
  const bytes = narrower.at(-1)?.bytes ?? new Uint8Array(0);
  return { path, bytes, complete: false, exact: false };
}

/** The partial forms of a tile up to `countMax` wide, narrowest first, but not the one of `except`. */
async function readPartials(
  files              ,
  level           ,
  index        ,
  countMax        ,
  except        ,
)                         {
  const folder = partialFolder(level, index);
  const names = (await files.list(folder)).filter((name) => /^[1-9][0-9]{0,2}$/.test(name));
  const counts = names.map(Number).filter((count) => count <= countMax && count !== except && count < tileWidth);
  const partials                = [];
  for (const count of counts.toSorted((a, b) => a - b)) {
    const path = `${folder}/${count}`;
    const bytes = await files.read(path);
    if (bytes !== undefined) partials.push({ path, bytes, count });
  }
  return partials;
}

/** Where in its bundle each entry's length prefix starts. */
function entryStarts(entries                       )           {
  const starts           = [];
  let at = 0;
  for (const entry of entries) {
    starts.push(at);
    at += 2 + entry.length;
  }
  return starts;
}

// verify.ts

/**
 * Verifies a log from nothing but its folder: every entry, every tile, every root that anybody signed.
 *
 * The entries are the truth that everything else is computed from again. So the first thing that does not fit is found
 * at the smallest index where entries and tiles disagree, and where they agree with each other but not with a signature,
 * at the smallest signed size.
 */

/** What to verify, and against whose word. */

/** A size whose root somebody is bound to, and the file that says so. */

/** Errors of the disk throw; everything about the log is in the verdict. */
async function verifyLog(options               )                   {
  const { files, logs, policy } = options;
  const note = await files.read("checkpoint");
  if (note === undefined) return bad({ file: "checkpoint", reason: "there is no checkpoint" });
  const known = [...logs, ...(policy?.logs ?? []).map(({ verifier }) => verifier)];
  const opened = policy === undefined ? openCheckpoint(note, logs) : openWitnessed(note, policy, logs);
  if (!opened.ok) return bad({ file: "checkpoint", reason: opened.reason });
  const { checkpoint } = opened.value;
  const bound = await readState(files, opened.value);
  if (!bound.ok) return bound;
  const shown = readOlder(options.older ?? [], known, checkpoint.origin);
  if (!shown.ok) return shown;
  const own = [{ file: "checkpoint", size: checkpoint.size, root: checkpoint.root }, ...bound.value];
  // Whoever was stopped between binding the state and publishing leaves a state ahead, whose entries are all there.
  const extent = Math.max(checkpoint.size, bound.value[0]?.size ?? 0);
  const problem = await walkEntries(options, extent, [...own, ...shown.value], checkpoint);
  if (problem !== undefined) return bad(problem);
  return {
    ok: true,
    value: {
      origin: checkpoint.origin,
      size: checkpoint.size,
      root: checkpoint.root,
      checkpoint: opened.value,
      begunBy: shown.value.map(({ file }) => file),
    },
  };
}

function bad(problem         )                                                    {
  return { ok: false, problem };
}

/** The writer's own state, latest first, where the folder has it; a published copy of a log does without. */
async function readState(files              , { checkpoint }                  )                   {
  const anchors           = [];
  for (const number of await versionNumbers(files, "state")) {
    const file = `state/${number}`;
    const bytes = await files.read(file);
    if (bytes === undefined) continue;
    const state = parseUnsigned(bytes);
    if (!state.ok) return bad({ file, reason: state.reason });
    const { origin, size, root } = state.value;
    if (origin !== checkpoint.origin) return bad({ file, reason: `belongs to ${origin}, not ${checkpoint.origin}` });
    anchors.push({ file, size, root });
  }
  const latest = anchors[0];
  if (latest !== undefined && latest.size < checkpoint.size) {
    return bad({ file: latest.file, size: latest.size, reason: `is behind the checkpoint of size ${checkpoint.size}` });
  }
  return passed(anchors);
}

function readOlder(older                            , known                         , origin        )          {
  const anchors           = [];
  for (const { name, note } of older) {
    const opened = openCheckpoint(note, known);
    if (!opened.ok) return bad({ file: name, reason: opened.reason });
    const { checkpoint } = opened.value;
    if (checkpoint.origin !== origin) return bad({ file: name, reason: `is of ${checkpoint.origin}, not ${origin}` });
    anchors.push({ file: name, size: checkpoint.size, root: checkpoint.root });
  }
  return passed(anchors);
}

/** Goes through the entries bundle by bundle, up to `extent`, and returns the first thing that is wrong. */
async function walkEntries(
  options               ,
  extent        ,
  anchors                   ,
  signed                                                ,
)                               {
  const { files } = options;
  const leafIsSigned = async (index        )                   => {
    const tree = new TileTree(files, signed.size);
    const [leaf, proof] = [await tree.leaf(index), await tree.inclusionProof(index)];
    if (!leaf.ok || !proof.ok) return false;
    return verifyInclusion({ index, ...signed, leaf: leaf.value, proof: proof.value }).ok;
  };
  let frontier = emptyFrontier;
  for (let index = 0; index * tileWidth < extent; index++) {
    const bundle = await checkBundle(files, index, widthOfTile(extent, index), leafIsSigned);
    if (bundle.problem !== undefined) {
      // What is signed for sizes before the bad entry comes first: there, too, something may be wrong.
      const end = (bundle.problem.index ?? 0) - index * tileWidth;
      const sound = { entries: bundle.entries.slice(0, end), leaves: bundle.leaves.slice(0, end) };
      return (await advance(files, frontier, sound, anchors)).problem ?? bundle.problem;
    }
    const unfit = await checkEntries(options, index * tileWidth, bundle.entries);
    if (unfit !== undefined) return unfit;
    const step = await advance(files, frontier, bundle, anchors);
    if (step.problem !== undefined) return step.problem;
    frontier = step.frontier;
  }
  const unfinished = await checkUnfinished(files, frontier);
  if (unfinished !== undefined) return unfinished;
  const ahead = anchors.find(({ size }) => size > extent);
  if (ahead === undefined) return undefined;
  const reason = `${ahead.file} was signed for ${ahead.size} entries, the log ends after ${extent}`;
  return { index: extent, file: "checkpoint", reason };
}

async function checkEntries(
  { check }               ,
  first        ,
  entries                       ,
)                               {
  if (check === undefined) return undefined;
  for (const [at, entry] of entries.entries()) {
    const reason = await check(first + at, entry);
    const name = { level: "entries", index: Math.floor(first / tileWidth), width: entries.length }         ;
    if (reason !== undefined) return { index: first + at, file: tilePath(name), reason };
  }
  return undefined;
}

/** Grows the tree by a bundle, stopping at every size that somebody is bound to, and checks roots and higher tiles. */
async function advance(
  files              ,
  start          ,
  { entries, leaves }                                           ,
  anchors                   ,
)                                                                                   {
  const end = start.size + entries.length;
  const stops = new Set(anchors.map(({ size }) => size).filter((size) => size > start.size && size <= end));
  const grown             = [];
  let frontier = start;
  for (const stop of [...stops.add(end)].toSorted((a, b) => a - b)) {
    const [from, to] = [frontier.size - start.size, stop - start.size];
    const { next, files: added } = extend(frontier, entries.slice(from, to), leaves.slice(from, to));
    frontier = next;
    // Those of level 0 have been held against their entries already; partial ones are looked at when they are finished.
    grown.push(...added.filter(({ name }) => isAboveLeaves(name) && name.width === tileWidth));
    const root = frontier.range.root();
    const broken = anchors.find((anchor) => anchor.size === stop && !equalBytes(anchor.root, root));
    if (broken !== undefined) {
      const reason = `the first ${stop} entries give the root ${encodeBase64(root)}, not ${encodeBase64(broken.root)}`;
      return { frontier, problem: { size: stop, file: broken.file, reason } };
    }
  }
  return { frontier, problem: await checkTiles(files, grown) };
}

function isAboveLeaves({ level }          )          {
  return level !== "entries" && level > 0;
}

/** The partial tiles above level 0 with which the log ends. */
async function checkUnfinished(files              , { size, levels }          )                               {
  const tiles = levels.map((hashes, level) => ({
    name: { level, index: Math.floor(size / tileWidth ** (level + 1)), width: hashes.length },
    bytes: formatTile(hashes),
  }));
  return checkTiles(
    files,
    tiles.filter(({ name }) => isAboveLeaves(name) && name.width > 0),
  );
}

async function checkTiles(files              , tiles                     )                               {
  for (const { name, bytes } of tiles) {
    const problem = await checkHashes(files, name, bytes);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

// verifier-main.ts

/** The command line around `verifyLog`; also the end of the stand-alone `verifier.mjs`. */

const usage = `usage: node verifier.mjs LOGDIR --key VKEY [--checkpoint OLD]... [--policy FILE] [--json]

Verifies a tamper-evident log (c2sp.org/tlog-tiles) in a folder, offline, with nothing but Node.

  --key VKEY         verifier key of the log: <name>+<key id>+<base64>; may be left out when the policy names the log
  --checkpoint OLD   file with a checkpoint seen earlier or elsewhere, which the log has to begin with; any number
  --policy FILE      policy (c2sp.org/tlog-policy) whose quorum of witnesses must have cosigned the checkpoint
  --json             print the verdict as JSON

exit code: 0 the log is whole, 1 it is not, 2 the call was wrong, 3 a file could not be read
`;

const exitCodes = { whole: 0, broken: 1, misused: 2, unreadable: 3 }         ;

async function readOptions(args                   )                                                      {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      key: { type: "string", multiple: true, default: [] },
      checkpoint: { type: "string", multiple: true, default: [] },
      policy: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const [folder, ...others] = positionals;
  if (folder === undefined || others.length > 0) throw new TypeError("give exactly one LOGDIR");
  const logs = values.key.map((vkey) => {
    const key = parseVerifierKey(vkey);
    if (!key.ok) throw new TypeError(`--key: ${key.reason}`);
    if (key.value.role !== "log") throw new TypeError(`--key: ${key.value.name} is not a log's key`);
    return key.value;
  });
  const policy = values.policy === undefined ? undefined : parsePolicy(await readFile(values.policy));
  if (policy !== undefined && !policy.ok) throw new TypeError(`${values.policy}: ${policy.reason}`);
  if (logs.length === 0 && (policy?.value.logs.length ?? 0) === 0)
    throw new TypeError("give --key, or a --policy with a log");
  const older                    = [];
  for (const name of values.checkpoint) older.push({ name, note: await readFile(name) });
  const files = new DiskReader(folder);
  return { files, logs, older, json: values.json, ...(policy && { policy: policy.value }) };
}

function describe(verdict         )         {
  if (!verdict.ok) {
    const { index, size, file, reason } = verdict.problem;
    const place = index === undefined ? (size === undefined ? "" : `size ${size}: `) : `entry ${index}: `;
    return `NOT OK: ${place}${file}: ${reason}\n`;
  }
  const { origin, size, root, checkpoint, begunBy } = verdict.value;
  const signers = checkpoint.note.signedBy.map(({ verifier }) => verifier.name).join(", ");
  const begins = begunBy.length === 0 ? "" : `, begins with ${begunBy.join(", ")}`;
  return `OK: ${origin}, ${size} entries, root ${encodeBase64(root)}, signed by ${signers}${begins}\n`;
}

function asJson(verdict         )         {
  if (!verdict.ok) return `${JSON.stringify({ ok: false, ...verdict.problem })}\n`;
  const { origin, size, root, checkpoint, begunBy } = verdict.value;
  const signedBy = checkpoint.note.signedBy.map(({ verifier }) => verifier.name);
  return `${JSON.stringify({ ok: true, origin, size, root: encodeBase64(root), signedBy, begunBy })}\n`;
}

/** Runs the command and returns its exit code. Prints to standard output, or to standard error when misused. */
async function runVerifier(args                   )                  {
  try {
    const options = await readOptions(args);
    const verdict = await verifyLog(options);
    process.stdout.write(options.json ? asJson(verdict) : describe(verdict));
    return verdict.ok ? exitCodes.whole : exitCodes.broken;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const misused = error instanceof TypeError;
    process.stderr.write(misused ? `${message}\n\n${usage}` : `${message}\n`);
    return misused ? exitCodes.misused : exitCodes.unreadable;
  }
}

if (import.meta.main) process.exitCode = await runVerifier(process.argv.slice(2));
