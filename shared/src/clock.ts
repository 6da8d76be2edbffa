import { setTimeout as sleep } from "node:timers/promises";

/** Time as a port: tests and simulations bring their own. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    if (signal?.aborted === true) return;
    await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  },
};

/** RFC 3339 with milliseconds in UTC, the form of every time on the bus. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
