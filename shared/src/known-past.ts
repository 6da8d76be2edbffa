import type { Bus } from "./bus.ts";
import type { Clock } from "./clock.ts";
import { fail, ok, type Outcome } from "./outcome.ts";

/** Ends the process: the stream no longer holds what it has read from it or said on it. */
export class HistoryLost extends Error {
  readonly seq: number;

  constructor(seq: number) {
    super(`the stream went back in time: it does not hold the message that was known at sequence ${seq}`);
    this.seq = seq;
  }
}

const retryMs = 250;

/**
 * What a process knows of the stream, held against the stream whenever that may have become another one: a server that was away can come
 * back from an older backup, and then this process's state is a fold of messages that never happened. One message is enough to know: a
 * stream only grows, so one that holds the newest message we know, in its place, holds everything before it too.
 */
export class KnownPast {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #onLost: (lost: HistoryLost) => void;
  #newest: { readonly seq: number; readonly body: Uint8Array } | undefined;
  /** Of the bus, at the last time that all was well. */
  #reconnections: number;
  #looking: Promise<Outcome<void>> | undefined;
  #isLost = false;

  constructor(parts: { bus: Bus; clock: Clock; signal: AbortSignal; onLost(lost: HistoryLost): void }) {
    this.#bus = parts.bus;
    this.#clock = parts.clock;
    this.#signal = parts.signal;
    this.#onLost = (lost) => parts.onLost(lost);
    this.#reconnections = parts.bus.reconnections();
    // Who waits for a deadline and hears nothing must not act on it either.
    parts.bus.onReconnected(() => void this.assure());
  }

  /** A message that was read, or stored by us. */
  note(message: { readonly seq: number; readonly body: Uint8Array }): void {
    if (message.seq > (this.#newest?.seq ?? 0)) this.#newest = message;
  }

  /**
   * To be awaited before anything is done on the strength of what is known; costs nothing while the connection lasts. Failures:
   * `retryable/history_lost`, for good, and `retryable/bus_away` when the signal aborted before the server answered.
   */
  async assure(): Promise<Outcome<void>> {
    while (!this.#isLost && this.#bus.reconnections() !== this.#reconnections) {
      const looked = await this.look();
      if (!looked.ok) return looked;
    }
    return this.#isLost ? lost : ok();
  }

  /** Looks now; whoever asks meanwhile waits for the same look. */
  async look(): Promise<Outcome<void>> {
    this.#looking ??= this.#compare().finally(() => (this.#looking = undefined));
    return await this.#looking;
  }

  async #compare(): Promise<Outcome<void>> {
    while (!this.#signal.aborted) {
      const reconnections = this.#bus.reconnections();
      const newest = this.#newest;
      const holds = newest === undefined || (await this.#holds(newest));
      if (holds === true) {
        this.#reconnections = reconnections;
        return ok();
      }
      if (holds === false) {
        this.#isLost = true;
        this.#onLost(new HistoryLost(newest?.seq ?? 0));
        return lost;
      }
      await this.#clock.sleep(retryMs, this.#signal);
    }
    return fail("retryable", "bus_away", "The server was not there to tell whether its past is still the same.");
  }

  /** `undefined` where the server does not answer, which says nothing of the past. */
  async #holds({ seq, body }: { seq: number; body: Uint8Array }): Promise<boolean | undefined> {
    try {
      if ((await this.#bus.lastSeq()) < seq) return false;
      for await (const message of this.#bus.read({ fromSeq: seq, toSeq: seq, signal: this.#signal })) {
        return message.seq === seq && Buffer.compare(message.body, body) === 0;
      }
      return undefined;
    } catch {
      return undefined;
    }
  }
}

const lost = fail("retryable", "history_lost", "The stream is not the one that this process knows.");
