import { type Checked, passed, refused } from "./checked.ts";
import { decodeBase64, decodeDecimal, decodeUtf8, encodeBase64, equalBytes } from "./encoding.ts";
import { emptyRoot, type Hash, hashBytes } from "./merkle.ts";
import type { NoteVerifier } from "./note-key.ts";
import { openNote, type OpenedNote } from "./note.ts";

/**
 * Checkpoints (c2sp.org/tlog-checkpoint): a signed note whose text says which log, how many entries, and which root.
 *
 * Anybody can check one without this package. With `public.pem` from `publicKeyPem`:
 *
 *     sed '/^$/,$d' checkpoint > body
 *     tail -n 1 checkpoint | cut -d ' ' -f 3 | base64 -d | tail -c +5 > signature
 *     openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in body -sigfile signature
 */
export interface Checkpoint {
  /** Which log this is; the name of its key. */
  readonly origin: string;
  /** Number of entries. */
  readonly size: number;
  readonly root: Hash;
  /** Opaque further lines, without their newlines. Discouraged by the specification, because nobody audits them. */
  readonly extensions: readonly string[];
}

export interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly note: OpenedNote;
}

/** The note text of a checkpoint; always ends in a newline. */
export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  return [origin, String(size), encodeBase64(root), ...extensions, ""].join("\n");
}

export function parseCheckpoint(text: string): Checked<Checkpoint> {
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
export function parseUnsigned(bytes: Uint8Array): Checked<Checkpoint> {
  const text = decodeUtf8(bytes);
  return text.ok ? parseCheckpoint(text.value) : text;
}

/**
 * A checkpoint that its log signed. `known` holds the keys of logs and witnesses; among those that signed there has to
 * be a log's whose name is the origin line, or the checkpoint could be another log's.
 */
export function openCheckpoint(bytes: Uint8Array, known: readonly NoteVerifier[]): Checked<OpenedCheckpoint> {
  const note = openNote(bytes, known);
  if (!note.ok) return note;
  const checkpoint = parseCheckpoint(note.value.text);
  if (!checkpoint.ok) return checkpoint;
  const { origin } = checkpoint.value;
  const logSigned = note.value.signedBy.some(({ verifier }) => verifier.role === "log" && verifier.name === origin);
  if (!logSigned) return refused(`the checkpoint of ${origin} is not signed by a known key of that log`);
  return passed({ checkpoint: checkpoint.value, note: note.value });
}
