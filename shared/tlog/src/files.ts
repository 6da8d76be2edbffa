import {
  closeSync,
  fsync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { DiskReader, errorCode, type FolderReader } from "./disk-reader.ts";

/**
 * What a durable log asks of a disk. Each call is one step that a crash may come before or after; nothing that a call
 * did is certain to outlive a loss of power until the file is synced and, for the name to be found again, its folder.
 * Failures throw with the system's `code` (`ENOSPC`, `EIO` …).
 */
export interface Files extends FolderReader {
  makeFolder(path: string): Promise<void>;
  /** Makes a new file with these contents; false, and nothing done, when the name is taken. */
  create(path: string, bytes: Uint8Array): Promise<boolean>;
  /** Replaces the contents of a file in place. */
  overwrite(path: string, bytes: Uint8Array): Promise<void>;
  syncFile(path: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
  /** Gives a file a second name; false, and nothing done, when that name is taken. Atomic: a compare-and-set on a name. */
  link(from: string, to: string): Promise<boolean>;
  /** Moves a file over whatever has the new name. Atomic. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or an empty or full folder; content with there being none. */
  remove(path: string): Promise<void>;
}

const syncDescriptor = promisify(fsync);

/**
 * `Files` over a folder of this machine. Only syncing waits for the disk and leaves the thread meanwhile; everything
 * else moves a few kilobytes in the page cache, which is done sooner than it is handed to another thread.
 */
export class DiskFiles extends DiskReader implements Files {
  async makeFolder(path: string): Promise<void> {
    mkdirSync(this.#at(path), { recursive: true });
  }

  async create(path: string, bytes: Uint8Array): Promise<boolean> {
    const descriptor = unlessTaken(() => openSync(this.#at(path), "wx"));
    if (descriptor === undefined) return false;
    try {
      writeFileSync(descriptor, bytes);
    } finally {
      closeSync(descriptor);
    }
    return true;
  }

  async overwrite(path: string, bytes: Uint8Array): Promise<void> {
    const descriptor = openSync(this.#at(path), "r+");
    try {
      writeFileSync(descriptor, bytes);
      ftruncateSync(descriptor, bytes.length);
    } finally {
      closeSync(descriptor);
    }
  }

  async syncFile(path: string): Promise<void> {
    await sync(openSync(this.#at(path), "r+"));
  }

  async syncFolder(path: string): Promise<void> {
    // Windows cannot open a folder for syncing; NTFS journals names by itself.
    if (process.platform !== "win32") await sync(openSync(this.#at(path), "r"));
  }

  async link(from: string, to: string): Promise<boolean> {
    const linked = unlessTaken(() => {
      linkSync(this.#at(from), this.#at(to));
      return true;
    });
    return linked ?? false;
  }

  async rename(from: string, to: string): Promise<void> {
    renameSync(this.#at(from), this.#at(to));
  }

  async remove(path: string): Promise<void> {
    try {
      unlinkSync(this.#at(path));
    } catch (error) {
      if (errorCode(error) !== "ENOENT") rmSync(this.#at(path), { recursive: true, force: true });
    }
  }

  #at(path: string): string {
    return join(this.root, path);
  }
}

async function sync(descriptor: number): Promise<void> {
  try {
    await syncDescriptor(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function unlessTaken<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (errorCode(error) === "EEXIST") return undefined;
    throw error;
  }
}
