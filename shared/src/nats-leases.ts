import { JetStreamApiCodes, JetStreamApiError, type JetStreamClient } from "@nats-io/jetstream";
import { Kvm, type KV } from "@nats-io/kv";
import type { leaseBucket } from "@omega/bus-schemas/streams.ts";
import type { LeaseStore } from "./bus.ts";

/** Leases in a JetStream key-value bucket whose entries expire. There is no event at expiry, so followers poll (lease.ts). */
export class NatsLeases implements LeaseStore {
  readonly #bucket: KV;

  private constructor(bucket: KV) {
    this.#bucket = bucket;
  }

  static async install(
    client: JetStreamClient,
    bucket: Omit<typeof leaseBucket, "replicas"> & { replicas: number },
  ): Promise<void> {
    await new Kvm(client).create(bucket.name, {
      ttl: bucket.ttlMs,
      history: bucket.history,
      max_bytes: bucket.maxBytes,
      replicas: bucket.replicas,
    });
  }

  static async open(client: JetStreamClient, name: string): Promise<NatsLeases> {
    return new NatsLeases(await new Kvm(client).open(name));
  }

  create(key: string, holder: string): Promise<number | undefined> {
    return unlessTaken(this.#bucket.create(key, holder));
  }

  update(key: string, holder: string, revision: number): Promise<number | undefined> {
    return unlessTaken(this.#bucket.update(key, holder, revision));
  }

  async release(key: string, revision: number): Promise<void> {
    await unlessTaken(this.#bucket.delete(key, { previousSeq: revision }).then(() => revision));
  }
}

/** `undefined` where the compare-and-set lost; every other error is the caller's to meet. */
async function unlessTaken(attempt: Promise<number>): Promise<number | undefined> {
  try {
    return await attempt;
  } catch (error) {
    const code = error instanceof JetStreamApiError ? error.code : undefined;
    if (code === JetStreamApiCodes.StreamWrongLastSequence || code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
      return undefined;
    throw error;
  }
}
