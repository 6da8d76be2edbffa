import { randomBytes } from "node:crypto";
import type { Files } from "./files.ts";
import { sha256 } from "./merkle.ts";

/**
 * Content that is too bulky or too personal for a log that never forgets. The log gets a name, which is the SHA-256 of a
 * random salt and the content; the content and its salt stay here and can be erased. The tree hashes the name only, so
 * every proof stays valid afterwards, and without the salt the name does not even confirm a guess of what was erased.
 *
 *     <2 hex digits>/<64 hex digits>         32 bytes of salt, then the content
 */
export interface BlobStore {
  /** Stores durably and returns the content's name, 64 hex digits. Storing the same content again gives another name. */
  put(content: Uint8Array): Promise<string>;
  /**
   * - `erased`: there is no such blob, any more or at all;
   * - `damaged`: what is stored does not hash to the name.
   */
  get(name: string): Promise<BlobFound>;
  /** Removes content and salt, durably. Content with there being none. */
  erase(name: string): Promise<void>;
}

export type BlobFound =
  | { readonly kind: "found"; readonly content: Uint8Array; readonly salt: Uint8Array }
  | { readonly kind: "erased" }
  | { readonly kind: "damaged" };

const saltBytes = 32;

export function saltedHash(salt: Uint8Array, content: Uint8Array): string {
  return Buffer.from(sha256(Buffer.concat([salt, content]))).toString("hex");
}

/** A blob store in a folder. `newSalt` gives 32 unpredictable bytes. */
export class FolderBlobStore implements BlobStore {
  readonly #files: Files;
  readonly #newSalt: () => Uint8Array;

  constructor(files: Files, newSalt: () => Uint8Array = () => randomBytes(saltBytes)) {
    this.#files = files;
    this.#newSalt = newSalt;
  }

  async put(content: Uint8Array): Promise<string> {
    const salt = this.#newSalt();
    const name = saltedHash(salt, content);
    const path = blobPath(name);
    const folder = name.slice(0, 2);
    await this.#files.makeFolder(folder);
    const created = await this.#files.create(`${path}.new`, Buffer.concat([salt, content]));
    if (!created) throw new Error(`the salt of blob ${name} was used before; salts have to be random`);
    await this.#files.syncFile(`${path}.new`);
    // A crash before this leaves a file that nobody was told the name of; after it, the whole blob.
    await this.#files.rename(`${path}.new`, path);
    await this.#files.syncFolder(folder);
    await this.#files.syncFolder(".");
    return name;
  }

  async get(name: string): Promise<BlobFound> {
    const bytes = isBlobName(name) ? await this.#files.read(blobPath(name)) : undefined;
    if (bytes === undefined) return { kind: "erased" };
    const salt = bytes.subarray(0, saltBytes);
    const content = bytes.subarray(saltBytes);
    return saltedHash(salt, content) === name ? { kind: "found", content, salt } : { kind: "damaged" };
  }

  async erase(name: string): Promise<void> {
    if (!isBlobName(name)) return;
    const found = await this.#files.read(blobPath(name));
    if (found === undefined) return;
    // Overwritten first, for whoever reads the disk behind the file system; on copying file systems this is no more
    // than a courtesy, and backups are the operator's.
    await this.#files.overwrite(blobPath(name), new Uint8Array(found.length));
    await this.#files.syncFile(blobPath(name));
    await this.#files.remove(blobPath(name));
    await this.#files.syncFolder(name.slice(0, 2));
  }
}

function isBlobName(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}

function blobPath(name: string): string {
  return `${name.slice(0, 2)}/${name}`;
}
