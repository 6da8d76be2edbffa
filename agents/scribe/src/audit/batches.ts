import type { Clock } from "@omega/shared/clock.ts";

export interface BatchTerms {
  readonly intervalMs: number;
  readonly entriesMax: number;
  /** After so long without anything an empty batch comes, so that the reader can look after other things. */
  readonly idleMs: number;
  readonly clock: Clock;
}

/** Groups what arrives: a batch ends when it is full or when its first element has waited long enough. The caller ends the source. */
export async function* inBatches<T>(source: AsyncIterable<T>, terms: BatchTerms): AsyncGenerator<T[]> {
  const iterator = source[Symbol.asyncIterator]();
  let batch: T[] = [];
  let since = terms.clock.now();
  const ask = (): Promise<IteratorResult<T>> => {
    const asked = iterator.next();
    // A rejection belongs to whoever awaits it next, not to nobody.
    asked.catch(() => undefined);
    return asked;
  };
  let next = ask();
  for (;;) {
    const waitMs = batch.length === 0 ? terms.idleMs : since + terms.intervalMs - terms.clock.now();
    const arrived = waitMs > 0 ? await within(next, waitMs, terms.clock) : undefined;
    if (arrived?.done === true) {
      if (batch.length > 0) yield batch;
      return;
    }
    if (arrived !== undefined) {
      if (batch.length === 0) since = terms.clock.now();
      batch.push(arrived.value);
      next = ask();
      if (batch.length < terms.entriesMax) continue;
    }
    yield batch;
    batch = [];
    since = terms.clock.now();
  }
}

async function within<T>(promise: Promise<T>, ms: number, clock: Clock): Promise<T | undefined> {
  const timer = new AbortController();
  try {
    return await Promise.race([promise, clock.sleep(ms, timer.signal).then(() => undefined)]);
  } finally {
    timer.abort();
  }
}
