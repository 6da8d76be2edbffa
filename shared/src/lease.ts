import type { LeaseStore } from "./bus.ts";
import type { Clock } from "./clock.ts";
import { reasonOf } from "./outcome.ts";

/** Who leads, and the fencing token that rides in every order of this leadership. */
export interface Leadership {
  readonly fence: number;
  /** Aborts when the lease could not be renewed in time: stop at once, somebody else may lead already. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/**
 * Waits until this process holds the lease, then renews it three times per lifetime. The fencing token is the revision at which it
 * was taken; a later leader's is higher, since revisions only rise. Returns undefined when `signal` aborts first.
 */
export async function leadOnce(
  leases: LeaseStore,
  options: {
    key: string;
    holder: string;
    ttlMs: number;
    clock: Clock;
    signal: AbortSignal;
    onTrouble(reason: string): void;
  },
): Promise<Leadership | undefined> {
  const { key, holder, ttlMs, clock, signal } = options;
  let revision: number | undefined;
  while (revision === undefined) {
    if (signal.aborted) return undefined;
    revision = await leases.create(key, holder).catch((error: unknown) => {
      options.onTrouble(reasonOf(error));
      return undefined;
    });
    if (revision === undefined) await clock.sleep(ttlMs / 8, signal);
  }
  const fence = revision;
  let current = revision;
  const lost = new AbortController();
  const stop = new AbortController();
  const renewing = (async () => {
    let renewedAt = clock.now();
    while (!stop.signal.aborted) {
      await clock.sleep(ttlMs / 3, stop.signal);
      if (stop.signal.aborted) return;
      const attemptAt = clock.now();
      try {
        const next = await leases.update(key, holder, current);
        if (next === undefined) break;
        current = next;
        renewedAt = attemptAt;
      } catch (error) {
        options.onTrouble(reasonOf(error));
        if (clock.now() - renewedAt > (ttlMs * 2) / 3) break;
      }
    }
    if (!stop.signal.aborted) lost.abort();
  })();
  return {
    fence,
    lost: lost.signal,
    async release() {
      stop.abort();
      await renewing;
      if (!lost.signal.aborted)
        await leases.release(key, current).catch((error: unknown) => options.onTrouble(reasonOf(error)));
    },
  };
}
