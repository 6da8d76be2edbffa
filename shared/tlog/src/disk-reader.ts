import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TileSource } from "./tile-tree.ts";

/** Reading side of a folder. Paths are relative to it, with `/` between names. */
export interface FolderReader extends TileSource {
  /** Names in a folder, in no order; none when there is no such folder. */
  list(folder: string): Promise<string[]>;
}

/** `FolderReader` over a folder of this machine. */
export class DiskReader implements FolderReader {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    return absentAs(undefined, readFile(join(this.root, path)));
  }

  async list(folder: string): Promise<string[]> {
    return absentAs([], readdir(join(this.root, folder)));
  }
}

async function absentAs<T>(value: T, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return value;
    throw error;
  }
}

/** The system's name of an error, such as `ENOSPC`; `unknown` when it has none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}
