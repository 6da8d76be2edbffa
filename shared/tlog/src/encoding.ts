import { type Checked, passed, refused } from "./checked.ts";

/**
 * The few encodings that every C2SP format is made of, each with exactly one spelling per value. A second spelling of
 * the same value would be a byte that can be changed without anybody noticing.
 */

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Valid UTF-8 only; a byte order mark is kept as the character that it is. */
export function decodeUtf8(bytes: Uint8Array): Checked<string> {
  try {
    return passed(utf8.decode(bytes));
  } catch {
    return refused("not valid UTF-8");
  }
}

export function encodeUtf8(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** Standard base64 with padding (RFC 4648 section 4), refusing stray characters and non-zero trailing bits. */
export function decodeBase64(text: string): Checked<Uint8Array> {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? passed(bytes) : refused("not canonical base64");
}

/** An ASCII decimal without sign or leading zeroes, up to 2^53 - 1 so that a number holds it exactly. */
export function decodeDecimal(text: string): Checked<number> {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return refused("not a decimal number without leading zeroes");
  const value = Number(text);
  return Number.isSafeInteger(value) ? passed(value) : refused("larger than 2^53 - 1");
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && Buffer.compare(a, b) === 0;
}

/** Index of the first byte in which the two differ, the shorter length when one begins the other, or -1 when equal. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  if (equalBytes(a, b)) return -1;
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at++) if (a[at] !== b[at]) return at;
  return shorter;
}
