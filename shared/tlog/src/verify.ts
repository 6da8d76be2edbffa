import { passed } from "./checked.ts";
import { openCheckpoint, type OpenedCheckpoint, parseUnsigned } from "./checkpoint.ts";
import type { FolderReader } from "./disk-reader.ts";
import { encodeBase64, equalBytes } from "./encoding.ts";
import { emptyFrontier, extend, type Frontier, type TileFile } from "./frontier.ts";
import { type Hash, verifyInclusion } from "./merkle.ts";
import type { NoteVerifier } from "./note-key.ts";
import { openWitnessed, type Policy } from "./policy.ts";
import { versionNumbers } from "./state.ts";
import { TileTree } from "./tile-tree.ts";
import { formatTile, type TileName, tilePath, tileWidth, widthOfTile } from "./tiles.ts";
import { checkBundle, type CheckedBundle, checkHashes, type Problem } from "./verify-files.ts";

/**
 * Verifies a log from nothing but its folder: every entry, every tile, every root that anybody signed.
 *
 * The entries are the truth that everything else is computed from again. So the first thing that does not fit is found
 * at the smallest index where entries and tiles disagree, and where they agree with each other but not with a signature,
 * at the smallest signed size.
 */

/** What to verify, and against whose word. */
export interface VerifyOptions {
  readonly files: FolderReader;
  /** Keys of the log; those of the policy's logs count as well. */
  readonly logs: readonly NoteVerifier[];
  /** Demands a quorum of cosignatures on the log's checkpoint. */
  readonly policy?: Policy;
  /** Checkpoints seen earlier or elsewhere; the log has to begin with each of them. */
  readonly older?: readonly ShownCheckpoint[];
  /** What an entry has to be beside being in the log: a sentence on what is wrong with it, or nothing. In log order. */
  readonly check?: (index: number, entry: Uint8Array) => Promise<string | undefined> | string | undefined;
}

export interface ShownCheckpoint {
  /** For messages: a file name or wherever it came from. */
  readonly name: string;
  readonly note: Uint8Array;
}

export interface Verified {
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
  readonly checkpoint: OpenedCheckpoint;
  /** Names of the older checkpoints that the log begins with. */
  readonly begunBy: readonly string[];
}

export type Verdict =
  | { readonly ok: true; readonly value: Verified }
  | { readonly ok: false; readonly problem: Problem };

/** A size whose root somebody is bound to, and the file that says so. */
interface Anchor {
  readonly file: string;
  readonly size: number;
  readonly root: Hash;
}

/** Errors of the disk throw; everything about the log is in the verdict. */
export async function verifyLog(options: VerifyOptions): Promise<Verdict> {
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

type Anchors = { readonly ok: true; readonly value: Anchor[] } | { readonly ok: false; readonly problem: Problem };

function bad(problem: Problem): { readonly ok: false; readonly problem: Problem } {
  return { ok: false, problem };
}

/** The writer's own state, latest first, where the folder has it; a published copy of a log does without. */
async function readState(files: FolderReader, { checkpoint }: OpenedCheckpoint): Promise<Anchors> {
  const anchors: Anchor[] = [];
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

function readOlder(older: readonly ShownCheckpoint[], known: readonly NoteVerifier[], origin: string): Anchors {
  const anchors: Anchor[] = [];
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
  options: VerifyOptions,
  extent: number,
  anchors: readonly Anchor[],
  signed: { readonly size: number; readonly root: Hash },
): Promise<Problem | undefined> {
  const { files } = options;
  const leafIsSigned = async (index: number): Promise<boolean> => {
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
  { check }: VerifyOptions,
  first: number,
  entries: readonly Uint8Array[],
): Promise<Problem | undefined> {
  if (check === undefined) return undefined;
  for (const [at, entry] of entries.entries()) {
    const reason = await check(first + at, entry);
    const name = { level: "entries", index: Math.floor(first / tileWidth), width: entries.length } as const;
    if (reason !== undefined) return { index: first + at, file: tilePath(name), reason };
  }
  return undefined;
}

/** Grows the tree by a bundle, stopping at every size that somebody is bound to, and checks roots and higher tiles. */
async function advance(
  files: FolderReader,
  start: Frontier,
  { entries, leaves }: Pick<CheckedBundle, "entries" | "leaves">,
  anchors: readonly Anchor[],
): Promise<{ readonly frontier: Frontier; readonly problem?: Problem | undefined }> {
  const end = start.size + entries.length;
  const stops = new Set(anchors.map(({ size }) => size).filter((size) => size > start.size && size <= end));
  const grown: TileFile[] = [];
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

function isAboveLeaves({ level }: TileName): boolean {
  return level !== "entries" && level > 0;
}

/** The partial tiles above level 0 with which the log ends. */
async function checkUnfinished(files: FolderReader, { size, levels }: Frontier): Promise<Problem | undefined> {
  const tiles = levels.map((hashes, level) => ({
    name: { level, index: Math.floor(size / tileWidth ** (level + 1)), width: hashes.length },
    bytes: formatTile(hashes),
  }));
  return checkTiles(
    files,
    tiles.filter(({ name }) => isAboveLeaves(name) && name.width > 0),
  );
}

async function checkTiles(files: FolderReader, tiles: readonly TileFile[]): Promise<Problem | undefined> {
  for (const { name, bytes } of tiles) {
    const problem = await checkHashes(files, name, bytes);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
