import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TileSource } from "./tile-tree.ts";

/** Reading side of a folder. Paths are relative to it, with `/` between names. */
export interface FolderReader extends TileSource {
  /** Names in a folder, in no order; none when there is no such folder. */
  list(folder: string): Promise<string[]>;
}

/** `FolderReader` over a folder of this machine. Its files are small, so they are read at once. */
export class DiskReader implements FolderReader {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    return unlessAbsent(() => readFileSync(join(this.root, path)));
  }

  async list(folder: string): Promise<string[]> {
    return unlessAbsent(() => readdirSync(join(this.root, folder))) ?? [];
  }
}

function unlessAbsent<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** The system's name of an error, such as `ENOSPC`; `unknown` when it has none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}
