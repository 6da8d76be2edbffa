export interface Counts {
  requests: number;
  failures: number;
  slow: number;
}

interface Bucket extends Counts {
  second: number;
  /** Durations of the good requests, kept until they are old enough to count as normal. */
  durations: number[];
}

/** How far back single seconds are known. */
export const ringSeconds = 128;

const halfLifeSeconds = 600;
const decayPerSecond = 0.5 ** (1 / halfLifeSeconds);

/**
 * Counts of one operation, second by second for the last two minutes and as one decaying sum before that. The sum is what was
 * normal: seconds inside an episode never enter it.
 */
export class SecondBuckets {
  readonly #ring: (Bucket | undefined)[] = Array.from({ length: ringSeconds });
  readonly history: Counts = { requests: 0, failures: 0, slow: 0 };
  #tally = { requests: 0, failures: 0 };
  #oldest = Number.POSITIVE_INFINITY;
  #newest = Number.NEGATIVE_INFINITY;
  #abnormalFrom = Number.POSITIVE_INFINITY;

  /** A request that ended at `atMs`. What ended before the ring begins is too late to count. */
  add(atMs: number, nowMs: number, request: { failed: boolean; slow: boolean; durationMs: number }): void {
    const now = Math.floor(nowMs / 1000);
    // A sender whose clock is off is counted when it reports, since its own times mean nothing here.
    const claimed = Math.floor(atMs / 1000);
    const second = claimed > now || claimed < now - ringSeconds / 2 ? now : claimed;
    const slot = second % ringSeconds;
    let bucket = this.#ring[slot];
    if (bucket === undefined || bucket.second !== second) {
      if (bucket !== undefined && bucket.second > second) return;
      if (bucket !== undefined) this.#retire(bucket);
      bucket = { second, requests: 0, failures: 0, slow: 0, durations: [] };
      this.#ring[slot] = bucket;
    }
    bucket.requests += 1;
    this.#tally.requests += 1;
    if (request.failed) {
      bucket.failures += 1;
      this.#tally.failures += 1;
    }
    if (!request.failed && bucket.durations.length < 256) bucket.durations.push(request.durationMs);
    if (request.slow) bucket.slow += 1;
    this.#oldest = Math.min(this.#oldest, second);
    this.#newest = Math.max(this.#newest, second);
  }

  #retire(bucket: Bucket): void {
    if (bucket.second >= this.#abnormalFrom) return;
    const decay = decayPerSecond ** Math.max(1, this.#newest - bucket.second - ringSeconds);
    this.history.requests = this.history.requests * decayPerSecond + bucket.requests * decay;
    this.history.failures = this.history.failures * decayPerSecond + bucket.failures * decay;
    this.history.slow = this.history.slow * decayPerSecond + bucket.slow * decay;
  }

  /** From this second on nothing counts as normal, until `normalAgain`. */
  abnormalFrom(second: number): void {
    this.#abnormalFrom = Math.min(this.#abnormalFrom, second);
  }

  /** The episode is over: what it left in the ring is forgotten, so that it never becomes the baseline. */
  normalAgain(): void {
    for (const [slot, bucket] of this.#ring.entries()) {
      if (bucket !== undefined && bucket.second >= this.#abnormalFrom) this.#ring[slot] = undefined;
    }
    this.#abnormalFrom = Number.POSITIVE_INFINITY;
  }

  /** What was added since the last call, normal or not. */
  takeTally(): { requests: number; failures: number } {
    const tally = this.#tally;
    if (tally.requests > 0) this.#tally = { requests: 0, failures: 0 };
    return tally;
  }

  /** Counts of the seconds in [from, to). */
  between(from: number, to: number): Counts & { firstFailure: number; lastFailure: number } {
    const counts = {
      requests: 0,
      failures: 0,
      slow: 0,
      firstFailure: Number.POSITIVE_INFINITY,
      lastFailure: Number.NEGATIVE_INFINITY,
    };
    for (const bucket of this.#ring) {
      if (bucket === undefined || bucket.second < from || bucket.second >= to) continue;
      counts.requests += bucket.requests;
      counts.failures += bucket.failures;
      counts.slow += bucket.slow;
      if (bucket.failures === 0) continue;
      counts.firstFailure = Math.min(counts.firstFailure, bucket.second);
      counts.lastFailure = Math.max(counts.lastFailure, bucket.second);
    }
    return counts;
  }

  /** What was normal before `before`: the history and the normal seconds of the ring. */
  baseline(before: number): Counts {
    const recent = this.between(0, Math.min(before, this.#abnormalFrom));
    return {
      requests: this.history.requests + recent.requests,
      failures: this.history.failures + recent.failures,
      slow: this.history.slow + recent.slow,
    };
  }

  /** Hands over the durations of normal seconds before `before`, each once. */
  takeDurations(before: number): number[] {
    const taken: number[] = [];
    for (const bucket of this.#ring) {
      if (bucket === undefined || bucket.second >= before || bucket.durations.length === 0) continue;
      if (bucket.second < this.#abnormalFrom) taken.push(...bucket.durations);
      bucket.durations = [];
    }
    return taken;
  }
}
