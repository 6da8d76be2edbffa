import { type Checked, passed, refused } from "./checked.ts";
import { openCheckpoint, type OpenedCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import { decodeBase64, decodeDecimal, decodeUtf8, encodeBase64, encodeUtf8 } from "./encoding.ts";
import { type Hash, hashBytes, hashLeaf, verifyInclusion } from "./merkle.ts";
import type { NoteVerifier } from "./note-key.ts";
import { parseNote } from "./note.ts";
import { openWitnessed, type Policy } from "./policy.ts";
import type { TileTree } from "./tile-tree.ts";

/**
 * Proof files for single entries (c2sp.org/tlog-proof), to be kept beside what they prove as `.tlog-proof`. With the
 * log's key, and a policy where witnesses count, one proves offline and for ever that the entry was logged.
 *
 *     c2sp.org/tlog-proof@v1
 *     index 3
 *     gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
 *
 *     example.com/log
 *     …
 */

/** A proof file, taken apart. */
export interface EntryProof {
  readonly index: number;
  /** From the leaf's sibling upwards. */
  readonly hashes: readonly Hash[];
  /** The signed checkpoint, as it is. */
  readonly checkpoint: string;
  /** Anything the application wants beside the proof. Nothing vouches for it. */
  readonly extra?: Uint8Array;
}

const header = "c2sp.org/tlog-proof@v1";

/** A path from leaf to root has no more steps than the size has binary digits. */
const hashesMax = 63;

export function formatProof({ index, hashes, checkpoint, extra }: EntryProof): string {
  const extraLines = extra === undefined ? [] : [`extra ${encodeBase64(extra)}`];
  return [header, ...extraLines, `index ${index}`, ...hashes.map(encodeBase64), "", checkpoint].join("\n");
}

/** Parses the form alone; `verifyProof` says what it proves. */
export function parseProof(bytes: Uint8Array): Checked<EntryProof> {
  const text = decodeUtf8(bytes);
  if (!text.ok) return refused(`the proof is ${text.reason}`);
  const blank = text.value.indexOf("\n\n");
  if (blank < 0) return refused("the proof has no empty line before its checkpoint");
  const checkpoint = text.value.slice(blank + 2);
  const [first, ...lines] = text.value.slice(0, blank).split("\n");
  if (first !== header) return refused(`the proof does not start with the line ${header}`);
  const extra = lines[0]?.startsWith("extra ") === true ? decodeBase64(lines.shift()?.slice(6) ?? "") : undefined;
  if (extra !== undefined && !extra.ok) return refused(`extra line: ${extra.reason}`);
  const indexLine = lines.shift() ?? "";
  if (!indexLine.startsWith("index ")) return refused("the proof has no index line");
  const index = decodeDecimal(indexLine.slice("index ".length));
  if (!index.ok) return refused(`index line: ${index.reason}`);
  if (lines.length > hashesMax) return refused(`the proof has more than ${hashesMax} hashes`);
  const hashes: Hash[] = [];
  for (const line of lines) {
    const hash = decodeBase64(line);
    if (!hash.ok || hash.value.length !== hashBytes) return refused(`proof line ${line} is not a hash in base64`);
    hashes.push(hash.value);
  }
  return passed({ index: index.value, hashes, checkpoint, ...(extra && { extra: extra.value }) });
}

/** Makes the proof of an entry under a checkpoint of at most the tree's size, which has to be the tree's own. */
export async function proveEntry(tree: TileTree, index: number, checkpoint: string): Promise<Checked<EntryProof>> {
  const note = parseNote(encodeUtf8(checkpoint));
  const parsed = note.ok ? parseCheckpoint(note.value.text) : note;
  if (!parsed.ok) return parsed;
  const hashes = await tree.inclusionProof(index, parsed.value.size);
  if (!hashes.ok) return hashes;
  const leaf = await tree.leaf(index);
  if (!leaf.ok) return leaf;
  const { size, root } = parsed.value;
  const holds = verifyInclusion({ index, size, leaf: leaf.value, proof: hashes.value, root });
  return holds.ok ? passed({ index, hashes: hashes.value, checkpoint }) : holds;
}

/** Who has to have signed: any one of these logs, or whatever a policy demands. */
export type Trust = readonly NoteVerifier[] | Policy;

/** Checks that `entry` is in the log at the proof's index, and returns the checkpoint that says so. */
export function verifyProof(proof: EntryProof, entry: Uint8Array, trust: Trust): Checked<OpenedCheckpoint> {
  const note = encodeUtf8(proof.checkpoint);
  const opened = "quorum" in trust ? openWitnessed(note, trust) : openCheckpoint(note, trust);
  if (!opened.ok) return opened;
  const { size, root } = opened.value.checkpoint;
  const leaf = hashLeaf(entry);
  const included = verifyInclusion({ index: proof.index, size, leaf, proof: proof.hashes, root });
  return included.ok ? opened : included;
}
