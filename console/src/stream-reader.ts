import type { Clock } from "@omega/shared/clock.ts";
import { openEvent } from "@omega/shared/event-codec.ts";
import type { Log } from "@omega/shared/log.ts";
import { NatsBus, type NatsConfig } from "@omega/shared/nats-bus.ts";
import { reasonOf } from "@omega/shared/outcome.ts";
import type { Keyring } from "@omega/shared/signing.ts";
import type { Recorded } from "./incident-records.ts";
import type { BusState } from "./wire.ts";

const retryMs = 500;
const lookMs = 1000;

/** Told of what is on the stream, in order, and of the bus coming and going. */
export interface StreamListener {
  /** Where the fold stands; reading goes on behind it. */
  seq(): number;
  taken(recorded: Recorded): void;
  refused(seq: number): void;
  /** The stream is another one than was folded: everything is to be folded again from its beginning. */
  restart(): void;
  bus(state: BusState): void;
}

/**
 * Follows the stream for as long as the process lives. The bus may be away at the start, go and come back; after each of these reading
 * begins again right behind what was folded, so nothing is missed and nothing comes twice.
 */
export class StreamReader {
  readonly #server: Omit<NatsConfig, "name">;
  readonly #keyring: Keyring;
  readonly #clock: Clock;
  readonly #log: Log;
  #bus: NatsBus | undefined;
  #heardAt: number | undefined;
  #connected = false;

  constructor(around: { server: Omit<NatsConfig, "name">; keyring: Keyring; clock: Clock; log: Log }) {
    this.#server = around.server;
    this.#keyring = around.keyring;
    this.#clock = around.clock;
    this.#log = around.log;
  }

  get bus(): NatsBus | undefined {
    return this.#connected ? this.#bus : undefined;
  }

  get state(): BusState {
    return { connected: this.#connected, ...(this.#heardAt === undefined ? {} : { heardAt: this.#heardAt }) };
  }

  /** Runs until the signal aborts. */
  async follow(listener: StreamListener, signal: AbortSignal): Promise<void> {
    const watching = this.#watch(listener, signal);
    while (!signal.aborted) {
      this.#bus ??= await this.#connect(signal);
      if (this.#bus === undefined) continue;
      try {
        await this.#readOnce(this.#bus, listener, signal);
      } catch (error) {
        this.#log.warn({ reason: reasonOf(error) }, "reading the stream was interrupted");
      }
      await this.#clock.sleep(retryMs, signal);
    }
    await watching;
    await this.#bus?.close();
  }

  /** Events of a range, for incidents that are no longer held and for single looks. */
  async range(fromSeq: number, toSeq: number): Promise<Recorded[]> {
    const bus = this.bus;
    const found: Recorded[] = [];
    if (bus === undefined) return found;
    for await (const { seq, storedAt, body, subject } of bus.read({ fromSeq, toSeq })) {
      const opened = openEvent(body, subject, this.#keyring, storedAt);
      if (opened.ok) found.push({ seq, storedAt, event: opened.value });
    }
    return found;
  }

  async #connect(signal: AbortSignal): Promise<NatsBus | undefined> {
    const bus = await NatsBus.connect({ ...this.#server, name: "omega-console" });
    if (bus.ok) return bus.value;
    await this.#clock.sleep(retryMs, signal);
    return undefined;
  }

  /** One reader, until the connection was lost and made again: the server may have forgotten it, or come back with another past. */
  async #readOnce(bus: NatsBus, listener: StreamListener, signal: AbortSignal): Promise<void> {
    const lastSeq = await bus.lastSeq();
    if (lastSeq < listener.seq()) listener.restart();
    const before = bus.reconnections();
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    const renewing = (async () => {
      while (!until.aborted) {
        if (bus.reconnections() !== before) over.abort();
        await this.#clock.sleep(lookMs / 4, until);
      }
    })();
    try {
      for await (const { seq, storedAt, body, subject } of bus.read({ fromSeq: listener.seq() + 1, signal: until })) {
        const opened = openEvent(body, subject, this.#keyring, storedAt);
        if (opened.ok) listener.taken({ seq, storedAt, event: opened.value });
        else listener.refused(seq);
      }
    } finally {
      over.abort();
      await renewing;
    }
  }

  /** Says when the bus goes and comes, and how fresh what is shown is. */
  async #watch(listener: StreamListener, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const connected = this.#bus?.isConnected() === true;
      if (connected) this.#heardAt = this.#clock.now();
      if (connected !== this.#connected) {
        this.#connected = connected;
        this.#log.info({ connected }, connected ? "the bus is there" : "the bus is away");
        listener.bus(this.state);
      }
      await this.#clock.sleep(lookMs / 2, signal);
    }
  }
}
