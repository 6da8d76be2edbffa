import { type Checked, passed, refused } from "./checked.ts";
import { encodeBase64, equalBytes } from "./encoding.ts";
import type { FolderReader } from "./disk-reader.ts";
import type { Files } from "./files.ts";
import type { Frontier } from "./frontier.ts";
import { CompactRange, type Hash, hashLeaf, perfectNodes } from "./merkle.ts";
import { TileTree } from "./tile-tree.ts";
import { levelWidth, partialFolder, splitBundle, splitTile, tilePath, tileWidth } from "./tiles.ts";
import type { TileLevel } from "./tiles.ts";

/** What opening a log reads back from its folder, and what it clears away. */

/** A batch is at most this long, so that a crash leaves files only within this distance behind the persisted size. */
export const batchEntriesMax = 16_384;

/**
 * The growing edge of a log of `size` entries, read from its partial tiles and its partial bundle. Refused when these do
 * not add up to `root`; damage further back is the verifier's to find.
 */
export async function loadFrontier(files: FolderReader, size: number, root: Hash): Promise<Checked<Frontier>> {
  const levels: Hash[][] = [];
  for (let level = 0; levelWidth(size, level) > 0; level++) {
    const bytes = await readPartial(files, level, size);
    if (!bytes.ok) return bytes;
    levels.push(splitTile(bytes.value).hashes.slice(0, levelWidth(size, level) % tileWidth));
  }
  const bundle = await readPartial(files, "entries", size);
  if (!bundle.ok) return bundle;
  const entries = splitBundle(bundle.value).entries.slice(0, size % tileWidth);
  const leaves = levels[0] ?? [];
  const odd = leaves.findIndex((leaf, at) => !equalBytes(leaf, hashLeaf(entries[at] ?? new Uint8Array(0))));
  if (odd >= 0) return refused(`entry ${size - leaves.length + odd} and its hash in the tile do not match`);
  const peaks = await loadPeaks(files, size);
  if (!peaks.ok) return peaks;
  const range = new CompactRange(size, peaks.value);
  if (!equalBytes(range.root(), root)) {
    return refused(`the tiles give the root ${encodeBase64(range.root())} instead of ${encodeBase64(root)}`);
  }
  return passed({ size, range, levels, entries });
}

async function loadPeaks(files: FolderReader, size: number): Promise<Checked<Hash[]>> {
  const tree = new TileTree(files, size);
  const peaks: Hash[] = [];
  for (const { height, index } of perfectNodes({ from: 0, to: size })) {
    const peak = await tree.perfectSubtree({ height, index });
    if (!peak.ok) return peak;
    peaks.push(peak.value);
  }
  return passed(peaks);
}

/** The bytes of the last tile of a level when it is partial, none when the level ends with a full one. */
async function readPartial(files: FolderReader, level: TileLevel, size: number): Promise<Checked<Uint8Array>> {
  const count = level === "entries" ? size : levelWidth(size, level);
  const width = count % tileWidth;
  if (width === 0) return passed(new Uint8Array(0));
  const index = Math.floor(count / tileWidth);
  const path = tilePath({ level, index, width });
  const bytes = await files.read(path);
  if (bytes === undefined) return refused(`${path} is missing`);
  const held = level === "entries" ? splitBundle(bytes).entries.length : bytes.length / 32;
  return held === width ? passed(bytes) : refused(`${path} does not hold ${width} whole items`);
}

/**
 * Removes what a writer left behind that was stopped before it persisted a larger size: files that hold anything at or
 * beyond `size`. Nobody was ever told of their contents, and the next batch will want their names.
 */
export async function removeStrays(files: Files, size: number): Promise<void> {
  await removeLevelStrays(files, "entries", size, size + batchEntriesMax);
  for (let level = 0; levelWidth(size + batchEntriesMax, level) > 0; level++) {
    await removeLevelStrays(files, level, levelWidth(size, level), levelWidth(size + batchEntriesMax, level));
  }
}

async function removeLevelStrays(files: Files, level: TileLevel, count: number, countMax: number): Promise<void> {
  for (let index = Math.floor(count / tileWidth); index * tileWidth < countMax; index++) {
    await files.remove(tilePath({ level, index, width: tileWidth }));
    const folder = partialFolder(level, index);
    for (const name of await files.list(folder)) {
      if (index * tileWidth + Number(name) > count) await files.remove(`${folder}/${name}`);
    }
  }
}
