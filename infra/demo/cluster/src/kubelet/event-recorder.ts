import { randomBytes } from "node:crypto";
import type { ApiClient } from "./api-client.ts";
import type { Log } from "./log.ts";
import { type ClusterEvent, wireTime } from "./wire.ts";

/** What an event is about. */
export interface Involved {
  kind: "Pod" | "Node";
  name: string;
  namespace?: string;
  uid: string;
  fieldPath?: string;
}

// The limits of client-go's event correlator: a burst of 25 for one object, then one each five minutes.
const burst = 25;
const refillMs = 300_000;
const rememberedMax = 1000;
const pendingMax = 500;

interface Remembered {
  path: string;
  count: number;
}

/**
 * Posts events as the real kubelet does: the same event about the same object raises the count of the one already
 * there, and an object that says too much is silenced. Best effort: an event that cannot be posted is logged and
 * dropped, in order, one at a time.
 */
export class EventRecorder {
  readonly #client: ApiClient;
  readonly #host: string;
  readonly #log: Log;
  readonly #known = new Map<string, Remembered>();
  readonly #tokens = new Map<string, { left: number; atMs: number }>();
  #pending = 0;
  #queue: Promise<void> = Promise.resolve();

  constructor(client: ApiClient, host: string, log: Log) {
    this.#client = client;
    this.#host = host;
    this.#log = log;
  }

  record(about: Involved, type: "Normal" | "Warning", reason: string, message: string): void {
    const now = Date.now();
    if (this.#pending >= pendingMax || !this.#takeToken(about.uid, now)) return;
    this.#pending += 1;
    this.#queue = this.#queue.then(async () => {
      await this.#post(about, type, reason, message, now);
      this.#pending -= 1;
    });
  }

  /** Resolves when everything recorded so far was posted or dropped. */
  settled(): Promise<void> {
    return this.#queue;
  }

  async #post(
    about: Involved,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
    now: number,
  ): Promise<void> {
    const key = JSON.stringify([about.uid, about.fieldPath, type, reason, message]);
    const before = this.#known.get(key);
    if (before !== undefined) {
      const count = before.count + 1;
      const body = { count, lastTimestamp: wireTime(now) };
      const answer = await this.#client.patch(before.path, body, "strategic-merge-patch");
      if (answer.ok) {
        before.count = count;
        return;
      }
      if (answer.status !== 404) return this.#log("event not counted", { reason, error: answer.message });
    }
    const namespace = about.namespace ?? "default";
    const event: ClusterEvent = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${about.name}.${randomBytes(8).toString("hex")}`, namespace },
      involvedObject: { apiVersion: "v1", ...about },
      type,
      reason,
      message: message.slice(0, 1024),
      source: { component: "kubelet", host: this.#host },
      reportingComponent: "kubelet",
      reportingInstance: this.#host,
      firstTimestamp: wireTime(now),
      lastTimestamp: wireTime(now),
      count: 1,
    };
    const path = `/api/v1/namespaces/${namespace}/events`;
    const answer = await this.#client.create(path, event);
    if (!answer.ok) return this.#log("event not posted", { reason, error: answer.message });
    const oldest = this.#known.size >= rememberedMax ? this.#known.keys().next().value : undefined;
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(key, { path: `${path}/${event.metadata.name ?? ""}`, count: 1 });
  }

  #takeToken(uid: string, now: number): boolean {
    const before = this.#tokens.get(uid) ?? { left: burst, atMs: now };
    const left = Math.min(burst, before.left + (now - before.atMs) / refillMs);
    if (this.#tokens.size >= rememberedMax && !this.#tokens.has(uid)) this.#tokens.clear();
    this.#tokens.set(uid, { left: left >= 1 ? left - 1 : left, atMs: now });
    return left >= 1;
  }
}
