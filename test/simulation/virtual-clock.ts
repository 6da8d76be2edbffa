import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "@omega/shared/clock.ts";

/** Turns of the event loop after which everything that can go on without time passing has gone on. */
const settleTurns = 6;

async function settle(): Promise<void> {
  for (let count = 0; count < settleTurns; count += 1) await turn();
}

/** Time that passes only when nothing else can happen, so that one seed gives one run however busy the machine is. */
export class VirtualClock implements Clock {
  #now: number;
  readonly #sleepers = new Set<{ readonly at: number; wake(): void }>();

  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper = { at: this.#now + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleepers.delete(sleeper);
        resolve();
      });
    });
  }

  /** Lets everything run, and time pass, until `holds` or until `limitMs` of virtual time are over. */
  async runUntil(holds: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
    const end = this.#now + limitMs;
    for (;;) {
      await settle();
      if (await holds()) return true;
      // What was asked may itself have set something going.
      await settle();
      const next = [...this.#sleepers].toSorted((one, other) => one.at - other.at)[0];
      if (next === undefined || next.at > end) return await holds();
      this.#now = Math.max(this.#now, next.at);
      this.#sleepers.delete(next);
      next.wake();
    }
  }
}
