import type { Files } from "./files.ts";

/**
 * A disk in memory that can lose power: a kit for testing whatever writes through `Files`. Like a journaling file system
 * it keeps names of folders and contents of files apart: contents last once the file was synced, names once their
 * folder was. After a crash everything else is open, which is stricter than real disks are.
 */

/** Thrown by the step at which the power went, and by every later one. */
export class PowerLoss extends Error {
  constructor() {
    super("the power is gone");
  }
}

/**
 * What happens at step `at` (the first is 1): the power goes before it is applied, after, or halfway through a write; or
 * the disk has no room, once, and either did nothing (`refused`) or did a part of it all the same (`full`).
 */
export interface Fault {
  readonly at: number;
  readonly kind: "before" | "after" | "torn" | "full" | "refused";
}

/** What a crash does with something that was not synced. `choose(n)` gives a number from 0 to n - 1. */
export type Crash =
  | { readonly keep: "all" | "none" }
  | { readonly keep: "some"; readonly choose: (n: number) => number };

interface Content {
  bytes: Uint8Array;
  synced: Uint8Array;
}

export class CrashFiles implements Files {
  /** Steps taken so far; only those that change something count. */
  steps = 0;
  readonly #fault: Fault | undefined;
  #isOff = false;
  #names = new Map<string, Content>();
  #folders = new Set<string>(["."]);
  #lastingNames = new Map<string, Content>();
  #lastingFolders = new Set<string>(["."]);

  constructor(fault?: Fault) {
    this.#fault = fault;
  }

  /** The disk as it is found when the power is back, ready for another fault. */
  crash(how: Crash, fault?: Fault): CrashFiles {
    const after = new CrashFiles(fault);
    const pick = (count: number): number => {
      if (how.keep === "some") return how.choose(count);
      return how.keep === "all" ? count - 1 : 0;
    };
    const lost = [...this.#folders].filter((folder) => !this.#lastingFolders.has(folder) && pick(2) === 0);
    const isLost = (path: string): boolean => lost.some((folder) => path === folder || path.startsWith(`${folder}/`));
    for (const folder of this.#folders) if (!isLost(folder)) after.#folders.add(folder);
    const contents = new Map<Content, Content>();
    for (const path of new Set([...this.#names.keys(), ...this.#lastingNames.keys()])) {
      const content = [this.#lastingNames.get(path), this.#names.get(path)][pick(2)];
      if (content === undefined || isLost(path)) continue;
      const bytes = contents.get(content)?.bytes ?? survivingBytes(content, pick);
      const survivor = contents.get(content) ?? { bytes, synced: bytes };
      contents.set(content, survivor);
      after.#names.set(path, survivor);
    }
    after.#lastingNames = new Map(after.#names);
    after.#lastingFolders = new Set(after.#folders);
    return after;
  }

  /** All files and their contents, for looking at. */
  snapshot(): Map<string, Uint8Array> {
    return new Map([...this.#names].map(([path, { bytes }]) => [path, bytes]));
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    if (this.#isOff) throw new PowerLoss();
    return this.#names.get(path)?.bytes;
  }

  async list(folder: string): Promise<string[]> {
    if (this.#isOff) throw new PowerLoss();
    return [...this.#names.keys(), ...this.#folders].filter((path) => parentOf(path) === folder).map(nameOf);
  }

  async makeFolder(path: string): Promise<void> {
    this.#step(() => {
      for (let folder = path; folder !== "."; folder = parentOf(folder)) this.#folders.add(folder);
    });
  }

  async create(path: string, bytes: Uint8Array): Promise<boolean> {
    if (this.#names.has(path)) return false;
    const write = (part: Uint8Array): void => {
      this.#requireFolder(path);
      this.#names.set(path, { bytes: Uint8Array.from(part), synced: new Uint8Array(0) });
    };
    this.#step(
      () => write(bytes),
      () => write(bytes.subarray(0, bytes.length / 2)),
    );
    return true;
  }

  async overwrite(path: string, bytes: Uint8Array): Promise<void> {
    const content = this.#require(path);
    const half = Math.floor(bytes.length / 2);
    this.#step(
      () => (content.bytes = Uint8Array.from(bytes)),
      () => (content.bytes = Buffer.concat([bytes.subarray(0, half), content.bytes.subarray(half)])),
    );
  }

  async syncFile(path: string): Promise<void> {
    const content = this.#require(path);
    this.#step(() => (content.synced = content.bytes));
  }

  async syncFolder(path: string): Promise<void> {
    if (path === "..") return;
    this.#step(() => {
      replaceChildren(path, this.#names.keys(), this.#lastingNames, (name) => this.#require(name));
      for (const folder of this.#folders) if (parentOf(folder) === path) this.#lastingFolders.add(folder);
    });
  }

  async link(from: string, to: string): Promise<boolean> {
    if (this.#names.has(to)) return false;
    const content = this.#require(from);
    this.#step(() => this.#names.set(to, content));
    return true;
  }

  async rename(from: string, to: string): Promise<void> {
    const content = this.#require(from);
    this.#step(() => {
      this.#names.set(to, content);
      this.#names.delete(from);
    });
  }

  async remove(path: string): Promise<void> {
    const gone = [...this.#names.keys()].filter((name) => name === path || name.startsWith(`${path}/`));
    if (gone.length === 0 && !this.#folders.has(path)) return;
    this.#step(() => {
      for (const name of gone) this.#names.delete(name);
      this.#folders.delete(path);
    });
  }

  #step(apply: () => void, tear: () => void = apply): void {
    if (this.#isOff) throw new PowerLoss();
    this.steps++;
    const kind = this.#fault?.at === this.steps ? this.#fault.kind : undefined;
    if (kind === "torn" || kind === "full") tear();
    else if (kind !== "before" && kind !== "refused") apply();
    if (kind === "full" || kind === "refused")
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    if (kind === undefined) return;
    this.#isOff = true;
    throw new PowerLoss();
  }

  #require(path: string): Content {
    const content = this.#names.get(path);
    if (content === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: "ENOENT" });
    return content;
  }

  #requireFolder(path: string): void {
    const folder = parentOf(path);
    if (!this.#folders.has(folder)) throw Object.assign(new Error(`no such folder: ${folder}`), { code: "ENOENT" });
  }
}

/** What the file held when last synced, or what was written since, or a part of it, or blocks that were never filled. */
function survivingBytes({ bytes, synced }: Content, pick: (count: number) => number): Uint8Array {
  if (bytes === synced) return bytes;
  const forms = [synced, bytes.subarray(0, bytes.length / 2), new Uint8Array(bytes.length), bytes];
  return forms[pick(forms.length)] ?? bytes;
}

function replaceChildren(
  folder: string,
  names: Iterable<string>,
  lasting: Map<string, Content>,
  contentOf: (name: string) => Content,
): void {
  for (const name of lasting.keys()) if (parentOf(name) === folder) lasting.delete(name);
  for (const name of names) if (parentOf(name) === folder) lasting.set(name, contentOf(name));
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return path === "." ? "" : ".";
  return path.slice(0, slash);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
