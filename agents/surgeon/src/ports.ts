import type { JsonPatch } from "./kubernetes/json-pointer.ts";
import type { KubernetesObject, ObjectRef } from "./kubernetes/objects.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import type { Ssh } from "./ssh/remote-shell.ts";
import type { Webhooks } from "./webhook/http-exchange.ts";

export interface WriteOptions {
  readonly fieldManager: string;
  /** `dryRun=All`: admission and validation run, nothing is stored. */
  readonly dryRun: boolean;
}

export interface ListScope {
  readonly kind: ObjectRef["kind"];
  readonly namespace?: string;
  /** `key=value` pairs, all of which must hold. */
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * The part of the Kubernetes API that Surgeon uses. Failures of every call: `retryable` (not sent, 429, 503; for reads any 5xx and no
 * answer), `terminal` `forbidden | unauthorized | not_found | invalid | no_cluster`, `conflict` `write_conflict` (409), `unknown`
 * `no_answer` (a write was sent and nobody knows).
 */
export interface KubernetesApi {
  get(ref: ObjectRef): Promise<Outcome<KubernetesObject>>;
  list(scope: ListScope): Promise<Outcome<KubernetesObject[]>>;
  /** RFC 6902. A failed `test` is `terminal/invalid`, like a value that validation refuses: look again to tell them apart. */
  patch(ref: ObjectRef, operations: JsonPatch, options: WriteOptions): Promise<Outcome<KubernetesObject>>;
  /** The Eviction API, only for the pod with this uid. A PodDisruptionBudget's no is `retryable/too_many_requests`. */
  evict(pod: ObjectRef, uid: string, options: WriteOptions): Promise<Outcome<void>>;
}

/** What actions may talk to. */
export interface Clients {
  readonly kubernetes: KubernetesApi;
  readonly ssh: Ssh;
  readonly webhooks: Webhooks;
}
