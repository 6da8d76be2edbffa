import type { AuditProof } from "../../src/wire.ts";

/** What a browser found by itself about an entry and its proof. */
export type Check = { readonly ok: true; readonly says: string } | { readonly ok: false; readonly says: string };

/**
 * Checks with WebCrypto alone that the checkpoint is signed by the log's key, and that the entry's hash leads to the checkpoint's root
 * (RFC 9162, section 2.1.3.2). Everything is computed from the bytes that were sent; the server's word counts for nothing but the key.
 */
export async function checkProof(proof: AuditProof): Promise<Check> {
  const split = proof.checkpoint.lastIndexOf("\n\n");
  if (split < 0) return { ok: false, says: "The checkpoint has no signatures." };
  const text = proof.checkpoint.slice(0, split + 1);
  const [origin, sizeText = "", rootText = ""] = text.split("\n");
  const { verifier } = proof;
  if (origin !== verifier.name)
    return { ok: false, says: `The checkpoint is of ${origin ?? "nobody"}, not of ${verifier.name}.` };
  const signature = signatureIn(proof.checkpoint.slice(split + 2), verifier.name, verifier.keyIdHex);
  if (signature === undefined || !(await isSigned(text, signature, bytesOf(verifier.publicKey))))
    return { ok: false, says: "The checkpoint is not signed by the log's key." };
  const size = Number(sizeText);
  const leaf = await sha256(Uint8Array.of(0), bytesOf(proof.entry));
  const root = await rootBy(proof.index, size, leaf, proof.hashes.map(bytesOf));
  if (root === undefined) return { ok: false, says: "The proof has the wrong length for its place in the log." };
  if (base64Of(root) !== rootText)
    return {
      ok: false,
      says: "The entry's hash does not lead to the signed root: these are not the bytes that were logged.",
    };
  return {
    ok: true,
    says: `Entry ${proof.index} is in ${verifier.name} as signed at ${size} entries. Computed in this browser.`,
  };
}

/** Follows the path from a leaf upwards. Nothing when the path is too short or too long. */
async function rootBy(
  index: number,
  size: number,
  leaf: Uint8Array<ArrayBuffer>,
  path: readonly Uint8Array<ArrayBuffer>[],
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!Number.isSafeInteger(size) || index >= size) return undefined;
  let at = index;
  let last = size - 1;
  let node = leaf;
  for (const sibling of path) {
    if (last === 0) return undefined;
    if (at % 2 === 1 || at === last) {
      node = await sha256(Uint8Array.of(1), sibling, node);
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = Math.floor(last / 2);
      }
    } else node = await sha256(Uint8Array.of(1), node, sibling);
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? node : undefined;
}

/** The signature of a key in a note's signature lines: an em dash, the name, and base64 of key id and signature. */
function signatureIn(lines: string, name: string, keyIdHex: string): Uint8Array<ArrayBuffer> | undefined {
  for (const line of lines.split("\n")) {
    const [dash, signer, encoded = ""] = line.split(" ");
    if (dash !== "\u2014" || signer !== name) continue;
    const bytes = bytesOf(encoded);
    const id = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    if (id === keyIdHex) return bytes.slice(4);
  }
  return undefined;
}

async function isSigned(
  text: string,
  signature: Uint8Array<ArrayBuffer>,
  publicKey: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  return await crypto.subtle.verify("Ed25519", key, signature, new TextEncoder().encode(text));
}

async function sha256(...parts: readonly Uint8Array<ArrayBuffer>[]): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob([...parts]).arrayBuffer()));
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
