import type { FolderReader } from "./disk-reader.ts";
import { firstDifference } from "./encoding.ts";
import { type Hash, hashBytes, hashLeaf } from "./merkle.ts";
import {
  formatBundle,
  formatTile,
  partialFolder,
  splitBundle,
  type TileLevel,
  type TileName,
  tilePath,
  tileWidth,
} from "./tiles.ts";

/** Where a log stops being what was signed. */
export interface Problem {
  /** The first entry that is bad, missing or beyond what is there. */
  readonly index?: number;
  /** Where no single entry can be named: the first signed size that the entries do not give the root of. */
  readonly size?: number;
  /** The file in which it shows, relative to the log. */
  readonly file: string;
  readonly reason: string;
}

export interface CheckedBundle {
  readonly entries: readonly Uint8Array[];
  /** Their hashes. */
  readonly leaves: readonly Hash[];
  readonly problem?: Problem | undefined;
}

/**
 * The entries of a bundle that has to hold `width` of them, held against their tile and against every earlier partial
 * form of both. Of several problems the one of the smallest index is returned. `leafIsSigned` tells whether the
 * hash that the tiles have for an entry leads to the signed root, which settles whether the entry or its hash was changed.
 */
export async function checkBundle(
  files: FolderReader,
  index: number,
  width: number,
  leafIsSigned: (index: number) => Promise<boolean>,
): Promise<CheckedBundle> {
  const bundle = await readWidest(files, "entries", index, width);
  const { entries: found, torn } = splitBundle(bundle.bytes);
  const entries = found.slice(0, width);
  const first = index * tileWidth;
  const problems: Problem[] = [];
  const report = (at: number, file: string, reason: string): void => {
    problems.push({ index: first + at, file, reason });
  };
  if (entries.length < width) {
    report(entries.length, bundle.path, bundle.complete ? "ends before its last entry" : "is missing");
  } else if (bundle.exact && (found.length > width || torn)) {
    report(width - 1, bundle.path, "goes on after its last entry");
  }
  const tile = await readWidest(files, 0, index, width);
  const leaves = entries.map(hashLeaf);
  const expected = formatTile(leaves);
  const held = tile.bytes.subarray(0, width * hashBytes);
  const differs = firstDifference(expected, held);
  if (differs >= 0 && differs < Math.min(expected.length, held.length)) {
    const at = Math.floor(differs / hashBytes);
    report(at, (await leafIsSigned(first + at)) ? bundle.path : tile.path, "entry and hash do not match");
  } else if (held.length < width * hashBytes) {
    report(Math.floor(held.length / hashBytes), tile.path, tile.complete ? "ends before its last hash" : "is missing");
  } else if (tile.exact && tile.bytes.length > held.length) {
    report(width - 1, tile.path, "goes on after its last hash");
  }
  const starts = entryStarts(entries);
  for (const { path, bytes, count } of await readPartials(files, "entries", index, entries.length, width)) {
    const at = firstDifference(formatBundle(entries.slice(0, count)), bytes);
    const entry = Math.min(
      starts.findLastIndex((start) => start <= at),
      count - 1,
    );
    if (at >= 0) report(entry, path, "differs from the bundle that followed it");
  }
  for (const { path, bytes, count } of await readPartials(files, 0, index, entries.length, width)) {
    const at = firstDifference(expected.subarray(0, count * hashBytes), bytes);
    if (at >= 0)
      report(Math.min(Math.floor(at / hashBytes), count - 1), path, "differs from the tile that followed it");
  }
  const [problem] = problems.toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0));
  return { entries, leaves, problem };
}

/** A tile of level 1 or above and its earlier partial forms, held against the hashes that follow from the entries. */
export async function checkHashes(
  files: FolderReader,
  { level, index, width }: TileName,
  expected: Uint8Array,
): Promise<Problem | undefined> {
  const tile = await readWidest(files, level, index, width);
  const at = firstDifference(expected, tile.exact ? tile.bytes : tile.bytes.subarray(0, expected.length));
  const entryOf = (hash: number): number => (index * tileWidth + hash) * tileWidth ** Number(level);
  if (at >= 0) {
    const hash = Math.min(Math.floor(at / hashBytes), width - 1);
    const reason = tile.complete ? "does not hold the hashes of the tiles below" : "is missing";
    return { index: entryOf(hash), file: tile.path, reason };
  }
  for (const { path, bytes, count } of await readPartials(files, level, index, width, width)) {
    const differs = firstDifference(expected.subarray(0, count * hashBytes), bytes);
    if (differs < 0) continue;
    const hash = Math.min(Math.floor(differs / hashBytes), count - 1);
    return { index: entryOf(hash), file: path, reason: "differs from the tile that followed it" };
  }
  return undefined;
}

interface FoundTile {
  /** The path that was asked for. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Whether a file of at least the full width was there; else `bytes` are those of the widest narrower one. */
  readonly complete: boolean;
  /** Whether it was the very file of this width, which must not hold anything more. */
  readonly exact: boolean;
}

/**
 * The file of a tile: under its own name, else as the full tile that it became, else, so that the first missing index
 * can be told, whatever narrower one is left.
 */
async function readWidest(files: FolderReader, level: TileLevel, index: number, width: number): Promise<FoundTile> {
  const path = tilePath({ level, index, width });
  const own = await files.read(path);
  if (own !== undefined) return { path, bytes: own, complete: true, exact: true };
  const full = await files.read(tilePath({ level, index, width: tileWidth }));
  if (full !== undefined) return { path, bytes: full, complete: true, exact: false };
  const narrower = await readPartials(files, level, index, width - 1, width);
  const bytes = narrower.at(-1)?.bytes ?? new Uint8Array(0);
  return { path, bytes, complete: false, exact: false };
}

interface PartialFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** The partial forms of a tile up to `countMax` wide, narrowest first, but not the one of `except`. */
async function readPartials(
  files: FolderReader,
  level: TileLevel,
  index: number,
  countMax: number,
  except: number,
): Promise<PartialFile[]> {
  const folder = partialFolder(level, index);
  const names = (await files.list(folder)).filter((name) => /^[1-9][0-9]{0,2}$/.test(name));
  const counts = names.map(Number).filter((count) => count <= countMax && count !== except && count < tileWidth);
  const partials: PartialFile[] = [];
  for (const count of counts.toSorted((a, b) => a - b)) {
    const path = `${folder}/${count}`;
    const bytes = await files.read(path);
    if (bytes !== undefined) partials.push({ path, bytes, count });
  }
  return partials;
}

/** Where in its bundle each entry's length prefix starts. */
function entryStarts(entries: readonly Uint8Array[]): number[] {
  const starts: number[] = [];
  let at = 0;
  for (const entry of entries) {
    starts.push(at);
    at += 2 + entry.length;
  }
  return starts;
}
