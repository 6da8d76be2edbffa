import { inlineEntry, parseEntry, seqOf } from "@omega/shared/audit/entry.ts";
import type { StoredMessage } from "@omega/shared/bus.ts";
import type { BlobStore } from "@omega/tlog/blob-store.ts";

/** Entries of the log in order, from an index on. */
export type EntrySource = (from: number) => AsyncIterable<{ readonly index: number; readonly entry: Uint8Array }>;

/** Sequences that share a fate: the first, the last, and how many they are. */
export interface Span {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly messages: number;
}

export interface PastFindings {
  /** Sequences up to the last logged one that the stream doesn't hold. */
  readonly lost: Span | undefined;
  /** Sequences at which the stream holds other bytes than were logged, or something where nothing was logged. */
  readonly differing: Span | undefined;
  /** Where logging goes on. */
  readonly resumeSeq: number;
}

interface Run {
  readonly firstIndex: number;
  readonly firstSeq: number;
  lastIndex: number;
  lastSeq: number;
}

/**
 * Compares everything that is logged with what the stream holds, byte for byte. `stream` gives its messages in order up to `lastSeq`.
 *
 * A stream that lost its end gives the lost sequences to new messages. The log never takes anything back, so there a second run of
 * entries begins with a lower sequence, and counts from then on instead of what it covers.
 */
export async function comparePast(
  entries: EntrySource,
  stream: AsyncIterable<StoredMessage>,
  blobs: BlobStore,
): Promise<PastFindings> {
  const runs = await runsOf(entries(0));
  const loggedTo = runs.at(-1)?.lastSeq ?? 0;
  const logged = standing(entries, runs);
  const messages = stream[Symbol.asyncIterator]();
  const [lost, differing] = [new SpanCount(), new SpanCount()];
  let equalTo = 0;
  let expected = 1;
  let entry = await logged.next();
  let message = await messages.next();
  while (message.done !== true && message.value.seq <= loggedTo) {
    const { seq } = message.value;
    lost.add(expected, seq - 1);
    expected = seq + 1;
    while (entry.done !== true && entry.value.seq < seq) entry = await logged.next();
    const same =
      entry.done !== true && entry.value.seq === seq && (await isEntryOf(entry.value.entry, message.value, blobs));
    if (same) equalTo = seq;
    else differing.add(seq, seq);
    message = await messages.next();
  }
  await messages.return?.();
  await logged.return(undefined);
  lost.add(expected, loggedTo);
  return { lost: lost.span, differing: differing.span, resumeSeq: equalTo + 1 };
}

/** An erased blob can't be compared any more; that it was erased is on record elsewhere. */
async function isEntryOf(entry: Uint8Array, message: StoredMessage, blobs: BlobStore): Promise<boolean> {
  if (Buffer.compare(entry, inlineEntry(message)) === 0) return true;
  const parsed = parseEntry(entry);
  if (!parsed.ok || parsed.value.kind !== "blob") return false;
  const { subject, storedAt, blob } = parsed.value;
  if (subject !== message.subject || storedAt !== message.storedAt || blob.bytes !== message.body.length) return false;
  const found = await blobs.get(blob.salted);
  return found.kind === "erased" || (found.kind === "found" && Buffer.compare(found.content, message.body) === 0);
}

async function runsOf(entries: ReturnType<EntrySource>): Promise<Run[]> {
  const runs: Run[] = [];
  for await (const { index, entry } of entries) {
    const seq = seqOf(entry) ?? 0;
    const current = runs.at(-1);
    if (current === undefined || seq <= current.lastSeq) {
      runs.push({ firstIndex: index, firstSeq: seq, lastIndex: index, lastSeq: seq });
    } else {
      current.lastSeq = seq;
      current.lastIndex = index;
    }
  }
  return runs;
}

/** The entries that no later run has replaced, by rising sequence. */
async function* standing(
  entries: EntrySource,
  runs: readonly Run[],
): AsyncGenerator<{ seq: number; entry: Uint8Array }> {
  for (const [at, run] of runs.entries()) {
    const replacedFrom = Math.min(...runs.slice(at + 1).map(({ firstSeq }) => firstSeq), Number.POSITIVE_INFINITY);
    for await (const { index, entry } of entries(run.firstIndex)) {
      const seq = seqOf(entry) ?? 0;
      if (index > run.lastIndex || seq >= replacedFrom) break;
      yield { seq, entry };
    }
  }
}

class SpanCount {
  #first: number | undefined;
  #last = 0;
  #messages = 0;

  add(fromSeq: number, toSeq: number): void {
    if (toSeq < fromSeq) return;
    this.#first ??= fromSeq;
    this.#last = toSeq;
    this.#messages += toSeq - fromSeq + 1;
  }

  get span(): Span | undefined {
    if (this.#first === undefined) return undefined;
    return { firstSeq: this.#first, lastSeq: this.#last, messages: this.#messages };
  }
}
