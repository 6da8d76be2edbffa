import { setTimeout as delay } from "node:timers/promises";
import type { ApiClient } from "./api-client.ts";
import type { Log } from "./log.ts";
import { type ApiObject, objectKey } from "./wire.ts";

const backoffFirstMs = 200;
const backoffMaxMs = 10_000;
const watchSeconds = 240;

export interface Change<T> {
  kind: "set" | "gone";
  object: T;
}

/**
 * A local copy of one collection, kept by list and watch as client-go's Reflector does: a clean end of the watch
 * resumes from the last resource version; 410 Gone, an error line or a broken connection lists afresh after a jittered
 * back-off and tells what vanished meanwhile.
 */
export class Reflector<T extends ApiObject> {
  readonly items = new Map<string, T>();
  readonly #client: ApiClient;
  readonly #path: string;
  readonly #log: Log;
  readonly #onChange: (change: Change<T>) => void;
  readonly #abort = new AbortController();
  #version = "";

  constructor(client: ApiClient, path: string, log: Log, onChange: (change: Change<T>) => void) {
    this.#client = client;
    this.#path = path;
    this.#log = log;
    this.#onChange = onChange;
  }

  /** Resolves when the first list is in `items`; the watch goes on until `stop`. */
  start(): Promise<void> {
    return new Promise((resolve) => void this.#run(resolve));
  }

  stop(): void {
    this.#abort.abort();
  }

  async #run(listed: () => void): Promise<void> {
    let failures = 0;
    while (!this.#abort.signal.aborted) {
      const why = this.#version === "" ? await this.#list() : await this.#watch();
      if (why === undefined) {
        failures = 0;
        listed();
        continue;
      }
      if (this.#abort.signal.aborted) return;
      this.#version = "";
      // Expired is the server's way of saying "list again": no reason to wait for that.
      const waitMs =
        why === "expired" ? 0 : Math.min(backoffMaxMs, backoffFirstMs * 2 ** failures) * (0.5 + Math.random());
      failures = Math.min(failures + 1, 10);
      this.#log("listing again", { path: this.#path, why, waitMs: Math.round(waitMs) });
      await delay(waitMs, undefined, { signal: this.#abort.signal }).catch(() => undefined);
    }
  }

  async #list(): Promise<string | undefined> {
    const answer = await this.#client.get<{ metadata: { resourceVersion: string }; items: T[] }>(this.#path);
    if (!answer.ok) return `list failed: ${answer.status} ${answer.message}`;
    const present = new Set<string>();
    for (const item of answer.value.items) {
      present.add(objectKey(item));
      this.#set(item);
    }
    for (const [key, object] of this.items) {
      if (present.has(key)) continue;
      this.items.delete(key);
      this.#onChange({ kind: "gone", object });
    }
    this.#version = answer.value.metadata.resourceVersion;
    return undefined;
  }

  async #watch(): Promise<string | undefined> {
    const query = new URLSearchParams({
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: this.#version,
      timeoutSeconds: String(watchSeconds),
    });
    let trouble: string | undefined;
    // The server ends the watch by itself; the timeout is for a connection that died without a word.
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout((watchSeconds + 20) * 1000)]);
    const answer = await this.#client.watch(`${this.#path}?${query.toString()}`, signal, ({ type, object }) => {
      if (type === "ERROR") {
        const status: { code?: number; message?: string } = Object(object);
        trouble = status.code === 410 ? "expired" : `watch error: ${status.message ?? "unknown"}`;
        return;
      }
      // The path decides the type of what is watched on it.
      const item = object as T;
      this.#version = item.metadata?.resourceVersion ?? this.#version;
      if (type === "BOOKMARK") return;
      if (type !== "DELETED") return this.#set(item);
      this.items.delete(objectKey(item));
      this.#onChange({ kind: "gone", object: item });
    });
    if (trouble !== undefined) return trouble;
    if (answer.ok) return undefined;
    return answer.status === 410 ? "expired" : `watch failed: ${answer.status} ${answer.message}`;
  }

  #set(item: T): void {
    const key = objectKey(item);
    const known = this.items.get(key);
    if (known?.metadata?.resourceVersion === item.metadata?.resourceVersion && known !== undefined) return;
    // The same name with another uid is another object: the old one's going was missed between two lists.
    if (known !== undefined && known.metadata?.uid !== item.metadata?.uid) {
      this.items.delete(key);
      this.#onChange({ kind: "gone", object: known });
    }
    this.items.set(key, item);
    this.#onChange({ kind: "set", object: item });
  }
}
