import { subjectFor } from "@omega/bus-schemas/subjects.ts";
import { blobEntry, inlineEntry } from "@omega/shared/audit/entry.ts";
import type { Bus, StoredMessage } from "@omega/shared/bus.ts";
import type { Clock } from "@omega/shared/clock.ts";
import { openEvent } from "@omega/shared/event-codec.ts";
import type { Log as Logger } from "@omega/shared/log.ts";
import { fail, ok, reasonOf, type Outcome } from "@omega/shared/outcome.ts";
import type { Keyring } from "@omega/shared/signing.ts";
import type { BlobStore } from "@omega/tlog/blob-store.ts";
import { openCheckpoint } from "@omega/tlog/checkpoint.ts";
import type { Log } from "@omega/tlog/log.ts";
import type { NoteVerifier } from "@omega/tlog/note-key.ts";
import type { Alarms } from "./alarms.ts";
import { inBatches } from "./batches.ts";
import type { AuditConfig } from "./config.ts";
import type { Speaker } from "./speaker.ts";
import type { Witnesses } from "./witnesses.ts";

export interface SequencerParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly keyring: Keyring;
  readonly config: AuditConfig;
  readonly log: Log;
  readonly verifier: NoteVerifier;
  readonly blobs: BlobStore;
  readonly witnesses: Witnesses;
  readonly alarms: Alarms;
  readonly say: Speaker;
}

interface Intent {
  readonly incidentId: string;
  readonly planHash: string;
}

const idleMs = 1000;
const retryMs = 1000;
const intentsMax = 256;
const authorisedSuffix = ".remediation.authorized";
const checkpointSubject = subjectFor({ type: "audit.checkpointed", data: {} });

/** Appends what the stream holds from a sequence on, and tells the stream of the checkpoints that come of it. */
export class Sequencer {
  readonly #parts: SequencerParts;
  #seq: number;
  /** Something is logged that no announcement has covered; the announcements themselves don't count, or they would never end. */
  #unannounced = false;
  #announcedAt = Number.NEGATIVE_INFINITY;
  #intents: Intent[] = [];
  readonly #reconnections: number;

  /** `reconnections`: of the bus, before the past was compared; a later one means that it has to be compared again. */
  constructor(parts: SequencerParts, { resumeSeq, reconnections }: { resumeSeq: number; reconnections: number }) {
    this.#parts = parts;
    this.#seq = resumeSeq - 1;
    this.#reconnections = reconnections;
  }

  /** Follows until the signal aborts. A failure says why it can't go on as it is: then everything is opened and compared anew. */
  async follow(signal: AbortSignal): Promise<Outcome<void>> {
    const { bus, clock, config } = this.#parts;
    const reading = new AbortController();
    const messages = bus.read({ fromSeq: this.#seq + 1, signal: AbortSignal.any([signal, reading.signal]) });
    const terms = { intervalMs: config.intervalMs, entriesMax: config.batchEntries, idleMs, clock };
    try {
      for await (const batch of inBatches(messages, terms)) {
        if (signal.aborted) return ok();
        if (bus.reconnections() !== this.#reconnections)
          return fail("retryable", "reconnected", "The bus was away; its past is compared again.");
        const done = batch.length > 0 ? await this.#append(batch, signal) : await this.#lookBack();
        if (!done.ok) return done;
        // While it catches up, a log that is being made again from the stream is shorter than what its witnesses know.
        if (batch.length === config.batchEntries) continue;
        const { contradiction, quorum, cosignedBy } = await this.#parts.witnesses.cosign(this.#parts.log);
        if (contradiction !== undefined) await this.#parts.alarms.raise("witness_contradicts", contradiction);
        await this.#announceWhenDue(cosignedBy, quorum);
        await this.#parts.alarms.flush();
      }
      return ok();
    } finally {
      reading.abort();
    }
  }

  async #append(batch: readonly StoredMessage[], signal: AbortSignal): Promise<Outcome<void>> {
    const { log, alarms, clock, logger } = this.#parts;
    const [first] = batch;
    if (first !== undefined && first.seq > this.#seq + 1) {
      await alarms.lost({ firstSeq: this.#seq + 1, lastSeq: first.seq - 1, messages: first.seq - 1 - this.#seq });
    }
    let entries: Outcome<Uint8Array[]> | undefined;
    for (;;) {
      entries = entries?.ok === true ? entries : await this.#entriesOf(batch);
      const appended = entries.ok ? await log.append(entries.value) : entries;
      if (appended.ok) break;
      logger.error({ failure: appended.failure, fromSeq: first?.seq }, "the audit log could not be written");
      if (appended.failure.kind !== "retryable") return appended;
      await alarms.raise("log_unwritable", appended.failure.message);
      await clock.sleep(retryMs, signal);
      if (signal.aborted) return ok();
    }
    this.#seq = batch.at(-1)?.seq ?? this.#seq;
    this.#unannounced ||= batch.some(({ subject }) => subject !== checkpointSubject) || alarms.endsWithCheckpoint;
    for (const message of batch) this.#noteIntent(message);
    return ok();
  }

  async #entriesOf(batch: readonly StoredMessage[]): Promise<Outcome<Uint8Array[]>> {
    const { config, blobs } = this.#parts;
    const entries: Uint8Array[] = [];
    try {
      for (const message of batch) {
        const inline = inlineEntry(message);
        if (inline.length <= config.entryBytes && !this.#isErasable(message.subject)) entries.push(inline);
        else entries.push(blobEntry(message, { salted: await blobs.put(message.body), bytes: message.body.length }));
      }
      return ok(entries);
    } catch (error) {
      return fail("retryable", "blob_unwritable", reasonOf(error));
    }
  }

  #isErasable(subject: string): boolean {
    return this.#parts.config.erasable.some((type) => subject.endsWith(`.${type}`));
  }

  /** Only what a trusted Coordinator said is an intent; anybody may publish bytes on a subject. */
  #noteIntent(message: StoredMessage): void {
    if (!message.subject.endsWith(authorisedSuffix)) return;
    const opened = openEvent(message.body, message.subject, this.#parts.keyring, message.storedAt);
    if (!opened.ok || opened.value.type !== "remediation.authorized") return;
    const { incidentid = "", data } = opened.value;
    this.#intents = [...this.#intents, { incidentId: incidentid, planHash: data.planHash }].slice(-intentsMax);
  }

  /** A stream that ends before what is logged has lost acknowledged messages, and would give their sequences to others. */
  async #lookBack(): Promise<Outcome<void>> {
    const lastSeq = await this.#parts.bus.lastSeq().catch(() => undefined);
    if (lastSeq === undefined || lastSeq >= this.#seq) return ok();
    return fail("retryable", "stream_cut", `The stream ends at ${lastSeq}, the log at ${this.#seq}.`);
  }

  /** Intents are told of only under a checkpoint that the witnesses, where there are any, have agreed to. */
  async #announceWhenDue(cosignedBy: readonly string[], quorum: boolean): Promise<void> {
    const { clock, config, log, verifier, alarms, say, logger } = this.#parts;
    const intents = quorum ? this.#intents : [];
    const due = intents.length > 0 || clock.now() - this.#announcedAt >= config.announceMs;
    if (!due || (intents.length === 0 && !this.#unannounced) || log.size === 0) return;
    const opened = openCheckpoint(Buffer.from(log.checkpoint), [verifier]);
    if (!opened.ok) throw new Error(`the log's own checkpoint does not open: ${opened.reason}`);
    const { origin, size, root } = opened.value.checkpoint;
    const hex = Buffer.from(root).toString("hex");
    const said = await say(
      {
        type: "audit.checkpointed",
        data: { origin, size, root: hex, throughSeq: this.#seq, cosignedBy: [...cosignedBy], intents },
      },
      `audit ${origin} ${size} ${hex} ${intents.length}`,
    );
    if (!said.ok) {
      logger.warn({ failure: said.failure }, "could not announce a checkpoint");
      return;
    }
    if (quorum) this.#intents = [];
    this.#unannounced = false;
    this.#announcedAt = clock.now();
    alarms.checkpointed();
  }
}
