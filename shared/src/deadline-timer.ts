import type { Clock } from "./clock.ts";

const retryDelayMs = 500;

/** One timer for the earliest deadline. */
export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #passed: () => Promise<boolean>;
  readonly #onBug: (error: unknown) => void;
  #timer: AbortController | undefined;

  /** `passed` says what the deadline leads to; false: it could not be said, and is tried again. */
  constructor(parts: { clock: Clock; passed(): Promise<boolean>; onBug(error: unknown): void }) {
    this.#clock = parts.clock;
    this.#passed = () => parts.passed();
    this.#onBug = (error) => parts.onBug(error);
  }

  /** Forgets the deadline of before. */
  arm(at: number | undefined): void {
    this.stop();
    if (at === undefined) return;
    const timer = new AbortController();
    this.#timer = timer;
    this.#wait(at, timer.signal).catch(this.#onBug);
  }

  stop(): void {
    this.#timer?.abort();
  }

  async #wait(at: number, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(Math.max(0, at - this.#clock.now()), signal);
    while (!signal.aborted) {
      // Once said, the event comes back, is folded, and arms the next deadline.
      if (await this.#passed()) return;
      await this.#clock.sleep(retryDelayMs, signal);
    }
  }
}
