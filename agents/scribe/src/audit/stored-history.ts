import type { Bus, StoredMessage } from "@omega/shared/bus.ts";
import type { Clock } from "@omega/shared/clock.ts";
import { inBatches } from "./batches.ts";

/** How long a fresh reader may be silent before its silence is believed. */
const silenceMs = 3000;

/**
 * Every message from the first one up to `lastSeq`. A stream that was cut may hold none at its last sequence, so a plain read up to
 * there would wait for ever: where a fresh reader gets nothing while the server answers, there is nothing more. A server that is away
 * says nothing about the past, and is waited for.
 */
export async function* storedHistory(
  bus: Bus,
  lastSeq: number,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<StoredMessage> {
  let nextSeq = 1;
  while (nextSeq <= lastSeq && !signal.aborted) {
    const from = nextSeq;
    const reading = new AbortController();
    const messages = bus.read({
      fromSeq: from,
      toSeq: lastSeq,
      signal: AbortSignal.any([signal, reading.signal]),
    });
    try {
      for await (const batch of inBatches(messages, { intervalMs: 10, entriesMax: 256, idleMs: silenceMs, clock })) {
        if (batch.length === 0) break;
        for (const message of batch) {
          yield message;
          nextSeq = message.seq + 1;
        }
      }
    } finally {
      reading.abort();
    }
    const answers = await bus.lastSeq().then(
      () => true,
      () => false,
    );
    if (answers && nextSeq === from) return;
  }
}
