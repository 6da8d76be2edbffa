import type { Outcome } from "./outcome.ts";

/** One message as the stream holds it. */
export interface StoredMessage {
  /** Position in the stream; rises by one per message, never reused. */
  readonly seq: number;
  readonly subject: string;
  readonly body: Uint8Array;
  /** When the server stored it, milliseconds since the epoch: the clock that replay sees. */
  readonly storedAt: number;
}

/** A message to work on. Exactly one of ack, nak or term ends it; otherwise it comes again after the ack wait. */
export interface Delivery extends StoredMessage {
  /** 1 at the first delivery. */
  readonly deliveries: number;
  ack(): Promise<void>;
  /** Redeliver after `delayMs`. */
  nak(delayMs: number): void;
  /** Never deliver again to this durable; the stream keeps it. */
  term(): void;
  /** Still busy: restarts the ack wait. */
  working(): void;
}

export interface Published {
  readonly seq: number;
  /** The server had this id already; nothing was stored. */
  readonly duplicate: boolean;
}

export interface Outgoing {
  readonly id: string;
  readonly subject: string;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A durable's work queue: every message of the stream in order, at least once. */
export interface WorkQueue {
  readonly durable: string;
  /** Unacknowledged messages are delivered again after this. */
  readonly ackWaitMs: number;
  /** Messages in work at once; 1 gives strict order. */
  readonly maxAckPending: number;
}

/** The stream OMEGA as a port. Implementations: NatsBus, MemoryBus; both pass test/contract/bus.test.ts. */
export interface Bus {
  /**
   * Stores a message durably. Failures: `retryable` (no server, no answer: it may be stored; a repeat with the same id is safe), `terminal`
   * (too large, stream full, refused). What is published while the connection is down is not sent when it is back: `retryable/bus_away`
   * says so then, and whoever publishes looks first whether the past is still the same.
   */
  publish(message: Outgoing): Promise<Outcome<Published>>;
  /** Messages from `fromSeq` on in order, ending after `toSeq`, or following for ever when it is absent. */
  read(range: { fromSeq: number; toSeq?: number; signal?: AbortSignal }): AsyncIterable<StoredMessage>;
  /** Sequence of the newest message, 0 when there is none. */
  lastSeq(): Promise<number>;
  /** How often the connection was lost and made again. A server that was away may have come back with another past. */
  reconnections(): number;
  /** Calls back after each such time. */
  onReconnected(listener: () => void): void;
  /** The highest sequence up to which this durable acknowledged everything; 0 for a new one. */
  ackFloor(queue: WorkQueue): Promise<number>;
  /** Delivers work until the signal aborts; then takes no more and returns. */
  work(queue: WorkQueue, signal: AbortSignal): AsyncIterable<Delivery>;
  /** A lease in the key-value bucket (lease.ts). */
  leases(): LeaseStore;
  /** Finishes what is in flight and closes. */
  close(): Promise<void>;
}

/** Compare-and-set on one key; the revision is the fencing token. Implementations over JetStream key-value and memory. */
export interface LeaseStore {
  /** Takes a free key. `undefined`: somebody holds it. */
  create(key: string, holder: string): Promise<number | undefined>;
  /** Renews it. `undefined`: it was lost. */
  update(key: string, holder: string, revision: number): Promise<number | undefined>;
  /** Gives it up, if it is still at this revision. */
  release(key: string, revision: number): Promise<void>;
}
