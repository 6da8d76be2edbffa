import type { Bus, Delivery, LeaseStore, Outgoing, Published, StoredMessage, WorkQueue } from "@omega/shared/bus.ts";
import { fail, type Outcome } from "@omega/shared/outcome.ts";

/** Thrown where the simulation kills a process. */
export class Killed extends Error {
  constructor(where: string) {
    super(`killed ${where}`);
  }
}

export interface Hostility {
  /** Chance of each misfortune, 0 to 1. */
  readonly lostPublish: number;
  readonly lostAnswer: number;
  readonly lostAck: number;
  readonly repeatedDelivery: number;
  readonly kill: number;
}

/**
 * One process's connection to a bus on which everything goes wrong that may: publishes lost before or after they are stored,
 * acknowledgements lost, deliveries repeated, and the process killed before and after each of its calls.
 */
export class HostileBus implements Bus {
  readonly #inner: Bus;
  readonly #chance: () => number;
  readonly #hostility: Hostility;

  constructor(inner: Bus, chance: () => number, hostility: Hostility) {
    this.#inner = inner;
    this.#chance = chance;
    this.#hostility = hostility;
  }

  async publish(message: Outgoing): Promise<Outcome<Published>> {
    this.#maybeKill("before a publish");
    if (this.#happens("lostPublish")) return fail("retryable", "publish_unanswered", "lost on the way there");
    const published = await this.#inner.publish(message);
    this.#maybeKill("after a publish");
    if (this.#happens("lostAnswer")) return fail("retryable", "publish_unanswered", "lost on the way back");
    return published;
  }

  async *work(queue: WorkQueue, signal: AbortSignal): AsyncIterable<Delivery> {
    for await (const delivery of this.#inner.work(queue, signal)) {
      const hostile: Delivery = {
        ...delivery,
        ack: async () => {
          this.#maybeKill("before an acknowledgement");
          if (!this.#happens("lostAck")) await delivery.ack();
        },
      };
      yield hostile;
      if (this.#happens("repeatedDelivery")) yield { ...hostile, deliveries: delivery.deliveries + 1 };
    }
  }

  read(range: { fromSeq: number; toSeq?: number; signal?: AbortSignal }): AsyncIterable<StoredMessage> {
    return this.#inner.read(range);
  }

  lastSeq(): Promise<number> {
    return this.#inner.lastSeq();
  }

  reconnections(): number {
    return this.#inner.reconnections();
  }

  onReconnected(listener: () => void): void {
    this.#inner.onReconnected(listener);
  }

  ackFloor(queue: WorkQueue): Promise<number> {
    return this.#inner.ackFloor(queue);
  }

  leases(): LeaseStore {
    return this.#inner.leases();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #happens(what: keyof Hostility): boolean {
    return this.#chance() < this.#hostility[what];
  }

  #maybeKill(where: string): void {
    if (this.#happens("kill")) throw new Killed(where);
  }
}
