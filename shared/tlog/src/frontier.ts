import { CompactRange, type Hash, hashLeaf } from "./merkle.ts";
import { formatBundle, formatTile, type TileName, tileWidth } from "./tiles.ts";

/**
 * The growing edge of a tiled log: whatever the next entry's files depend on, at most 255 entries and 255 hashes of each
 * level. `extend` says which files a batch of entries adds; writer and verifier both call it, so that a log is verified
 * by making its files again.
 */
export interface Frontier {
  readonly size: number;
  readonly range: CompactRange;
  /** The hashes of each level's partial tile, level 0 first. */
  readonly levels: readonly (readonly Hash[])[];
  /** The entries of the partial bundle. */
  readonly entries: readonly Uint8Array[];
}

export interface TileFile {
  readonly name: TileName;
  readonly bytes: Uint8Array;
}

export const emptyFrontier: Frontier = { size: 0, range: new CompactRange(), levels: [], entries: [] };

/**
 * The log after `added`, and the files that hold it beyond what the log before had: every tile and bundle that became
 * full, and the last partial one of each level that changed. Leaves the given frontier as it was.
 * `leaves` are the entries' hashes, for callers that have them already.
 */
export function extend(
  frontier: Frontier,
  added: readonly Uint8Array[],
  leaves: readonly Hash[] = added.map(hashLeaf),
): { next: Frontier; files: TileFile[] } {
  const range = frontier.range.copy();
  const levels = frontier.levels.map((hashes) => [...hashes]);
  let entries = [...frontier.entries];
  const files: TileFile[] = [];
  const changed = new Set<number>();
  const push = (level: number, hash: Hash): void => {
    const hashes = (levels[level] ??= []);
    hashes.push(hash);
    changed.add(level);
    if (hashes.length < tileWidth) return;
    const index = range.size / tileWidth ** (level + 1);
    files.push({ name: { level, index: Math.floor(index), width: tileWidth }, bytes: formatTile(hashes) });
    levels[level] = [];
  };
  for (const [at, leaf] of leaves.entries()) {
    entries.push(added[at] ?? new Uint8Array(0));
    if (entries.length === tileWidth) {
      const index = Math.floor(range.size / tileWidth);
      files.push({ name: { level: "entries", index, width: tileWidth }, bytes: formatBundle(entries) });
      entries = [];
    }
    push(0, leaf);
    range.append(leaf, (height, node) => {
      if (height % 8 === 0) push(height / 8, node);
    });
  }
  const next = { size: range.size, range, levels, entries };
  if (added.length > 0) files.push(...partialFiles(next, changed));
  return { next, files };
}

function partialFiles({ size, levels, entries }: Frontier, changed: ReadonlySet<number>): TileFile[] {
  const files: TileFile[] = [];
  const last = Math.floor(size / tileWidth);
  if (entries.length > 0) {
    const name = { level: "entries", index: last, width: entries.length } as const;
    files.push({ name, bytes: formatBundle(entries) });
  }
  for (const level of changed) {
    const hashes = levels[level] ?? [];
    const index = Math.floor(size / tileWidth ** (level + 1));
    if (hashes.length > 0) files.push({ name: { level, index, width: hashes.length }, bytes: formatTile(hashes) });
  }
  return files;
}
