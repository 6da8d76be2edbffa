import { type Checked, passed, refused } from "./checked.ts";
import { decodeBase64, decodeUtf8, encodeBase64, encodeUtf8, equalBytes } from "./encoding.ts";
import { hasControlCharacter, isKeyName, type NoteSigner, type NoteVerifier } from "./note-key.ts";

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
export interface NoteSignature {
  readonly name: string;
  readonly id: number;
  readonly signature: Uint8Array;
  /** The whole line with its newline, to be copied unchanged. */
  readonly line: string;
}

/** A note whose form is right. Nothing about its text may be believed before `openNote` has checked a signature. */
export interface SignedNote {
  /** Ends in a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface OpenedNote {
  readonly text: string;
  /** The known keys that signed, each once, with their signature. Never empty. */
  readonly signedBy: readonly { readonly verifier: NoteVerifier; readonly signature: NoteSignature }[];
}

/** A note is refused beyond these; the specification asks for at least 16 signatures of up to 5 kB. */
export const noteLimits = { bytes: 1_000_000, signatures: 100 } as const;

const signatureStart = "\u2014 ";

/** Splits a note into text and signatures, refusing everything that the specification's "Format" forbids. */
export function parseNote(bytes: Uint8Array): Checked<SignedNote> {
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
export function parseSignatureLines(block: string): Checked<NoteSignature[]> {
  if (block === "") return passed([]);
  if (!block.endsWith("\n")) return refused("the last signature line has no newline");
  const lines = block.slice(0, -1).split("\n");
  if (lines.length > noteLimits.signatures)
    return refused(`the note has more than ${noteLimits.signatures} signatures`);
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const parsed = parseSignatureLine(line);
    if (!parsed.ok) return parsed;
    signatures.push(parsed.value);
  }
  return passed(signatures);
}

function parseSignatureLine(line: string): Checked<NoteSignature> {
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
export function openNote(bytes: Uint8Array, known: readonly NoteVerifier[]): Checked<OpenedNote> {
  const note = parseNote(bytes);
  if (!note.ok) return note;
  const signedBy = checkSignatures(note.value.text, note.value.signatures, known);
  if (!signedBy.ok) return signedBy;
  if (signedBy.value.length === 0) return refused("the note is not signed by any known key");
  return passed({ text: note.value.text, signedBy: signedBy.value });
}

/** As `openNote`, for lines that are not at the end of their text yet. An empty result is not a refusal here. */
export function checkSignatures(
  text: string,
  signatures: readonly NoteSignature[],
  known: readonly NoteVerifier[],
): Checked<OpenedNote["signedBy"]> {
  const signedBy: { verifier: NoteVerifier; signature: NoteSignature }[] = [];
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
export function signatureLine(text: string, signer: NoteSigner): string {
  return formatSignatureLine(signer.verifier, signer.sign(text));
}

/** The line for a signature that was made elsewhere; the bytes behind the key id. */
export function formatSignatureLine({ name, id }: NoteVerifier, signature: Uint8Array): string {
  const keyId = Buffer.alloc(4);
  keyId.writeUInt32BE(id);
  return `${signatureStart}${name} ${encodeBase64(Buffer.concat([keyId, signature]))}\n`;
}

/** Signs a text, which has to be fit for a note: ending in a newline and without control characters. */
export function signNote(text: string, signers: readonly NoteSigner[]): Checked<string> {
  const note = `${text}\n${signers.map((signer) => signatureLine(text, signer)).join("")}`;
  const parsed = parseNote(encodeUtf8(note));
  if (!parsed.ok) return parsed;
  return parsed.value.text === text ? passed(note) : refused("the text of a note ends in a newline");
}

/** The note with the good cosignature lines of known witnesses added, each witness's newest only. */
export function mergeCosignatures(note: string, lines: string, witnesses: readonly NoteVerifier[]): Checked<string> {
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
