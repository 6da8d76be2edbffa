import { type FileHandle, link, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
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

/** `Files` over a folder of this machine. */
export class DiskFiles extends DiskReader implements Files {
  async makeFolder(path: string): Promise<void> {
    await mkdir(this.#at(path), { recursive: true });
  }

  async create(path: string, bytes: Uint8Array): Promise<boolean> {
    const handle = await takenAs(undefined, open(this.#at(path), "wx"));
    if (handle === undefined) return false;
    await closing(handle, () => handle.writeFile(bytes));
    return true;
  }

  async overwrite(path: string, bytes: Uint8Array): Promise<void> {
    const handle = await open(this.#at(path), "r+");
    await closing(handle, async () => {
      await handle.writeFile(bytes);
      await handle.truncate(bytes.length);
    });
  }

  async syncFile(path: string): Promise<void> {
    const handle = await open(this.#at(path), "r+");
    await closing(handle, () => handle.sync());
  }

  async syncFolder(path: string): Promise<void> {
    // Windows cannot open a folder for syncing; NTFS journals names by itself.
    if (process.platform === "win32") return;
    const handle = await open(this.#at(path), "r");
    await closing(handle, () => handle.sync());
  }

  async link(from: string, to: string): Promise<boolean> {
    return takenAs(
      false,
      link(this.#at(from), this.#at(to)).then(() => true),
    );
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(this.#at(from), this.#at(to));
  }

  async remove(path: string): Promise<void> {
    await rm(this.#at(path), { recursive: true, force: true });
  }

  #at(path: string): string {
    return join(this.root, path);
  }
}

async function closing(handle: FileHandle, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    await handle.close();
  }
}

async function takenAs<T>(value: T, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return value;
    throw error;
  }
}
