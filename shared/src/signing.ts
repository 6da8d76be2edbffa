import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { roles, type Role } from "@omega/bus-schemas/define-event.ts";
import { z } from "zod";

/** Signs as one role. */
export interface Signer {
  readonly role: Role;
  /** `<role>-<first 16 hex digits of SHA-256 of the raw public key>`. */
  readonly keyId: string;
  /** Ed25519 (RFC 8032), base64url without padding. */
  sign(text: string): string;
}

/** A public key and the role it may speak for. */
export interface TrustedKey {
  readonly keyId: string;
  readonly role: Role;
  readonly publicKey: KeyObject;
  /** Milliseconds since the epoch; what was said later is not believed. */
  readonly notAfter?: number;
}

const trustedKeySchema = z.strictObject({
  keyId: z.string(),
  role: z.enum(roles),
  /** Raw 32-byte Ed25519 public key, base64url. */
  publicKey: z.string(),
  notAfter: z.iso.datetime().optional(),
});

/**
 * Loads this process's key from `<folder>/<holder>.key` (PKCS #8 PEM, mode 0600), making it at the first start, and puts the public half
 * into `<folder>/trusted/`, which the other processes read. On separate machines an operator copies the `trusted` files.
 */
export function loadSigner(folder: string, role: Role, holder: string = role): Signer {
  const path = join(folder, `${holder}.key`);
  const trusted = join(folder, "trusted");
  mkdirSync(trusted, { recursive: true, mode: 0o700 });
  if (!existsSync(path)) {
    const { privateKey } = generateKeyPairSync("ed25519");
    writeAtomically(path, privateKey.export({ type: "pkcs8", format: "pem" }).toString(), 0o600);
  }
  chmodSync(path, 0o600);
  const privateKey = createPrivateKey(readFileSync(path));
  const raw = rawPublicKey(createPublicKey(privateKey));
  const keyId = keyIdOf(role, raw);
  const card = join(trusted, `${keyId}.json`);
  if (!existsSync(card)) {
    writeAtomically(card, `${JSON.stringify({ keyId, role, publicKey: raw.toString("base64url") })}\n`, 0o644);
  }
  return { role, keyId, sign: (text) => sign(null, Buffer.from(text), privateKey).toString("base64url") };
}

/** The keys that a process believes. Reads `<folder>/trusted/*.json`, and again when it meets a key id that it doesn't know. */
export class Keyring {
  readonly #folder: string;
  #keys = new Map<string, TrustedKey>();

  constructor(folder: string) {
    this.#folder = join(folder, "trusted");
    this.#reload();
  }

  find(keyId: string): TrustedKey | undefined {
    if (!this.#keys.has(keyId)) this.#reload();
    return this.#keys.get(keyId);
  }

  #reload(): void {
    if (!existsSync(this.#folder)) return;
    const keys = new Map<string, TrustedKey>();
    for (const name of readdirSync(this.#folder)) {
      if (!name.endsWith(".json")) continue;
      const path = join(this.#folder, name);
      const card = trustedKeySchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
      if (!card.success) throw new Error(`${path} is no trusted key: ${z.prettifyError(card.error)}`);
      const raw = Buffer.from(card.data.publicKey, "base64url");
      if (keyIdOf(card.data.role, raw) !== card.data.keyId)
        throw new Error(`${path}: the key id does not match the key`);
      keys.set(card.data.keyId, {
        keyId: card.data.keyId,
        role: card.data.role,
        publicKey: createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: card.data.publicKey }, format: "jwk" }),
        ...(card.data.notAfter === undefined ? {} : { notAfter: Date.parse(card.data.notAfter) }),
      });
    }
    this.#keys = keys;
  }
}

export function verifySignature(key: TrustedKey, text: string, signature: string): boolean {
  return verify(null, Buffer.from(text), key.publicKey, Buffer.from(signature, "base64url"));
}

function keyIdOf(role: Role, raw: Buffer): string {
  return `${role}-${createHash("sha256").update(raw).digest("hex").slice(0, 16)}`;
}

function rawPublicKey(key: KeyObject): Buffer {
  const { x } = key.export({ format: "jwk" });
  if (x === undefined) throw new Error("an Ed25519 public key has an x coordinate");
  return Buffer.from(x, "base64url");
}

/** A crash leaves the old file or none, never half of one. Two starters race to the same name; the later rename wins and is read back. */
function writeAtomically(path: string, text: string, mode: number): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text, { mode });
  renameSync(draft, path);
}
