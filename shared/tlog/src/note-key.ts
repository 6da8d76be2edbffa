import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify } from "node:crypto";
import { type Checked, passed, refused } from "./checked.ts";
import { decodeBase64, encodeBase64, encodeUtf8 } from "./encoding.ts";
import { sha256 } from "./merkle.ts";

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
export const signatureTypes = { log: 0x01, witness: 0x04 } as const;

export type KeyRole = keyof typeof signatureTypes;

/** What checks signatures. `id` is the key id as a big-endian number. */
export interface NoteVerifier {
  readonly name: string;
  readonly id: number;
  readonly role: KeyRole;
  /** The 32 bytes of the Ed25519 public key. */
  readonly publicKey: Uint8Array;
  /** `signature` is what follows the key id on a signature line; false on any other length too. */
  verify(text: string, signature: Uint8Array): boolean;
}

/** What makes signatures. A signature of a witness states the time at which it was made, in POSIX seconds. */
export interface NoteSigner {
  readonly verifier: NoteVerifier;
  /** Length of what `sign` returns: 64 for a log, 72 for a witness. */
  readonly signatureBytes: number;
  sign(text: string): Uint8Array;
}

/** DER before the 32 raw bytes of an Ed25519 key (RFC 8410 sections 4 and 7). */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

const ed25519Bytes = 64;
const timestampBytes = 8;

/** Key names are not empty and hold neither Unicode spaces nor a plus (c2sp.org/signed-note, "Format"). */
export function isKeyName(name: string): boolean {
  return name !== "" && !/[\p{White_Space}+]/u.test(name) && !hasControlCharacter(name);
}

export function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) < 0x20) return true;
  return false;
}

/** Parses a verifier key; the key id inside has to be the one that follows from name, type and key. */
export function parseVerifierKey(vkey: string): Checked<NoteVerifier> {
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
export function parseSignerKey(skey: string, now: () => number): Checked<NoteSigner> {
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
export function generateKey(name: string, role: KeyRole): Checked<{ readonly skey: string; readonly vkey: string }> {
  if (!isKeyName(name)) return refused("a key name is not empty and holds neither spaces nor a plus");
  const seed = randomBytes(32);
  const { verifier } = newSigner(name, role, seed, () => 0);
  const material = encodeBase64(Buffer.concat([Uint8Array.of(signatureTypes[role]), seed]));
  return passed({ skey: `PRIVATE+KEY+${name}+${hexId(verifier.id)}+${material}`, vkey: formatVerifierKey(verifier) });
}

export function formatVerifierKey(verifier: NoteVerifier): string {
  const material = Buffer.concat([Uint8Array.of(signatureTypes[verifier.role]), verifier.publicKey]);
  return `${verifier.name}+${hexId(verifier.id)}+${encodeBase64(material)}`;
}

/** The public key as a PEM file that `openssl pkeyutl -pubin -inkey` reads. */
export function publicKeyPem(verifier: NoteVerifier): string {
  const der = encodeBase64(Buffer.concat([spkiPrefix, verifier.publicKey]));
  return `-----BEGIN PUBLIC KEY-----\n${der}\n-----END PUBLIC KEY-----\n`;
}

/** The time in a cosignature, in POSIX seconds (c2sp.org/tlog-cosignature: an unsigned 64-bit integer up to 2^63 - 1). */
export function cosignatureTime(signature: Uint8Array): number {
  return Number(Buffer.from(signature).readBigUInt64BE(0));
}

interface KeyParts {
  readonly name: string;
  readonly id: number;
  readonly role: KeyRole;
  readonly material: Uint8Array;
}

function keyParts(text: string, what: string): Checked<KeyParts> {
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

function roleOf(type: number | undefined): KeyRole | undefined {
  if (type === signatureTypes.log) return "log";
  return type === signatureTypes.witness ? "witness" : undefined;
}

function keyId(name: string, role: KeyRole, publicKey: Uint8Array): number {
  const digest = sha256(Buffer.concat([encodeUtf8(`${name}\n`), Uint8Array.of(signatureTypes[role]), publicKey]));
  return Buffer.from(digest).readUInt32BE(0);
}

function hexId(id: number): string {
  return id.toString(16).padStart(8, "0");
}

function newVerifier(name: string, role: KeyRole, publicKey: Uint8Array): NoteVerifier {
  const key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: "der", type: "spki" });
  return {
    name,
    id: keyId(name, role, publicKey),
    role,
    publicKey,
    verify: role === "log" ? verifyPlain(key) : verifyTimestamped(key),
  };
}

function verifyPlain(key: KeyObject): NoteVerifier["verify"] {
  return (text, signature) =>
    signature.length === ed25519Bytes && verify(null, encodeUtf8(text), key, Buffer.from(signature));
}

function verifyTimestamped(key: KeyObject): NoteVerifier["verify"] {
  return (text, signature) => {
    if (signature.length !== timestampBytes + ed25519Bytes) return false;
    const time = Buffer.from(signature).readBigUInt64BE(0);
    if (time >= 2n ** 63n) return false;
    return verify(null, cosignedMessage(time, text), key, Buffer.from(signature.subarray(timestampBytes)));
  };
}

function newSigner(name: string, role: KeyRole, seed: Uint8Array, now: () => number): NoteSigner {
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
function cosignedMessage(time: bigint, text: string): Uint8Array {
  return encodeUtf8(`cosignature/v1\ntime ${time}\n${text}`);
}
