import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { personRoles, roles, type PersonRole, type Role } from "@omega/bus-schemas/define-event.ts";
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
  /** What a person's key is good for; without a word of it, for looking only. */
  readonly personRole: PersonRole | undefined;
  /** Whose it is, where its card tells. */
  readonly holder: string | undefined;
  readonly publicKey: KeyObject;
  /** Milliseconds since the epoch; what was said later is not believed. */
  readonly notAfter?: number;
}

const trustedKeySchema = z.strictObject({
  keyId: z.string(),
  role: z.enum(roles),
  /** Raw 32-byte Ed25519 public key, base64url. */
  publicKey: z.string(),
  personRole: z.enum(personRoles).optional(),
  holder: z.string().min(1).max(256).optional(),
  notAfter: z.iso.datetime().optional(),
});
export type KeyCard = z.infer<typeof trustedKeySchema>;

/** Whether a person's key that is good for `has` may say what needs `needs`. */
export function reaches(has: PersonRole, needs: PersonRole): boolean {
  return personRoles.indexOf(has) >= personRoles.indexOf(needs);
}

/**
 * Loads this process's key from `<folder>/<holder>.key` (PKCS #8 PEM, mode 0600), making it at the first start, and puts the public half
 * into `<folder>/trusted/`, which the other processes read. On separate machines an operator copies the `trusted` files. A person's key
 * made here is an admin's: whoever can write this folder could make any key trusted.
 */
export function loadSigner(folder: string, role: Role, holder: string = role): Signer {
  return signerAt(folder, holder, role === "operator" ? { role, personRole: "admin" } : { role });
}

/** Makes a person's key `<folder>/<holder>.key` with these rights, and its trusted card. Throws where the holder has one already. */
export function makePersonKey(
  folder: string,
  holder: string,
  grant: { readonly personRole: PersonRole; readonly notAfter?: string | undefined },
): Signer {
  if (existsSync(join(folder, `${holder}.key`))) throw new Error(`${holder} has a key in ${folder} already`);
  const { personRole, notAfter } = grant;
  return signerAt(folder, holder, {
    role: "operator",
    personRole,
    holder,
    ...(notAfter === undefined ? {} : { notAfter }),
  });
}

/** From that moment on nothing new is believed of the key; what it said before stays as it was. `undefined`: no such card. */
export function revokeKey(folder: string, keyId: string, notAfter: string): KeyCard | undefined {
  const path = join(folder, "trusted", `${keyId}.json`);
  if (!existsSync(path)) return undefined;
  const card = { ...readCard(path), notAfter };
  writeAtomically(path, `${JSON.stringify(card)}\n`, 0o644);
  return card;
}

/** The cards of all trusted keys, by key id. */
export function keyCards(folder: string): KeyCard[] {
  const trusted = join(folder, "trusted");
  if (!existsSync(trusted)) return [];
  const names = readdirSync(trusted).filter((name) => name.endsWith(".json"));
  return names.toSorted().map((name) => readCard(join(trusted, name)));
}

function signerAt(folder: string, name: string, grant: Omit<KeyCard, "keyId" | "publicKey">): Signer {
  const { role } = grant;
  const path = join(folder, `${name}.key`);
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
    const { role: _role, ...rights } = grant;
    const shown = { keyId, role, publicKey: raw.toString("base64url"), ...rights };
    writeAtomically(card, `${JSON.stringify(shown)}\n`, 0o644);
  }
  return { role, keyId, sign: (text) => sign(null, Buffer.from(text), privateKey).toString("base64url") };
}

/** The keys that a process believes: `<folder>/trusted/*.json`, read again when the folder changed. */
export class Keyring {
  readonly #folder: string;
  readonly #trusted: string;
  #keys = new Map<string, TrustedKey>();
  #readAt = 0;

  constructor(folder: string) {
    this.#folder = folder;
    this.#trusted = join(folder, "trusted");
    this.#read();
  }

  find(keyId: string): TrustedKey | undefined {
    // Two changes within the clock's grain leave one time behind, so what is not found is looked for in any case.
    if (this.#changedAt() !== this.#readAt || !this.#keys.has(keyId)) this.#read();
    return this.#keys.get(keyId);
  }

  #read(): void {
    this.#readAt = this.#changedAt();
    this.#keys = new Map(keyCards(this.#folder).map((card) => [card.keyId, trustedKeyOf(card)]));
  }

  /** 0 while there is no such folder. */
  #changedAt(): number {
    return statSync(this.#trusted, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  }
}

function readCard(path: string): KeyCard {
  const card = trustedKeySchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
  if (!card.success) throw new Error(`${path} is no trusted key: ${z.prettifyError(card.error)}`);
  const { role, publicKey, keyId } = card.data;
  if (keyIdOf(role, Buffer.from(publicKey, "base64url")) !== keyId) {
    throw new Error(`${path}: the key id does not match the key`);
  }
  return card.data;
}

function trustedKeyOf({ keyId, role, personRole, holder, publicKey, notAfter }: KeyCard): TrustedKey {
  return {
    keyId,
    role,
    personRole: role === "operator" ? (personRole ?? "viewer") : undefined,
    holder,
    publicKey: createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: publicKey }, format: "jwk" }),
    ...(notAfter === undefined ? {} : { notAfter: Date.parse(notAfter) }),
  };
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
export function writeAtomically(path: string, text: string, mode: number): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text, { mode });
  renameSync(draft, path);
}
