import { parseEntry, type AuditEntry } from "@omega/shared/audit/entry.ts";
import { trustedLogKeys } from "@omega/shared/audit/log-key.ts";
import { FolderBlobStore, type BlobStore } from "@omega/tlog/blob-store.ts";
import { openCheckpoint, type Checkpoint } from "@omega/tlog/checkpoint.ts";
import { DiskReader } from "@omega/tlog/disk-reader.ts";
import { readBundle, readEntries } from "@omega/tlog/entries.ts";
import { DiskFiles } from "@omega/tlog/files.ts";
import type { NoteVerifier } from "@omega/tlog/note-key.ts";
import { TileTree } from "@omega/tlog/tile-tree.ts";
import { tileWidth } from "@omega/tlog/tiles.ts";
import type { CommandContext } from "../commands/context.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { printable } from "@omega/shared/terminal.ts";

/** Options that every audit command has. */
export interface FolderOptions {
  readonly log?: string;
  readonly keys?: string;
  readonly blobs?: string;
  readonly json?: boolean;
}

export interface IndexedEntry {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly entry: AuditEntry;
}

/** The folder of an audit log, read while Scribe may be writing it: everything goes by the checkpoint found at the beginning. */
export class AuditFolder {
  readonly folder: string;
  readonly keys: string;
  readonly files: DiskReader;
  readonly verifiers: readonly NoteVerifier[];
  readonly blobs: BlobStore;
  /** The signed note as it is. */
  readonly note: string;
  readonly checkpoint: Checkpoint;

  private constructor(parts: Pick<AuditFolder, "folder" | "keys" | "verifiers" | "blobs" | "note" | "checkpoint">) {
    this.folder = parts.folder;
    this.keys = parts.keys;
    this.verifiers = parts.verifiers;
    this.blobs = parts.blobs;
    this.note = parts.note;
    this.checkpoint = parts.checkpoint;
    this.files = new DiskReader(parts.folder);
  }

  /** Throws a CommandFailure when there is no log, no key, or no signature of that key on the checkpoint. */
  static async open(context: CommandContext, options: FolderOptions): Promise<AuditFolder> {
    const { folder, keys, verifiers, blobs } = placesOf(context, options);
    const note = await new DiskReader(folder).read("checkpoint");
    if (note === undefined) {
      throw new CommandFailure(
        exitCode.unavailable,
        `${printable(folder)} holds no audit log. Scribe keeps it: omega up`,
      );
    }
    const opened = openCheckpoint(note, verifiers);
    if (!opened.ok) throw new CommandFailure(exitCode.failed, `NOT OK: ${folder}/checkpoint: ${opened.reason}`);
    const { checkpoint } = opened.value;
    return new AuditFolder({ folder, keys, verifiers, blobs, checkpoint, note: Buffer.from(note).toString("utf8") });
  }

  /** Entries in order; one that can't be read ends the command, since nothing after it can be trusted to be in its place. */
  async *entries(from = 0): AsyncGenerator<IndexedEntry> {
    for await (const { index, entry: bytes } of readEntries(this.files, this.checkpoint.size, from)) {
      yield { index, bytes, entry: this.#parsed(index, bytes) };
    }
  }

  /** Throws a CommandFailure when the log has no such entry. */
  async entry(index: number): Promise<IndexedEntry> {
    const bundle = await readBundle(this.files, Math.floor(index / tileWidth), this.checkpoint.size);
    const bytes = index < this.checkpoint.size ? bundle[index % tileWidth] : undefined;
    if (bytes === undefined)
      throw new CommandFailure(
        exitCode.failed,
        `The log has ${this.checkpoint.size} entries; there is none at ${index}.`,
      );
    return { index, bytes, entry: this.#parsed(index, bytes) };
  }

  tree(): TileTree {
    return new TileTree(this.files, this.checkpoint.size);
  }

  #parsed(index: number, bytes: Uint8Array): AuditEntry {
    const parsed = parseEntry(bytes);
    if (parsed.ok) return parsed.value;
    throw new CommandFailure(exitCode.failed, `Entry ${index}: ${parsed.failure.message}. See omega audit verify.`);
  }
}

/** Where log, keys and blobs are, and the keys of logs that are trusted there. */
export function placesOf(
  { home }: CommandContext,
  options: FolderOptions,
): Pick<AuditFolder, "folder" | "keys" | "verifiers" | "blobs"> {
  const keys = options.keys ?? home.keys;
  const verifiers = trustedLogKeys(keys);
  if (!verifiers.ok) throw new CommandFailure(exitCode.unavailable, verifiers.failure.message);
  const blobs = new FolderBlobStore(new DiskFiles(options.blobs ?? home.auditBlobs));
  return { folder: options.log ?? home.audit, keys, verifiers: verifiers.value, blobs };
}

/** What an entry's message said, if it is still there. */
export async function bodyOf(entry: AuditEntry, blobs: BlobStore): Promise<Uint8Array | "erased" | "damaged"> {
  if (entry.kind === "inline") return entry.body;
  const found = await blobs.get(entry.blob.salted);
  return found.kind === "found" ? found.content : found.kind;
}
