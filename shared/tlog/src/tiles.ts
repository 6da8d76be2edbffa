import { type Checked, passed, refused } from "./checked.ts";
import { type Hash, hashBytes } from "./merkle.ts";

/**
 * Names and contents of the files of a tiled log (c2sp.org/tlog-tiles). A tile holds up to 256 neighbouring hashes of
 * one level, 256^level entries under each; an entry bundle holds the entries under a tile of level 0.
 */

/** Hashes in a full tile, and entries in a full bundle. */
export const tileWidth = 256;

/** An entry's length is written in 16 bits. */
export const entryBytesMax = 65_535;

export type TileLevel = number | "entries";

/** `width` is 256 for a full tile and 1 to 255 for a partial one. */
export interface TileName {
  readonly level: TileLevel;
  readonly index: number;
  readonly width: number;
}

/** 1234067 as `x001/x234/067`, so that no folder holds more than a thousand files and no file stands where a folder has to be. */
export function encodeTileIndex(index: number): string {
  const groups: string[] = [];
  let rest = index;
  do {
    groups.unshift(String(rest % 1000).padStart(3, "0"));
    rest = Math.floor(rest / 1000);
  } while (rest > 0);
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
}

export function tilePath({ level, index, width }: TileName): string {
  const full = `tile/${level}/${encodeTileIndex(index)}`;
  return width === tileWidth ? full : `${full}.p/${width}`;
}

/** Folder of the partial forms of a tile. */
export function partialFolder(level: TileLevel, index: number): string {
  return `${tilePath({ level, index, width: tileWidth })}.p`;
}

/** Reads a tile's path back; only the one spelling that `tilePath` gives. */
export function parseTilePath(path: string): Checked<TileName> {
  const match = /^tile\/([^/]+)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([0-9]+))?$/.exec(path);
  const [, levelPart = "", indexPart = "", widthPart] = match ?? [];
  const level = levelPart === "entries" ? levelPart : Number(levelPart);
  const index = Number(indexPart.replaceAll(/[x/]/g, ""));
  const width = widthPart === undefined ? tileWidth : Number(widthPart);
  const inRange = (level === "entries" || (level >= 0 && level <= 63)) && Number.isSafeInteger(index);
  const isWidth = widthPart === undefined || (width >= 1 && width < tileWidth);
  if (match === null || !inRange || !isWidth || tilePath({ level, index, width }) !== path) {
    return refused(`${path} is not the path of a tile`);
  }
  return passed({ level, index, width });
}

/** How many hashes level `level` has in a tree of `size`, over all its tiles. */
export function levelWidth(size: number, level: number): number {
  return Math.floor(size / tileWidth ** level);
}

/** The width that tile `index` of a level with `count` hashes has, 0 when the tree does not reach it. */
export function widthOfTile(count: number, index: number): number {
  return Math.max(0, Math.min(tileWidth, count - index * tileWidth));
}

/** Every tile, full and partial, that a tree of `size` consists of, without the bundles. */
export function tilesOf(size: number): TileName[] {
  const names: TileName[] = [];
  for (let level = 0; levelWidth(size, level) > 0; level++) {
    const count = levelWidth(size, level);
    for (let index = 0; index * tileWidth < count; index++) {
      names.push({ level, index, width: widthOfTile(count, index) });
    }
  }
  return names;
}

export function formatTile(hashes: readonly Hash[]): Uint8Array {
  return Buffer.concat(hashes);
}

/** Splits a tile into hashes; a trailing part of a hash comes back as `torn`. */
export function splitTile(bytes: Uint8Array): { readonly hashes: Hash[]; readonly torn: boolean } {
  const hashes: Hash[] = [];
  for (let at = 0; at + hashBytes <= bytes.length; at += hashBytes) hashes.push(bytes.subarray(at, at + hashBytes));
  return { hashes, torn: bytes.length % hashBytes !== 0 };
}

/** Entries, each behind its length in two bytes, big-endian. Each entry has at most `entryBytesMax` bytes. */
export function formatBundle(entries: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const entry of entries) parts.push(Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry);
  return Buffer.concat(parts);
}

/** Splits a bundle into entries; `torn` when the last one is cut short. Views into `bytes`, not copies. */
export function splitBundle(bytes: Uint8Array): { readonly entries: Uint8Array[]; readonly torn: boolean } {
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    const end = at + 2 + length;
    if (end > bytes.length) return { entries, torn: true };
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return { entries, torn: false };
}
