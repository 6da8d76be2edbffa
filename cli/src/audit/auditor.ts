import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { parseEntry } from "@omega/shared/audit/entry.ts";
import { openEvent } from "@omega/shared/event-codec.ts";
import type { Keyring } from "@omega/shared/signing.ts";
import type { BlobStore } from "@omega/tlog/blob-store.ts";
import { bodyOf } from "./audit-folder.ts";
import { Causality } from "./causality.ts";

export interface EntryProblem {
  readonly index: number;
  readonly reason: string;
}

/** What was counted on the way. */
export interface AuditCounts {
  events: number;
  /** Messages that no trusted key vouches for, and that Omega refused at the time, as a signed `agent.faulted` says. */
  refused: number;
  /** Entries whose content a person erased, as a signed `audit.erased` says. */
  erased: number;
  /** Entries whose content is not here otherwise, as in an exported copy. What follows from it can't be judged then. */
  withheld: number;
  incidents: number;
}

/** A checkpoint that Scribe announced on the stream, to be held against the tree. */
export interface Announced {
  readonly index: number;
  readonly size: number;
  readonly root: string;
}

/**
 * Checks what entries say, one after the other, beside their being in the tree: signatures by keys that may say it, no gap in the
 * stream's sequence, and that every step of an incident follows from what stands before it.
 *
 * A forged message is no fault of the log: it records what was on the stream. It has to be shown, though, that nobody acted on it, so an
 * entry without a good signature needs a later, signed `agent.faulted` that refuses it. Without that it is taken for an edit.
 */
export class Auditor {
  readonly counts: AuditCounts = { events: 0, refused: 0, erased: 0, withheld: 0, incidents: 0 };
  readonly announced: Announced[] = [];
  readonly #keyring: Keyring;
  readonly #blobs: BlobStore;
  readonly #causality = new Causality();
  readonly #unvouched = new Map<number, EntryProblem>();
  readonly #absent = new Set<string>();
  #seq = 0;

  constructor(keyring: Keyring, blobs: BlobStore) {
    this.#keyring = keyring;
    this.#blobs = blobs;
  }

  /** A sentence on what is wrong with this entry, or nothing. */
  async take(index: number, bytes: Uint8Array): Promise<string | undefined> {
    const parsed = parseEntry(bytes);
    if (!parsed.ok) return parsed.failure.message;
    const entry = parsed.value;
    const gap = this.#gapBefore(entry.seq);
    if (gap !== undefined) return gap;
    this.#seq = entry.seq;
    const body = await bodyOf(entry, this.#blobs);
    if (body === "damaged") return "the blob store holds something else under the salted hash";
    if (body === "erased") {
      if (entry.kind === "blob") {
        this.#absent.add(entry.blob.salted);
        this.#causality.noteAbsent(entry.about);
      }
      this.counts.withheld += 1;
      return undefined;
    }
    const opened = openEvent(body, entry.subject, this.#keyring, entry.storedAt);
    if (!opened.ok) {
      this.#unvouched.set(entry.seq, { index, reason: `${opened.failure.code}: ${opened.failure.message}` });
      return undefined;
    }
    return this.#judge(index, opened.value);
  }

  /** After the last entry: what no agent ever refused. The first by index, if there is any. */
  unvouched(): EntryProblem | undefined {
    return [...this.#unvouched.values()].toSorted((one, other) => one.index - other.index)[0];
  }

  #gapBefore(seq: number): string | undefined {
    if (seq === this.#seq + 1) return undefined;
    if (seq > this.#seq + 1)
      return `stream sequence ${seq} follows ${this.#seq}: ${seq - this.#seq - 1} messages were never logged`;
    return `stream sequence ${seq} follows ${this.#seq}: the stream lost what was logged and gave its sequences away again`;
  }

  #judge(index: number, event: OmegaEvent): string | undefined {
    this.counts.events += 1;
    if (event.type === "incident.opened") this.counts.incidents += 1;
    if (event.type === "agent.faulted") this.#refuse(event);
    if (event.type === "audit.erased" && this.#absent.delete(event.data.blob)) {
      this.counts.erased += 1;
      this.counts.withheld -= 1;
    }
    if (event.type === "audit.checkpointed") {
      const { size, root } = event.data;
      if (size > index) return `it announces a checkpoint of ${size} entries, but stands at ${index} itself`;
      this.announced.push({ index, size, root });
    }
    return this.#causality.take(event);
  }

  #refuse({ data }: EventOf<"agent.faulted">): void {
    if (this.#unvouched.delete(data.seq)) this.counts.refused += 1;
  }
}
