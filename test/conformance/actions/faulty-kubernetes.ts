import { fail, type Outcome } from "@omega/shared/outcome.ts";
import type { KubernetesApi, ListScope, WriteOptions } from "../../../agents/surgeon/src/ports.ts";
import type { JsonPatch } from "../../../agents/surgeon/src/kubernetes/json-pointer.ts";
import type { KubernetesObject, ObjectRef } from "../../../agents/surgeon/src/kubernetes/objects.ts";

/**
 * - `refused`: the server said "not now"; nothing happened.
 * - `lost`: nobody knows; in truth nothing happened.
 * - `applied anyway`: nobody knows; in truth it happened.
 */
export const faults = ["refused", "lost", "applied anyway"] as const;
export type Fault = (typeof faults)[number];

const readsMax = 4;

/** A Kubernetes API that fails at one chosen call, and tells what was asked of it. */
export class FaultyKubernetes implements KubernetesApi {
  readonly #real: KubernetesApi;
  readonly #plan: { readonly at: number; readonly fault: Fault } | undefined;
  /** Runs before every write that is no dry-run: the moment between an action's look and its write. */
  readonly #beforeWrite: () => Promise<void>;
  calls = 0;
  /** How often each thing was read since the last write. */
  readonly #reads = new Map<string, number>();
  /** Writes that were no dry-runs, as far as the action asked for them. */
  writes = 0;
  /** Number of the last write among the calls. */
  lastWriteAt = 0;

  constructor(
    real: KubernetesApi,
    plan?: { at: number; fault: Fault },
    beforeWrite: () => Promise<void> = () => Promise.resolve(),
  ) {
    this.#real = real;
    this.#plan = plan;
    this.#beforeWrite = beforeWrite;
  }

  get(ref: ObjectRef): Promise<Outcome<KubernetesObject>> {
    return this.#read(ref, () => this.#real.get(ref));
  }

  list(scope: ListScope): Promise<Outcome<KubernetesObject[]>> {
    return this.#read(scope, () => this.#real.list(scope));
  }

  patch(ref: ObjectRef, operations: JsonPatch, options: WriteOptions): Promise<Outcome<KubernetesObject>> {
    return this.#call(!options.dryRun, () => this.#real.patch(ref, operations, options));
  }

  evict(pod: ObjectRef, uid: string, options: WriteOptions): Promise<Outcome<void>> {
    return this.#call(!options.dryRun, () => this.#real.evict(pod, uid, options));
  }

  /** Waiting is looking at the same things again and again: whichever of these looks fails, the next is like it. */
  #read<T>(what: object, send: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const key = JSON.stringify(what);
    const before = this.#reads.get(key) ?? 0;
    this.#reads.set(key, before + 1);
    return before >= readsMax ? send() : this.#call(false, send);
  }

  async #call<T>(writes: boolean, send: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    this.calls += 1;
    if (writes) {
      this.#reads.clear();
      this.writes += 1;
      this.lastWriteAt = this.calls;
      await this.#beforeWrite();
    }
    if (this.#plan?.at !== this.calls) return await send();
    // A read that got no answer is simply asked again; only a write leaves a doubt.
    if (this.#plan.fault === "refused" || !writes) return fail("retryable", "unavailable", "an injected fault");
    if (this.#plan.fault === "applied anyway") await send();
    return fail("unknown", "no_answer", "an injected fault");
  }
}
