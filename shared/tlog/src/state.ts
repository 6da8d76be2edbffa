import { encodeUtf8 } from "./encoding.ts";
import type { FolderReader } from "./disk-reader.ts";
import type { Files } from "./files.ts";

/**
 * A small text that is replaced only by whoever knows its latest version: the compare-and-set under every signature.
 *
 * Version n is the file `<folder>/<n>`, in a folder at the top. The next version is written and synced under a name of its own, then linked to
 * the name n + 1, which the file system lets exactly one writer do. A writer that slept so long that its n + 1 has been
 * reached, replaced and deleted meanwhile would find the name free again; it therefore looks for later versions after
 * linking, and whoever deletes a version linked a later one before. So of two writers that start from the same version
 * at most one is ever told that it won.
 */

/** One version of the text. */
export interface Version {
  /** Counts from 1. */
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** The latest version, or `undefined` before the first. */
export async function latestVersion(files: FolderReader, folder: string): Promise<Version | undefined> {
  const [number] = await versionNumbers(files, folder);
  if (number === undefined) return undefined;
  const bytes = await files.read(`${folder}/${number}`);
  // Gone between listing and reading: there is a later one by now.
  return bytes === undefined ? latestVersion(files, folder) : { number, bytes };
}

/** The numbers of the versions that are there, the latest first. */
export async function versionNumbers(files: FolderReader, folder: string): Promise<number[]> {
  const names = await files.list(folder);
  const numbers = names.filter((name) => /^[1-9][0-9]{0,14}$/.test(name)).map(Number);
  return numbers.toSorted((a, b) => b - a);
}

/** One writer's hold on the versions in a folder. `writer` is a name that no other writer uses. */
export class VersionedState {
  readonly #files: Files;
  readonly #folder: string;
  readonly #draft: string;

  constructor(files: Files, folder: string, writer: string) {
    this.#files = files;
    this.#folder = folder;
    this.#draft = `${folder}/draft-${writer}`;
  }

  /**
   * Makes sure that the latest version outlives a loss of power, and returns it. A writer killed right after linking
   * leaves a version that can be read but not yet trusted: it could still vanish, after somebody signed what it says.
   */
  async settle(): Promise<Version | undefined> {
    await this.#files.makeFolder(this.#folder);
    // The folder's own name has to last as well, or a signature would outlive the state that it was bound by.
    await this.#files.syncFolder(".");
    for (const name of await this.#files.list(this.#folder)) {
      if (name.startsWith("draft-")) await this.#files.remove(`${this.#folder}/${name}`);
    }
    await this.#files.syncFolder(this.#folder);
    return latestVersion(this.#files, this.#folder);
  }

  /** Writes the next version's text without making it a version yet. A crash leaves a draft, which `settle` removes. */
  async draft(text: string): Promise<void> {
    await this.#files.remove(this.#draft);
    await this.#files.create(this.#draft, encodeUtf8(text));
  }

  async syncDraft(): Promise<void> {
    await this.#files.syncFile(this.#draft);
  }

  async dropDraft(): Promise<void> {
    await this.#files.remove(this.#draft);
  }

  /**
   * Makes the synced draft version `number`. False when another writer came first; then nothing has changed. Once it
   * has returned true the version outlives a loss of power. A crash inside leaves either version as the latest.
   */
  async commit(number: number): Promise<boolean> {
    if (!(await this.#files.link(this.#draft, `${this.#folder}/${number}`))) return false;
    const later = (await versionNumbers(this.#files, this.#folder)).some((other) => other > number);
    if (later) {
      await this.#files.remove(`${this.#folder}/${number}`);
      return false;
    }
    await this.#files.syncFolder(this.#folder);
    return true;
  }

  /** Removes the draft and all versions but the latest two. A crash leaves more of them, which harm nobody. */
  async tidy(latest: number): Promise<void> {
    await this.dropDraft();
    for (const number of await versionNumbers(this.#files, this.#folder)) {
      if (number < latest - 1) await this.#files.remove(`${this.#folder}/${number}`);
    }
  }
}
