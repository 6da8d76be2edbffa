import { parseEvent } from "@omega/bus-schemas/parse-event.ts";
import { parseEntry, type AuditEntry } from "@omega/shared/audit/entry.ts";
import { trustedLogKeys } from "@omega/shared/audit/log-key.ts";
import { tell } from "@omega/shared/timeline.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { openCheckpoint, type Checkpoint } from "@omega/tlog/checkpoint.ts";
import { DiskReader } from "@omega/tlog/disk-reader.ts";
import { readBundle, readEntries } from "@omega/tlog/entries.ts";
import { encodeBase64 } from "@omega/tlog/encoding.ts";
import type { NoteVerifier } from "@omega/tlog/note-key.ts";
import { formatProof, proveEntry } from "@omega/tlog/proof.ts";
import { TileTree } from "@omega/tlog/tile-tree.ts";
import { tileWidth } from "@omega/tlog/tiles.ts";
import type { AuditPage, AuditProof, AuditRow } from "./wire.ts";

export interface AuditFilter {
  /** Part of the event's type, incident, key or text. */
  readonly text: string;
  readonly incidentId: string;
  /** Rows below this index; absent: from the newest. */
  readonly before: number | undefined;
  readonly limit: number;
}

interface OpenLog {
  readonly files: DiskReader;
  readonly note: string;
  readonly checkpoint: Checkpoint;
  readonly verifier: NoteVerifier;
}

/** The audit log's folder, read while Scribe may be writing it: each look goes by the checkpoint found at its beginning. */
export class AuditLog {
  readonly #folder: string;
  readonly #keys: string;

  constructor(folder: string, keys: string) {
    this.#folder = folder;
    this.#keys = keys;
  }

  /** Entries that fit the filter, the newest first. */
  async page(filter: AuditFilter): Promise<AuditPage> {
    const log = await this.#open();
    if (!log.ok) return { why: log.failure.message, rows: [], found: 0 };
    const { files, checkpoint, note } = log.value;
    const { before, limit } = filter;
    const shown: { readonly row: AuditRow; readonly entry: Uint8Array }[] = [];
    let found = 0;
    for await (const { index, entry } of readEntries(files, checkpoint.size)) {
      const row = rowOf(index, entry);
      if (row === undefined || !fits(row, filter)) continue;
      found += 1;
      if (before !== undefined && index >= before) continue;
      shown.push({ row, entry });
      if (shown.length > limit) shown.shift();
    }
    return {
      log: { origin: checkpoint.origin, size: checkpoint.size, root: encodeBase64(checkpoint.root), checkpoint: note },
      rows: shown.toReversed().map(({ row, entry }) => (row.says === "" ? { ...row, says: inWords(entry) } : row)),
      found,
    };
  }

  /** What proves one entry to somebody who trusts nothing but the log's key. Failures: `terminal/no_log`, `terminal/no_entry`. */
  async proof(index: number): Promise<Outcome<AuditProof>> {
    const log = await this.#open();
    if (!log.ok) return log;
    const { files, checkpoint, note, verifier } = log.value;
    if (index >= checkpoint.size) return fail("terminal", "no_entry", `The log has ${checkpoint.size} entries.`);
    const bundle = await readBundle(files, Math.floor(index / tileWidth), checkpoint.size);
    const entry = bundle[index % tileWidth];
    const proof = await proveEntry(new TileTree(files, checkpoint.size), index, note);
    if (entry === undefined || !proof.ok)
      return fail("terminal", "no_entry", `Entry ${index} can't be proven: ${proof.ok ? "missing" : proof.reason}`);
    return ok({
      index,
      entry: encodeBase64(entry),
      hashes: proof.value.hashes.map(encodeBase64),
      checkpoint: note,
      verifier: {
        name: verifier.name,
        keyIdHex: verifier.id.toString(16).padStart(8, "0"),
        publicKey: encodeBase64(verifier.publicKey),
      },
      proofFile: formatProof(proof.value),
    });
  }

  /** Every entry as a line of a recording, which `omega replay --file` folds again. */
  async *lines(filter: Pick<AuditFilter, "text" | "incidentId">): AsyncGenerator<string> {
    const log = await this.#open();
    if (!log.ok) return;
    for await (const { index, entry } of readEntries(log.value.files, log.value.checkpoint.size)) {
      const row = rowOf(index, entry);
      if (row !== undefined && fits(row, filter)) yield `${Buffer.from(entry).toString("utf8")}\n`;
    }
  }

  async #open(): Promise<Outcome<OpenLog>> {
    const elsewhere = fail(
      "terminal",
      "no_log",
      "The audit log is not on this machine; Scribe keeps it where it runs.",
    );
    if (this.#folder === "") return elsewhere;
    const verifiers = trustedLogKeys(this.#keys);
    if (!verifiers.ok) return verifiers;
    const files = new DiskReader(this.#folder);
    const note = await files.read("checkpoint");
    if (note === undefined) return elsewhere;
    const opened = openCheckpoint(note, verifiers.value);
    if (!opened.ok) return fail("terminal", "bad_checkpoint", `The checkpoint is not to be believed: ${opened.reason}`);
    const { checkpoint } = opened.value;
    const verifier = verifiers.value.find(({ name }) => name === checkpoint.origin);
    if (verifier === undefined) return fail("terminal", "no_log", `No key of ${checkpoint.origin} is trusted here.`);
    return ok({ files, note: Buffer.from(note).toString("utf8"), checkpoint, verifier });
  }
}

/** What an event without words of its own says, as the timeline tells it; nothing for what only machines need. */
function inWords(bytes: Uint8Array): string {
  const entry = parseEntry(bytes);
  if (!entry.ok || entry.value.kind === "blob") return "";
  const event = parseEvent(entry.value.body);
  return event.ok ? (tell(event.event)[0]?.text ?? "") : "";
}

function rowOf(index: number, bytes: Uint8Array): AuditRow | undefined {
  const parsed = parseEntry(bytes);
  return parsed.ok ? { index, ...told(parsed.value) } : undefined;
}

function told(entry: AuditEntry): Omit<AuditRow, "index"> {
  const { seq, storedAt } = entry;
  if (entry.kind === "blob") {
    const { type = "unknown", incidentid, keyid } = entry.about;
    return {
      seq,
      storedAt,
      type,
      says: `content of ${entry.blob.bytes} bytes is kept apart, under its salted hash`,
      ...(incidentid === undefined ? {} : { incidentId: incidentid }),
      ...(keyid === undefined ? {} : { keyId: keyid }),
    };
  }
  const event = jsonOf(entry.body);
  const text = (name: string): string | undefined => {
    const value: unknown = Reflect.get(event, name);
    return typeof value === "string" ? value : undefined;
  };
  const content: unknown = Reflect.get(event, "data");
  const says: unknown = typeof content === "object" && content !== null ? Reflect.get(content, "says") : undefined;
  const incidentId = text("incidentid");
  const keyId = text("keyid");
  return {
    seq,
    storedAt,
    type: text("type") ?? "not an event",
    says: typeof says === "string" ? says : "",
    ...(incidentId === undefined ? {} : { incidentId }),
    ...(keyId === undefined ? {} : { keyId }),
  };
}

function jsonOf(body: Uint8Array): object {
  try {
    const json: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
    return typeof json === "object" && json !== null ? json : {};
  } catch {
    return {};
  }
}

function fits(row: AuditRow, { text, incidentId }: Pick<AuditFilter, "text" | "incidentId">): boolean {
  if (incidentId !== "" && row.incidentId !== incidentId) return false;
  if (text === "") return true;
  const wanted = text.toLowerCase();
  return [row.type, row.incidentId, row.keyId, row.says].some((each) => each?.toLowerCase().includes(wanted) === true);
}
