import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";

/** One line of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
interface KnownKey {
  readonly marker: "revoked" | undefined;
  /** Comma-separated patterns, or one hashed name. */
  readonly names: string;
  readonly keyType: string;
  readonly key: Buffer;
}

/** The pinned host keys of a known_hosts file. Nothing is ever added to it: an unknown host is refused. */
export class KnownHosts {
  readonly #keys: readonly KnownKey[];

  private constructor(keys: readonly KnownKey[]) {
    this.#keys = keys;
  }

  /** Failure `terminal/known_hosts_unreadable` names the line. Lines of certificate authorities are passed over: no key is taken on a signature. */
  static parse(text: string, file: string): Outcome<KnownHosts> {
    const keys: KnownKey[] = [];
    for (const [index, line] of text.split("\n").entries()) {
      const words = line.trim().split(/\s+/);
      if (words[0] === "" || words[0]?.startsWith("#") === true) continue;
      const marker = words[0]?.startsWith("@") === true ? words.shift() : undefined;
      if (marker === "@cert-authority") continue;
      const [names, keyType, encoded] = words;
      const key = Buffer.from(encoded ?? "", "base64");
      const known = marker === undefined || marker === "@revoked";
      if (!known || names === undefined || keyType === undefined || innerType(key) !== keyType) {
        return fail("terminal", "known_hosts_unreadable", `${file}:${index + 1}: this is no known_hosts line.`);
      }
      keys.push({ marker: marker === undefined ? undefined : "revoked", names, keyType, key });
    }
    return ok(new KnownHosts(keys));
  }

  /** Key types pinned for the host, in the file's order; none: the host is unknown. */
  keyTypes(address: string, port: number): string[] {
    const own = this.#of(address, port).filter(({ marker }) => marker === undefined);
    return [...new Set(own.map(({ keyType }) => keyType))];
  }

  /**
   * Judges the key that a host showed. Failures, all `terminal`: `host_key_revoked`, `host_key_unknown` (nothing pinned),
   * `host_key_mismatch` (something else is pinned: an attack, or a host made anew).
   */
  judge(address: string, port: number, shown: Buffer): Outcome<void> {
    const known = this.#of(address, port);
    const place = nameOf(address, port);
    const same = known.filter(({ key }) => key.length === shown.length && timingSafeEqual(key, shown));
    if (same.some(({ marker }) => marker === "revoked")) {
      return fail("terminal", "host_key_revoked", `${place} showed the revoked key ${fingerprint(shown)}.`);
    }
    if (same.length > 0) return ok();
    const pinned = known.filter(({ marker }) => marker === undefined);
    if (pinned.length === 0) return fail("terminal", "host_key_unknown", `No host key is pinned for ${place}.`);
    const expected = pinned.map(({ key }) => fingerprint(key)).join(", ");
    return fail(
      "terminal",
      "host_key_mismatch",
      `${place} showed the host key ${fingerprint(shown)}; pinned is ${expected}.`,
    );
  }

  #of(address: string, port: number): KnownKey[] {
    const name = nameOf(address, port);
    return this.#keys.filter(({ names }) => matches(names, name));
  }
}

/** As `ssh-keygen -l` prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

/** The name that a known_hosts file has for a host: `host`, or `[host]:port` when the port is not 22. */
function nameOf(address: string, port: number): string {
  const lower = address.toLowerCase();
  return port === 22 ? lower : `[${lower}]:${port}`;
}

function matches(names: string, name: string): boolean {
  if (names.startsWith("|1|")) return matchesHash(names, name);
  let found = false;
  for (const pattern of names.toLowerCase().split(",")) {
    if (pattern.startsWith("!")) {
      if (matchesPattern(pattern.slice(1), name)) return false;
    } else if (matchesPattern(pattern, name)) found = true;
  }
  return found;
}

function matchesHash(names: string, name: string): boolean {
  const [, , salt = "", hash = ""] = names.split("|");
  const expected = Buffer.from(hash, "base64");
  const actual = createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest();
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

/** `*` is any text and `?` any one character; nothing else is special. */
function matchesPattern(pattern: string, name: string): boolean {
  const expression = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${expression}$`, "s").test(name);
}

/** A key blob begins with its own type (RFC 4253, section 6.6). */
function innerType(key: Buffer): string | undefined {
  if (key.length < 4) return undefined;
  const length = key.readUInt32BE(0);
  return length > key.length - 4 ? undefined : key.toString("latin1", 4, 4 + length);
}
