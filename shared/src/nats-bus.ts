import { setTimeout as delay } from "node:timers/promises";
import {
  AckPolicy,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  ReplayPolicy,
  jetstream,
  jetstreamManager,
  type Consumer,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
} from "@nats-io/jetstream";
import { leaseBucket, omegaStream, workQueues, type StreamLimits } from "@omega/bus-schemas/streams.ts";
import { AuthorizationError, connect, headers, PermissionViolationError, type NatsConnection } from "nats";
import type { Bus, Delivery, LeaseStore, Outgoing, Published, StoredMessage, WorkQueue } from "./bus.ts";
import { signingIn, type BusIdentity } from "./bus-identity.ts";
import { fail, ok, reasonOf, type Failure, type Outcome } from "./outcome.ts";
import { NatsLeases } from "./nats-leases.ts";

/** Server errors of a publish that no repeat can mend: message too large, stream full by bytes or messages, account out of storage. */
const terminalPublishCodes = new Set([10054, 10077, 10047, 10023, 10028]);

const publishTimeoutMs = 5000;
const readBatch = 500;
/** When the server forgets a reader that died without a word. */
const readerForgottenMs = 30_000;

export interface NatsConfig {
  /** One URL or several, e.g. `nats://127.0.0.1:4222`. */
  readonly servers: readonly string[];
  /** Shown in `nats server report connections`. */
  readonly name: string;
  /** As whom; without it, or without its file, as whoever the server lets in without a name. */
  readonly identity?: BusIdentity;
}

/** The stream OMEGA over a real nats-server (2.9.10 or newer). */
export class NatsBus implements Bus {
  readonly #connection: NatsConnection;
  readonly #client: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #leases: LeaseStore;
  readonly #onReconnected: (() => void)[] = [];
  #reconnections = 0;
  /** While the connection is down: settles when it is up again. */
  #away: PromiseWithResolvers<void> | undefined;

  private constructor(connection: NatsConnection, manager: JetStreamManager, leases: LeaseStore) {
    this.#connection = connection;
    this.#client = jetstream(connection, { timeout: publishTimeoutMs });
    this.#manager = manager;
    this.#leases = leases;
    void this.#watchConnection();
  }

  /**
   * Connects and checks that the stream is there; it never makes one (installBus does). Reconnects for ever afterwards. Failures:
   * `retryable/bus_unreachable`, `retryable/stream_missing`, `terminal/bus_refused` (the server knows no such user),
   * `terminal/bad_credentials`.
   */
  static async connect(config: NatsConfig): Promise<Outcome<NatsBus>> {
    const connected = await connectTo(config);
    if (!connected.ok) return connected;
    const connection = connected.value;
    try {
      const manager = await jetstreamManager(connection, { timeout: publishTimeoutMs });
      await manager.streams.info(omegaStream.name);
      return ok(new NatsBus(connection, manager, await NatsLeases.open(jetstream(connection), leaseBucket.name)));
    } catch (error) {
      await connection.close();
      if (codeOf(error) === JetStreamApiCodes.StreamNotFound) {
        return fail(
          "retryable",
          "stream_missing",
          `The stream ${omegaStream.name} does not exist yet: omega up installs it.`,
        );
      }
      return fail("retryable", "bus_unreachable", `${config.servers.join(", ")}: ${reasonOf(error)}`);
    }
  }

  async publish(message: Outgoing): Promise<Outcome<Published>> {
    if (this.#away !== undefined) {
      // The client would keep it and send it to whatever server comes back.
      await Promise.race([this.#away.promise, delay(publishTimeoutMs, undefined, { ref: false })]);
      return fail("retryable", "bus_away", `${message.subject}: the connection was lost; it was not sent.`);
    }
    const meta = headers();
    for (const [name, value] of Object.entries(message.headers ?? {})) meta.set(name, value);
    try {
      const ack = await this.#client.publish(message.subject, message.body, { msgID: message.id, headers: meta });
      return ok({ seq: ack.seq, duplicate: ack.duplicate });
    } catch (error) {
      return { ok: false, failure: publishFailure(error, message) };
    }
  }

  async *read(range: { fromSeq: number; toSeq?: number; signal?: AbortSignal }): AsyncIterable<StoredMessage> {
    const { fromSeq, toSeq, signal } = range;
    if (toSeq !== undefined && toSeq < Math.max(1, fromSeq)) return;
    const consumer = await this.#client.consumers.get(omegaStream.name, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(1, fromSeq),
      replay_policy: ReplayPolicy.Instant,
      inactive_threshold: readerForgottenMs,
    });
    const messages = await consumer.consume({ max_messages: readBatch });
    const stop = (): void => messages.stop();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      if (signal?.aborted === true) return;
      for await (const message of messages) {
        yield storedOf(message);
        if (toSeq !== undefined && message.seq >= toSeq) return;
      }
    } finally {
      signal?.removeEventListener("abort", stop);
      await messages.close();
      // A reader is a consumer on the server, and those are counted: it goes with its reader, not minutes later.
      await consumer.delete().catch(() => false);
    }
  }

  async lastSeq(): Promise<number> {
    return (await this.#manager.streams.info(omegaStream.name)).state.last_seq;
  }

  /** Whether the server answers at present. A lost connection is made again by itself. */
  isConnected(): boolean {
    return this.#away === undefined && !this.#connection.isClosed();
  }

  reconnections(): number {
    return this.#reconnections;
  }

  onReconnected(listener: () => void): void {
    this.#onReconnected.push(listener);
  }

  async ackFloor(queue: WorkQueue): Promise<number> {
    return (await (await this.#consumer(queue)).info()).ack_floor.stream_seq;
  }

  async *work(queue: WorkQueue, signal: AbortSignal): AsyncIterable<Delivery> {
    // The outer loop survives a consumer that was deleted or a pull that the server ended: it looks the consumer up again.
    while (!signal.aborted) {
      const consumer = await this.#consumer(queue);
      const messages = await consumer.consume({ max_messages: Math.max(2, queue.maxAckPending) });
      const stop = (): void => messages.stop();
      signal.addEventListener("abort", stop, { once: true });
      try {
        for await (const message of messages) {
          if (signal.aborted) return;
          yield deliveryOf(message);
        }
      } finally {
        signal.removeEventListener("abort", stop);
        await messages.close();
      }
    }
  }

  leases(): LeaseStore {
    return this.#leases;
  }

  async close(): Promise<void> {
    if (this.#connection.isClosed()) return;
    // Without a server there is nothing to drain to; what was not acknowledged comes again.
    await this.#connection.drain().catch(() => this.#connection.close());
  }

  async #watchConnection(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === "disconnect") this.#away ??= Promise.withResolvers();
      if (type !== "reconnect") continue;
      this.#reconnections += 1;
      this.#away?.resolve();
      this.#away = undefined;
      for (const listener of this.#onReconnected) listener();
    }
  }

  async #consumer(queue: WorkQueue): Promise<Consumer> {
    try {
      return await this.#client.consumers.get(omegaStream.name, queue.durable);
    } catch (error) {
      if (codeOf(error) !== JetStreamApiCodes.ConsumerNotFound) throw error;
      await this.#manager.consumers.add(omegaStream.name, consumerOf(queue));
      return await this.#client.consumers.get(omegaStream.name, queue.durable);
    }
  }
}

/**
 * Makes the stream, the durables of the agents and the lease bucket, or checks those that are there. Run by whoever installs Omega, never
 * by an agent. Failures: `retryable/bus_unreachable`, `terminal/bus_refused`, `terminal/stream_differs` (names the fields; nothing is changed, since an update may drop history).
 */
export async function installBus(
  config: NatsConfig & { readonly limits?: Partial<Pick<StreamLimits, "replicas" | "maxBytes">> },
): Promise<Outcome<void>> {
  const connected = await connectTo(config);
  if (!connected.ok) return connected;
  const connection = connected.value;
  try {
    const manager = await jetstreamManager(connection, { timeout: publishTimeoutMs });
    const wanted = streamConfig(config.limits ?? {});
    let info = await manager.streams.info(omegaStream.name).catch((error: unknown) => {
      if (codeOf(error) === JetStreamApiCodes.StreamNotFound) return undefined;
      throw error;
    });
    info ??= await manager.streams.add(wanted);
    // Old servers silently drop fields that they don't know, so what they made is compared with what was asked.
    const made: object = info.config;
    const differing = Object.entries(wanted).filter(
      ([field, value]) => JSON.stringify(Reflect.get(made, field)) !== JSON.stringify(value),
    );
    if (differing.length > 0) {
      const places = differing.map(
        ([field, value]) =>
          `${field}: is ${JSON.stringify(Reflect.get(made, field))}, should be ${JSON.stringify(value)}`,
      );
      return fail("terminal", "stream_differs", `Stream ${omegaStream.name}: ${places.join("; ")}`);
    }
    for (const queue of Object.values(workQueues)) await installQueue(manager, queueOf(queue));
    const { replicas = leaseBucket.replicas } = config.limits ?? {};
    await NatsLeases.install(jetstream(connection), { ...leaseBucket, replicas });
    return ok();
  } catch (error) {
    return fail("retryable", "bus_unreachable", `${config.servers.join(", ")}: ${reasonOf(error)}`);
  } finally {
    await connection.close();
  }
}

async function connectTo(config: NatsConfig): Promise<Outcome<NatsConnection>> {
  const signIn = signingIn(config.identity);
  if (!signIn.ok) return signIn;
  try {
    return ok(
      await connect({
        ...signIn.value,
        servers: [...config.servers],
        name: config.name,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 250,
        reconnectJitter: 250,
        timeout: 5000,
      }),
    );
  } catch (error) {
    if (error instanceof AuthorizationError) {
      const { identity } = config;
      const who =
        identity === undefined || signIn.value.authenticator === undefined
          ? `nobody without a name${identity === undefined ? "" : ` (there is no ${identity.credentialsFile})`}`
          : `no ${identity.user} with the key in ${identity.credentialsFile}`;
      return fail("terminal", "bus_refused", `${config.servers.join(", ")} lets in ${who}`);
    }
    return fail(
      "retryable",
      "bus_unreachable",
      `No NATS server answers at ${config.servers.join(", ")}: ${reasonOf(error)}`,
    );
  }
}

function streamConfig(limits: Partial<Pick<StreamLimits, "replicas" | "maxBytes">>): {
  name: string;
} & Record<string, unknown> {
  const stream = { ...omegaStream, ...limits };
  return {
    name: stream.name,
    subjects: [...stream.subjects],
    retention: stream.retention,
    storage: stream.storage,
    discard: stream.discard,
    max_age: stream.maxAgeNs,
    max_msgs: stream.maxMessages,
    max_msgs_per_subject: stream.maxMessagesPerSubject,
    max_bytes: stream.maxBytes,
    max_msg_size: stream.maxMessageBytes,
    max_consumers: stream.maxConsumers,
    duplicate_window: stream.duplicateWindowNs,
    deny_delete: stream.denyDelete,
    deny_purge: stream.denyPurge,
    num_replicas: stream.replicas,
  };
}

/** The durable of an agent as the work queue that it takes from. */
export function queueOf(queue: { durable: string; ackWaitMs: number; concurrency: number }): WorkQueue {
  return { durable: queue.durable, ackWaitMs: queue.ackWaitMs, maxAckPending: queue.concurrency };
}

async function installQueue(manager: JetStreamManager, queue: WorkQueue): Promise<void> {
  const wanted = consumerOf(queue);
  const there = await manager.consumers.info(omegaStream.name, queue.durable).catch((error: unknown) => {
    if (codeOf(error) === JetStreamApiCodes.ConsumerNotFound) return undefined;
    throw error;
  });
  if (there === undefined) await manager.consumers.add(omegaStream.name, wanted);
  else if (there.config.ack_wait !== wanted.ack_wait || there.config.max_ack_pending !== wanted.max_ack_pending)
    await manager.consumers.update(omegaStream.name, queue.durable, wanted);
}

function consumerOf(queue: WorkQueue) {
  return {
    durable_name: queue.durable,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    replay_policy: ReplayPolicy.Instant,
    ack_wait: queue.ackWaitMs * 1_000_000,
    max_ack_pending: queue.maxAckPending,
    // runAgent counts deliveries itself, so that it can park a message with a word instead of losing it silently.
    max_deliver: -1,
  };
}

function storedOf(message: JsMsg): StoredMessage {
  return {
    seq: message.seq,
    subject: message.subject,
    body: message.data,
    storedAt: Math.floor(message.info.timestampNanos / 1_000_000),
  };
}

function deliveryOf(message: JsMsg): Delivery {
  return {
    ...storedOf(message),
    deliveries: message.info.deliveryCount,
    ack: async () => {
      // ackAck waits for the server's word; without it (connection lost) the message simply comes again.
      await message.ackAck().catch(() => false);
    },
    nak: (delayMs) => message.nak(delayMs),
    // Without a reason: servers before 2.10 take no notice of a term that gives one, and the message comes again for ever.
    term: () => message.term(),
    working: () => message.working(),
  };
}

function publishFailure(error: unknown, message: Outgoing): Failure {
  const code = codeOf(error);
  const place = `${message.subject} (${message.body.length} bytes)`;
  const text = reasonOf(error);
  if (isForbidden(error)) return { kind: "terminal", code: "not_permitted", message: `${place}: ${text}` };
  if ((code !== undefined && terminalPublishCodes.has(code)) || /MAX_PAYLOAD|maximum payload/i.test(text)) {
    const tooLarge = code === 10054 || code === undefined;
    return { kind: "terminal", code: tooLarge ? "message_too_large" : "stream_full", message: `${place}: ${text}` };
  }
  return { kind: "retryable", code: "publish_unanswered", message: `${place}: ${text}` };
}

function isForbidden(error: unknown): boolean {
  return error instanceof PermissionViolationError || (error instanceof Error && isForbidden(error.cause));
}

function codeOf(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}
