import { setTimeout as delay } from "node:timers/promises";
import type { ApiClient } from "./api-client.ts";
import type { Log } from "./log.ts";
import type { PodRecord } from "./pod-record.ts";
import type { Pod, PodStatus } from "./wire.ts";

const retryFirstMs = 200;
const retryMaxMs = 5000;

/**
 * Brings one pod's status to the API: one patch at a time, the newest status wins, and tries again until it was taken.
 */
export class StatusPublisher {
  readonly #client: ApiClient;
  readonly #log: Log;
  readonly #record: PodRecord;
  #wanted: PodStatus | undefined;
  #sent = "";
  #loop: Promise<void> | undefined;
  #closed = false;

  constructor(client: ApiClient, record: PodRecord, log: Log) {
    this.#client = client;
    this.#record = record;
    this.#log = log;
  }

  publish(status: PodStatus): void {
    if (JSON.stringify(status) === this.#sent || this.#closed) return;
    this.#wanted = status;
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined;
    });
  }

  /**
   * Sends again where the API shows another readiness than was sent: the node controller marks the pods of a silent
   * node unready.
   */
  compare(pod: Pod): void {
    if (this.#sent === "" || this.#loop !== undefined) return;
    const sent: PodStatus = JSON.parse(this.#sent);
    if (pod.status?.phase === sent.phase && readyOf(pod.status) === readyOf(sent)) return;
    this.#sent = "";
    this.publish(sent);
  }

  /** Resolves when nothing is left to send. */
  async settled(): Promise<void> {
    await this.#loop;
  }

  /** Gives up what is unsent; for a pod that the API no longer has. */
  close(): void {
    this.#closed = true;
    this.#wanted = undefined;
  }

  async #run(): Promise<void> {
    const { namespace, name, uid } = this.#record;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
    let waitMs = retryFirstMs;
    while (this.#wanted !== undefined) {
      const status = this.#wanted;
      // A merge by type leaves the conditions of others alone, and null clears what the same condition said before.
      const conditions = status.conditions?.map((condition) => ({ reason: null, message: null, ...condition }));
      const body = { metadata: { uid }, status: { ...status, conditions } };
      const answer = await this.#client.patch(path, body, "strategic-merge-patch");
      if (answer.ok) {
        this.#sent = JSON.stringify(status);
        waitMs = retryFirstMs;
      } else if (answer.status === 404 || (answer.status === 409 && answer.message.includes("uid"))) {
        return this.close(); // The pod is gone, or another has its name.
      } else {
        this.#log("pod status not taken", {
          pod: `${namespace}/${name}`,
          status: answer.status,
          error: answer.message,
        });
        await delay(waitMs * (0.5 + Math.random()));
        waitMs = Math.min(waitMs * 2, retryMaxMs);
        continue;
      }
      if (this.#wanted === status) this.#wanted = undefined;
    }
  }
}

function readyOf(status: PodStatus | undefined): string | undefined {
  return status?.conditions?.find(({ type }) => type === "Ready")?.status;
}
