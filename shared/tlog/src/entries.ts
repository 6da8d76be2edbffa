import type { TileSource } from "./tile-tree.ts";
import { splitBundle, tilePath, tileWidth, widthOfTile } from "./tiles.ts";

/** One bundle's entries of a log of `size`; fewer than there should be when the bundle is missing or cut. */
export async function readBundle(source: TileSource, index: number, size: number): Promise<Uint8Array[]> {
  const width = widthOfTile(size, index);
  const bytes =
    (await source.read(tilePath({ level: "entries", index, width }))) ??
    (await source.read(tilePath({ level: "entries", index, width: tileWidth })));
  return bytes === undefined ? [] : splitBundle(bytes).entries.slice(0, width);
}

/**
 * The entries of a log of `size` in order, beginning with entry `from`, one bundle in memory at a time. Ends early where
 * a bundle is missing or cut, so compare what came with `size`; whether it is what was signed is for `verifyLog` to say.
 */
export async function* readEntries(
  source: TileSource,
  size: number,
  from = 0,
): AsyncGenerator<{ readonly index: number; readonly entry: Uint8Array }> {
  for (let bundle = Math.floor(from / tileWidth); bundle * tileWidth < size; bundle++) {
    const first = bundle * tileWidth;
    const entries = await readBundle(source, bundle, size);
    for (const [at, entry] of entries.entries()) if (first + at >= from) yield { index: first + at, entry };
    if (entries.length < widthOfTile(size, bundle)) return;
  }
}
