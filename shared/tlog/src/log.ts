import { failed, type Outcome, passed } from "./checked.ts";
import { formatCheckpoint } from "./checkpoint.ts";
import { describeDiskError, diskOutcome } from "./disk-outcome.ts";
import { encodeUtf8 } from "./encoding.ts";
import { readBundle, readEntries } from "./entries.ts";
import type { Files } from "./files.ts";
import { extend, type Frontier, type TileFile } from "./frontier.ts";
import type { FolderLock } from "./lock.ts";
import { batchEntriesMax } from "./log-recovery.ts";
import type { NoteSigner, NoteVerifier } from "./note-key.ts";
import { mergeCosignatures, signNote } from "./note.ts";
import type { VersionedState } from "./state.ts";
import { TileTree } from "./tile-tree.ts";
import { entryBytesMax, partialFolder, tilePath, tileWidth } from "./tiles.ts";

/**
 * A log in a folder, written durably by one process at a time:
 *
 *     checkpoint          the signed size and root that the world sees
 *     tile/…              entries and hashes (tiles.ts)
 *     state/<n>           the size and root that the writer has bound itself to sign next, or has signed (state.ts)
 *     lock                who writes (lock.ts)
 *
 * The order of an append: entries and tiles are written under new names and synced with their folders; the new size and
 * root are persisted by compare-and-set; only then the checkpoint is signed, synced and renamed over the old one. The
 * entries are acknowledged once that name is synced.
 */

/** What an append did. */
export interface Appended {
  /** Index of the first entry of the batch. */
  readonly first: number;
  /** Entries in the log after the batch. */
  readonly size: number;
  /** The signed checkpoint of that size. */
  readonly checkpoint: string;
}

export const checkpointPath = "checkpoint";
export const nextPath = "checkpoint.next";
export const stateFolder = "state";

export interface LogParts {
  readonly files: Files;
  readonly signer: NoteSigner;
  readonly lock: FolderLock;
  readonly state: VersionedState;
  readonly version: number;
  readonly frontier: Frontier;
}

export class Log {
  readonly origin: string;
  readonly #files: Files;
  readonly #signer: NoteSigner;
  readonly #lock: FolderLock;
  readonly #state: VersionedState;
  readonly #syncedFolders = new Set<string>();
  #version: number;
  #frontier: Frontier;
  #checkpoint = "";
  /** Files of a batch that failed and could not be cleared away at once. */
  #leftovers: string[] = [];
  /** Why nothing more may be appended until the log is opened again. */
  #broken: string | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(parts: LogParts) {
    this.origin = parts.signer.verifier.name;
    this.#files = parts.files;
    this.#signer = parts.signer;
    this.#lock = parts.lock;
    this.#state = parts.state;
    this.#version = parts.version;
    this.#frontier = parts.frontier;
  }

  /** Number of entries, all of them in `checkpoint`. */
  get size(): number {
    return this.#frontier.size;
  }

  /** The published checkpoint, a signed note. */
  get checkpoint(): string {
    return this.#checkpoint;
  }

  /** For proofs about the log as it is now. */
  tree(): TileTree {
    return new TileTree(this.#files, this.size);
  }

  /** Entry `index`, or `undefined` when the log does not reach it or its bundle is gone. */
  async entry(index: number): Promise<Uint8Array | undefined> {
    if (index < 0 || index >= this.size) return undefined;
    const bundle = await readBundle(this.#files, Math.floor(index / tileWidth), this.size);
    return bundle[index % tileWidth];
  }

  /** The entries in order from `from` to the present end; see `readEntries`. */
  entries(from = 0): ReturnType<typeof readEntries> {
    return readEntries(this.#files, this.size, from);
  }

  /**
   * Appends a batch, all of it or nothing, and returns once a loss of power could not take it back. Calls are carried
   * out one after the other. Failures:
   * - `entry_too_long`, `batch_too_long` (terminal): more than 65,535 bytes or 16,384 entries; nothing was written;
   * - `disk_full` and other disk errors (retryable): the log is as before and the call may be repeated;
   * - `superseded` (conflict): another writer went on from the same state; this one must be closed;
   * - `disk_failed` (unknown): the disk failed after the new state was bound; open the log again to see;
   * - `closed` (terminal): after `close`, or after one of the last two.
   */
  append(entries: readonly Uint8Array[]): Promise<Outcome<Appended>> {
    return this.#inTurn(() => this.#append(entries));
  }

  /**
   * Adds cosignature lines of known witnesses to the published checkpoint. Lines of other keys are left out, a line
   * that does not verify is refused. The next append publishes a checkpoint without them.
   */
  attach(lines: string, witnesses: readonly NoteVerifier[]): Promise<Outcome<string>> {
    return this.#inTurn(() => this.#attach(lines, witnesses));
  }

  /** Waits for what is under way and lets go of the lock. */
  async close(): Promise<void> {
    await this.#inTurn(async () => {
      this.#broken ??= "the log is closed";
      await this.#lock.release();
    });
  }

  /** Only for `openLog`: publishes the checkpoint of the state that was found, unless it is published already. */
  async resume(published: Uint8Array | undefined): Promise<Outcome<void>> {
    if (published !== undefined) {
      this.#checkpoint = Buffer.from(published).toString("utf8");
      // A writer killed between rename and sync published something that a loss of power could still take back.
      await this.#files.syncFolder(".");
      return passed(undefined);
    }
    const bound = await this.#bind(this.#frontier, [], this.#version > 0);
    if (bound.ok) await this.#tidy([]);
    return bound;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #append(entries: readonly Uint8Array[]): Promise<Outcome<Appended>> {
    if (this.#broken !== undefined) return failed("terminal", "closed", this.#broken);
    const refusal = describeUnfit(entries);
    if (refusal !== undefined) return refusal;
    const first = this.size;
    if (entries.length === 0) return passed({ first, size: first, checkpoint: this.#checkpoint });
    const { next, files } = extend(this.#frontier, entries);
    const bound = await this.#bind(next, files, false);
    if (!bound.ok) return bound;
    await this.#tidy(files);
    return passed({ first, size: this.size, checkpoint: this.#checkpoint });
  }

  /**
   * Moves the log to `next`, whose new files are given; `isBound` when the persisted state already says so. Until the
   * state is committed every failure is undone; after that it is known only by opening again.
   */
  async #bind(next: Frontier, added: readonly TileFile[], isBound: boolean): Promise<Outcome<void>> {
    const root = next.range.root();
    const text = formatCheckpoint({ origin: this.origin, size: next.size, root, extensions: [] });
    const created: string[] = [];
    const prepared = await diskOutcome("retryable", () => this.#prepare(text, added, created));
    if (!prepared.ok) {
      if (prepared.failure.code === "superseded") this.#broken = prepared.failure.message;
      else await this.#undo(created);
      return prepared;
    }
    const committed = isBound || (await this.#commit());
    if (committed !== true) return this.#stop(committed);
    const published = await diskOutcome("unknown", () => this.#publish(text));
    if (!published.ok) {
      // The state is bound and the checkpoint may or may not be out: the next opening publishes it.
      this.#broken = `the checkpoint was not published: ${published.failure.message}`;
      return failed("unknown", "disk_failed", this.#broken);
    }
    this.#frontier = next;
    return passed(undefined);
  }

  /** Everything that needs room on the disk, synced. A crash leaves files that the next opening removes as strays. */
  async #prepare(text: string, added: readonly TileFile[], created: string[]): Promise<Outcome<void>> {
    const files = this.#files;
    if (!(await this.#lock.isHeld())) return failed("conflict", "superseded", "another writer has taken the lock");
    await this.#clearLeftovers();
    const folders = new Set<string>();
    for (const { name, bytes } of added) {
      const path = tilePath(name);
      await this.#enterFolder(path, folders);
      created.push(path);
      // Under a new name only: a writer that lost its lock can damage nothing that another one has published.
      if (!(await files.create(path, bytes))) return failed("conflict", "superseded", `${path} is already there`);
    }
    await this.#state.draft(text);
    // The checkpoint's room is taken now, so that a disk that fills up refuses here, while everything can be undone.
    await files.remove(nextPath);
    await files.create(nextPath, encodeUtf8(" ".repeat(2 * encodeUtf8(text).length + 200)));
    await Promise.all([
      ...added.map(({ name }) => files.syncFile(tilePath(name))),
      this.#state.syncDraft(),
      files.syncFile(nextPath),
    ]);
    await Promise.all([...folders].map((folder) => files.syncFolder(folder)));
    for (const folder of folders) this.#syncedFolders.add(folder);
    return passed(undefined);
  }

  /** Makes the folder of a path if this writer has not yet, and lists what to sync so that a loss of power keeps the path. */
  async #enterFolder(path: string, folders: Set<string>): Promise<void> {
    const names = path.split("/").slice(0, -1);
    const folder = names.join("/");
    const isNew = !this.#syncedFolders.has(folder);
    folders.add(folder);
    if (!isNew) return;
    await this.#files.makeFolder(folder);
    for (let depth = 0; depth < names.length; depth++) folders.add(names.slice(0, depth).join("/") || ".");
  }

  /**
   * Binds this writer to the drafted state: true once that is durable, false when another writer was faster, else the
   * disk's error, after which the state may or may not be bound.
   */
  async #commit(): Promise<boolean | string> {
    try {
      if (!(await this.#lock.isHeld())) return false;
      if (!(await this.#state.commit(this.#version + 1))) return false;
      this.#version++;
      return true;
    } catch (error) {
      return describeDiskError(error);
    }
  }

  /** Signs and publishes. A crash anywhere here leaves the old checkpoint or the new one, and a state that leads to the new. */
  async #publish(text: string): Promise<Outcome<void>> {
    const note = signNote(text, [this.#signer]);
    if (!note.ok) return failed("terminal", "unsignable", note.reason);
    await this.#files.overwrite(nextPath, encodeUtf8(note.value));
    await this.#files.syncFile(nextPath);
    await this.#files.rename(nextPath, checkpointPath);
    await this.#files.syncFolder(".");
    this.#checkpoint = note.value;
    return passed(undefined);
  }

  /** After a failed commit nothing is cleared away: files of these names may by now be the other writer's. */
  #stop(committed: false | string): Outcome<never> {
    if (committed === false) {
      this.#broken = "another writer has continued this log";
      return failed("conflict", "superseded", this.#broken);
    }
    this.#broken = `the disk failed while the state was being bound: ${committed}`;
    return failed("unknown", "disk_failed", this.#broken);
  }

  async #undo(created: readonly string[]): Promise<void> {
    this.#leftovers.push(...created);
    await diskOutcome("retryable", async () => {
      await this.#clearLeftovers();
      await this.#files.remove(nextPath);
      await this.#state.dropDraft();
      return passed(undefined);
    });
  }

  async #clearLeftovers(): Promise<void> {
    for (const path of this.#leftovers) await this.#files.remove(path);
    this.#leftovers = [];
  }

  /** Removes what the published checkpoint made superfluous; whatever stays behind is harmless, so a failure is too. */
  async #tidy(added: readonly TileFile[]): Promise<void> {
    await diskOutcome("retryable", async () => {
      await this.#state.tidy(this.#version);
      for (const { name } of added) {
        if (name.width === tileWidth) await this.#files.remove(partialFolder(name.level, name.index));
      }
      return passed(undefined);
    });
  }

  async #attach(lines: string, witnesses: readonly NoteVerifier[]): Promise<Outcome<string>> {
    if (this.#broken !== undefined) return failed("terminal", "closed", this.#broken);
    const merged = mergeCosignatures(this.#checkpoint, lines, witnesses);
    if (!merged.ok) return failed("terminal", "bad_cosignature", merged.reason);
    return diskOutcome("retryable", async () => {
      await this.#files.remove(nextPath);
      await this.#files.create(nextPath, encodeUtf8(merged.value));
      await this.#files.syncFile(nextPath);
      // Either name may be there after a crash; both are checkpoints of the same size and root.
      await this.#files.rename(nextPath, checkpointPath);
      await this.#files.syncFolder(".");
      this.#checkpoint = merged.value;
      return passed(merged.value);
    });
  }
}

function describeUnfit(entries: readonly Uint8Array[]): Outcome<never> | undefined {
  if (entries.length > batchEntriesMax) {
    const message = `a batch has at most ${batchEntriesMax} entries, not ${entries.length}`;
    return failed("terminal", "batch_too_long", message);
  }
  const at = entries.findIndex((entry) => entry.length > entryBytesMax);
  if (at < 0) return undefined;
  const message = `entry ${at} of the batch has ${entries[at]?.length} bytes; an entry holds at most ${entryBytesMax}, so keep its bulk in a blob store and log the salted hash`;
  return failed("terminal", "entry_too_long", message);
}
