import { omegaStream } from "@omega/bus-schemas/streams.ts";
import type { Bus, Delivery, LeaseStore, Outgoing, Published, StoredMessage, WorkQueue } from "./bus.ts";
import { systemClock, type Clock } from "./clock.ts";
import { fail, ok, type Outcome } from "./outcome.ts";

interface Pending {
  readonly message: StoredMessage;
  deliveries: number;
  /** When it is delivered (again). */
  dueAt: number;
}

interface Durable {
  nextSeq: number;
  floor: number;
  readonly pending: Map<number, Pending>;
}

/** The stream in memory, for simulations and quick tests. Same contract as NatsBus; it lives as long as the object. */
export class MemoryBus implements Bus {
  readonly #messages: StoredMessage[] = [];
  readonly #seen = new Map<string, number>();
  readonly #durables = new Map<string, Durable>();
  readonly #leases = new Map<string, { holder: string; revision: number; expiresAt: number }>();
  readonly #clock: Clock;
  readonly #leaseTtlMs: number;
  #revision = 0;
  #wake = Promise.withResolvers<void>();

  constructor(clock: Clock = systemClock, leaseTtlMs = 4000) {
    this.#clock = clock;
    this.#leaseTtlMs = leaseTtlMs;
  }

  publish(message: Outgoing): Promise<Outcome<Published>> {
    if (message.body.length > omegaStream.maxMessageBytes) {
      return Promise.resolve(
        fail("terminal", "message_too_large", `${message.body.length} bytes on ${message.subject}`),
      );
    }
    const known = this.#seen.get(message.id);
    if (known !== undefined) return Promise.resolve(ok({ seq: known, duplicate: true }));
    const seq = this.#messages.length + 1;
    this.#messages.push({ seq, subject: message.subject, body: message.body.slice(), storedAt: this.#clock.now() });
    this.#seen.set(message.id, seq);
    this.#notify();
    return Promise.resolve(ok({ seq, duplicate: false }));
  }

  async *read(range: { fromSeq: number; toSeq?: number; signal?: AbortSignal }): AsyncIterable<StoredMessage> {
    let seq = Math.max(1, range.fromSeq);
    while (range.signal?.aborted !== true && (range.toSeq === undefined || seq <= range.toSeq)) {
      const message = this.#messages[seq - 1];
      if (message === undefined) {
        await this.#changed(1000, range.signal);
        continue;
      }
      yield message;
      seq += 1;
    }
  }

  lastSeq(): Promise<number> {
    return Promise.resolve(this.#messages.length);
  }

  reconnections(): number {
    return 0;
  }

  onReconnected(): void {
    // Its connection is never lost.
  }

  ackFloor(queue: WorkQueue): Promise<number> {
    return Promise.resolve(this.#durable(queue).floor);
  }

  async *work(queue: WorkQueue, signal: AbortSignal): AsyncIterable<Delivery> {
    const durable = this.#durable(queue);
    while (!signal.aborted) {
      const pending = this.#due(durable, queue.maxAckPending);
      if (pending === undefined) {
        await this.#changed(this.#nextDueMs(durable), signal);
        continue;
      }
      pending.deliveries += 1;
      pending.dueAt = this.#clock.now() + queue.ackWaitMs;
      yield this.#delivery(durable, pending, queue);
    }
  }

  leases(): LeaseStore {
    const take = (key: string, holder: string): number => {
      this.#revision += 1;
      this.#leases.set(key, { holder, revision: this.#revision, expiresAt: this.#clock.now() + this.#leaseTtlMs });
      return this.#revision;
    };
    const live = (key: string): { revision: number } | undefined => {
      const lease = this.#leases.get(key);
      return lease !== undefined && lease.expiresAt > this.#clock.now() ? lease : undefined;
    };
    return {
      create: (key, holder) => Promise.resolve(live(key) === undefined ? take(key, holder) : undefined),
      update: (key, holder, revision) =>
        Promise.resolve(live(key)?.revision === revision ? take(key, holder) : undefined),
      release: (key, revision) => {
        if (this.#leases.get(key)?.revision === revision) this.#leases.delete(key);
        return Promise.resolve();
      },
    };
  }

  close(): Promise<void> {
    this.#notify();
    return Promise.resolve();
  }

  #durable(queue: WorkQueue): Durable {
    let durable = this.#durables.get(queue.durable);
    if (durable === undefined) {
      durable = { nextSeq: 1, floor: 0, pending: new Map() };
      this.#durables.set(queue.durable, durable);
    }
    return durable;
  }

  /** The message to deliver now: an overdue one first, else the next new one while there is room. */
  #due(durable: Durable, maxAckPending: number): Pending | undefined {
    const now = this.#clock.now();
    for (const pending of durable.pending.values()) if (pending.dueAt <= now) return pending;
    const next = this.#messages[durable.nextSeq - 1];
    if (next === undefined || durable.pending.size >= maxAckPending) return undefined;
    const pending: Pending = { message: next, deliveries: 0, dueAt: now };
    durable.pending.set(next.seq, pending);
    durable.nextSeq += 1;
    return pending;
  }

  #nextDueMs(durable: Durable): number {
    const now = this.#clock.now();
    return Math.max(1, Math.min(1000, ...[...durable.pending.values()].map((pending) => pending.dueAt - now)));
  }

  #delivery(durable: Durable, pending: Pending, queue: WorkQueue): Delivery {
    const end = (): void => {
      durable.pending.delete(pending.message.seq);
      const oldest = Math.min(durable.nextSeq, ...durable.pending.keys());
      durable.floor = oldest - 1;
      this.#notify();
    };
    return {
      ...pending.message,
      deliveries: pending.deliveries,
      ack: () => Promise.resolve(end()),
      nak: (delayMs) => {
        pending.dueAt = this.#clock.now() + delayMs;
        this.#notify();
      },
      term: end,
      working: () => {
        pending.dueAt = this.#clock.now() + queue.ackWaitMs;
      },
    };
  }

  #notify(): void {
    const waiting = this.#wake;
    this.#wake = Promise.withResolvers<void>();
    waiting.resolve();
  }

  async #changed(ms: number, signal?: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const either = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
    await Promise.race([this.#wake.promise, this.#clock.sleep(ms, either)]);
    stop.abort();
  }
}
