import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Bus, StoredMessage } from "../bus.ts";
import type { Clock } from "../clock.ts";
import { openEvent } from "../event-codec.ts";
import type { Log } from "../log.ts";
import { fail, ok, reasonOf, type Failure, type Outcome } from "../outcome.ts";
import { RecentIds } from "../recent-ids.ts";
import type { Keyring } from "../signing.ts";
import { evolveDeeds, noDeeds, type Deeds } from "./deeds.ts";

const readAgainMs = 500;

export interface FollowedDeedsOptions {
  readonly bus: Bus;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Told of each event right after it was folded, the past included. */
  onEvent?(event: OmegaEvent): void;
  /** Told of each message that can't be believed, the past included. */
  onRefused?(message: StoredMessage, failure: Failure): void;
}

/**
 * What Omega did and what becomes of it, by the whole stream as it grows. Unlike an agent's state, which moves with the messages that
 * the agent is given, this one hears everything at once: a freeze reaches every process that holds one within a round trip of the bus.
 */
export class FollowedDeeds {
  readonly #options: FollowedDeedsOptions;
  readonly #seen = new RecentIds();
  readonly #waiting = new Set<() => void>();
  #deeds: Deeds = noDeeds;
  #seq = 0;

  constructor(options: FollowedDeedsOptions) {
    this.#options = options;
  }

  /** As far as it was folded. */
  get deeds(): Deeds {
    return this.#deeds;
  }

  /** Follows until the signal aborts; a connection that is lost is waited for. */
  async follow(): Promise<void> {
    const { bus, signal, log, clock } = this.#options;
    while (!signal.aborted) {
      try {
        for await (const message of bus.read({ fromSeq: this.#seq + 1, signal })) this.#fold(message);
      } catch (error) {
        log.warn({ reason: reasonOf(error) }, "the stream can't be followed at present");
      }
      if (!signal.aborted) await clock.sleep(readAgainMs, signal);
    }
    this.#wake();
  }

  /**
   * The deeds with everything in them that the stream held when this was asked. Failure `retryable/bus_away`: the stream could not be
   * asked, so nobody knows what it holds; `retryable/stopped`: `until` aborted first.
   */
  async newest(until?: AbortSignal): Promise<Outcome<Deeds>> {
    const { bus, signal } = this.#options;
    let last: number;
    try {
      last = await bus.lastSeq();
    } catch (error) {
      return fail("retryable", "bus_away", `The stream does not answer: ${reasonOf(error)}`);
    }
    while (this.#seq < last) {
      if (signal.aborted || until?.aborted === true)
        return fail("retryable", "stopped", "It was stopped while it waited for the stream.");
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
        until?.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return ok(this.#deeds);
  }

  #fold(message: StoredMessage): void {
    const options = this.#options;
    const opened = openEvent(message.body, message.subject, options.keyring, message.storedAt);
    this.#seq = message.seq;
    if (!opened.ok) options.onRefused?.(message, opened.failure);
    else if (this.#seen.add(opened.value.id)) {
      this.#deeds = evolveDeeds(this.#deeds, opened.value, message.storedAt);
      options.onEvent?.(opened.value);
    }
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
