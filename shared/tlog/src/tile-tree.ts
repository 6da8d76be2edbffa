import { type Checked, passed, refused } from "./checked.ts";
import {
  consistencyRanges,
  emptyRoot,
  foldPeaks,
  type Hash,
  inclusionRanges,
  type LeafRange,
  perfectNodes,
  type TreeNode,
} from "./merkle.ts";
import { levelWidth, splitTile, tilePath, tileWidth, widthOfTile } from "./tiles.ts";

/** Whatever gives the bytes of a file of the log by its path: a folder, an archive, an HTTP server. */
export interface TileSource {
  /** `undefined` when there is no such file; any other trouble throws. */
  read(path: string): Promise<Uint8Array | undefined>;
}

/**
 * The tree of a log of a given size, read from its tiles as needed. What comes out is only as good as the tiles: compare
 * `root` with a checkpoint, or check the proofs, before believing it. Tiles once read are kept, so let go of an instance
 * after use.
 */
export class TileTree {
  readonly size: number;
  readonly #source: TileSource;
  readonly #tiles = new Map<string, readonly Hash[]>();

  constructor(source: TileSource, size: number) {
    this.#source = source;
    this.size = size;
  }

  /** The root of the first `size` entries; by default of all. */
  async root(size = this.size): Promise<Checked<Hash>> {
    if (size > this.size) return refused(`the log has ${this.size} entries, not ${size}`);
    return size === 0 ? passed(emptyRoot) : this.#rangeHash({ from: 0, to: size });
  }

  async leaf(index: number): Promise<Checked<Hash>> {
    if (index >= this.size) return refused(`the log has ${this.size} entries, there is none at ${index}`);
    return this.perfectSubtree({ height: 0, index });
  }

  /** The inclusion proof of entry `index` in the tree of the first `size` entries (RFC 9162 section 2.1.3.1). */
  async inclusionProof(index: number, size = this.size): Promise<Checked<Hash[]>> {
    if (size > this.size || index >= size) {
      return refused(`no inclusion proof for entry ${index} of ${size} in a log of ${this.size}`);
    }
    return this.#hashes(inclusionRanges(index, size));
  }

  /** The consistency proof between two sizes, `0 < oldSize <= newSize` (RFC 9162 section 2.1.4.1). */
  async consistencyProof(oldSize: number, newSize = this.size): Promise<Checked<Hash[]>> {
    if (oldSize < 1 || oldSize > newSize || newSize > this.size) {
      return refused(`no consistency proof from ${oldSize} to ${newSize} in a log of ${this.size}`);
    }
    return this.#hashes(consistencyRanges(oldSize, newSize));
  }

  async #hashes(ranges: readonly LeafRange[]): Promise<Checked<Hash[]>> {
    const hashes: Hash[] = [];
    for (const range of ranges) {
      const found = await this.#rangeHash(range);
      if (!found.ok) return found;
      hashes.push(found.value);
    }
    return passed(hashes);
  }

  async #rangeHash(range: LeafRange): Promise<Checked<Hash>> {
    const peaks: Hash[] = [];
    for (const node of perfectNodes(range)) {
      const found = await this.perfectSubtree(node);
      if (!found.ok) return found;
      peaks.push(found.value);
    }
    return passed(foldPeaks(peaks));
  }

  /** The hash of a perfect subtree: 2^(height mod 8) neighbouring hashes of the tile level below it, folded. */
  async perfectSubtree({ height, index }: TreeNode): Promise<Checked<Hash>> {
    const level = Math.floor(height / 8);
    const span = 2 ** (height % 8);
    const first = index * span;
    const tile = await this.#tile(level, Math.floor(first / tileWidth));
    if (!tile.ok) return tile;
    const at = first % tileWidth;
    return passed(foldPerfect(tile.value.slice(at, at + span)));
  }

  /** A partial tile may have been deleted once it is full (c2sp.org/tlog-tiles, "Partial Tiles"), so the full one serves as well. */
  async #tile(level: number, index: number): Promise<Checked<readonly Hash[]>> {
    const width = widthOfTile(levelWidth(this.size, level), index);
    const path = tilePath({ level, index, width });
    const kept = this.#tiles.get(path);
    if (kept !== undefined) return passed(kept);
    const bytes =
      (await this.#source.read(path)) ?? (await this.#source.read(tilePath({ level, index, width: tileWidth })));
    if (bytes === undefined) return refused(`${path} is missing`);
    const { hashes, torn } = splitTile(bytes);
    if (torn || hashes.length < width) return refused(`${path} does not hold ${width} whole hashes`);
    this.#tiles.set(path, hashes);
    return passed(hashes);
  }
}

function foldPerfect(hashes: readonly Hash[]): Hash {
  if (hashes.length <= 2) return foldPeaks(hashes);
  const middle = hashes.length / 2;
  return foldPeaks([foldPerfect(hashes.slice(0, middle)), foldPerfect(hashes.slice(middle))]);
}
