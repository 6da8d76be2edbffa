import type { ApiClient } from "./api-client.ts";
import { ContainerRunner, type Runtime } from "./container-runner.ts";
import type { Log } from "./log.ts";
import type { PodRecord } from "./pod-record.ts";
import { freshRecord, podStatus } from "./pod-status.ts";
import { StatusPublisher } from "./status-publisher.ts";
import type { Container, Pod, PodStatus } from "./wire.ts";
import { hasLiveVolumes, prepareVolumes } from "./volumes.ts";

const volumeRetryMs = 3000;
const volumeRefreshMs = 60_000;
const deleteRetryMs = 1000;

/**
 * Runs one pod. Everything that happens (a change of the pod, an exit, a probe's verdict, a timer) only says "look
 * again"; `#converge` then compares what is with what should be, one look at a time. Ends by deleting the pod from the
 * API, or when the API has no such pod any more.
 */
export class PodWorker {
  readonly record: PodRecord;
  readonly #client: ApiClient;
  readonly #runtime: Runtime;
  readonly #log: Log;
  readonly #publisher: StatusPublisher;
  readonly #runners = new Map<string, ContainerRunner>();
  readonly #onDone: () => void;
  #pod: Pod;
  #status: PodStatus | undefined;
  #gone = false;
  #done = false;
  #halted = false;
  /** Set where the processes are to end with the kubelet. */
  #haltGraceMs: number | undefined;
  #looking = false;
  #lookAgain = false;
  #timer: NodeJS.Timeout | undefined;
  #volumesAtMs: number | undefined;

  constructor(client: ApiClient, runtime: Runtime, log: Log, pod: Pod, record: PodRecord, onDone: () => void) {
    this.#client = client;
    this.#runtime = runtime;
    this.#log = log;
    this.#pod = pod;
    this.record = record;
    this.#onDone = onDone;
    this.#publisher = new StatusPublisher(client, record, log);
    // A container that was once started shows again at once, so that none is overlooked when the pod is to end.
    for (const spec of this.#specs()) {
      if (record.containers[spec.name]?.attempt !== undefined) this.#runner(spec);
    }
  }

  /** Takes the pod as the API has it now. */
  update(pod: Pod): void {
    this.#pod = pod;
    for (const runner of this.#runners.values()) runner.update(pod);
    this.#publisher.compare(pod);
    this.nudge();
  }

  /** The API no longer has this pod: its processes have to go. */
  vanish(last: Pod): void {
    this.#gone = true;
    this.#pod = last;
    this.#publisher.close();
    this.nudge();
  }

  imagesChanged(): void {
    for (const runner of this.#runners.values()) runner.forgetPull();
    this.nudge();
  }

  nudge = (): void => {
    if (this.#looking) {
      this.#lookAgain = true;
      return;
    }
    this.#looking = true;
    void this.#look();
  };

  tick(now: number): void {
    for (const runner of this.#runners.values()) runner.tick(now);
  }

  /** False once nothing runs and no container is on its way to running. */
  isAtWork(): boolean {
    return this.#looking || this.hasProcesses();
  }

  hasProcesses(): boolean {
    return [...this.#runners.values()].some((runner) => runner.isRunning());
  }

  /**
   * The kubelet itself ends: asks the processes to end and starts no more. The pod stays in the API, for the next
   * kubelet.
   */
  halt(graceMs: number): void {
    this.#halted = true;
    this.#haltGraceMs = graceMs;
    for (const runner of this.#runners.values()) runner.stop(graceMs, `Stopping container ${runner.spec.name}`);
    this.nudge();
  }

  /** The kubelet itself ends, and the processes live on. */
  leave(): void {
    this.#halted = true;
    clearTimeout(this.#timer);
    for (const runner of this.#runners.values()) runner.leave();
  }

  settled(): Promise<void> {
    return this.#publisher.settled();
  }

  async #look(): Promise<void> {
    do {
      this.#lookAgain = false;
      clearTimeout(this.#timer);
      const waitMs = await this.#converge(Date.now());
      if (waitMs !== undefined && !this.#done) this.#timer = setTimeout(this.nudge, Math.max(waitMs, 20));
    } while (this.#lookAgain && !this.#done);
    this.#looking = false;
  }

  /** Answers after how many ms to look again if nothing happens. */
  async #converge(now: number): Promise<number | undefined> {
    if (this.#gone || this.#pod.metadata?.deletionTimestamp !== undefined) return this.#terminate(now);
    if (this.#halted) return this.#settleEnds(now);
    const phase = this.#pod.status?.phase;
    if (phase === "Succeeded" || phase === "Failed") {
      // Ended for good, by itself or (eviction by a controller) by somebody else.
      for (const runner of this.#runners.values()) runner.stop(0, `Stopping container ${runner.spec.name}`);
      for (const runner of this.#runners.values()) runner.noteEnd(now);
      return undefined;
    }
    let waitMs = await this.#volumes(now);
    if (this.#gone) return this.#terminate(now);
    if (this.#halted) return this.#settleEnds(now);
    if (this.#volumesAtMs !== undefined) waitMs = shorter(waitMs, await this.#containers(now));
    this.#publish(now);
    return waitMs;
  }

  async #containers(now: number): Promise<number | undefined> {
    for (const spec of this.#pod.spec?.initContainers ?? []) {
      const runner = this.#runner(spec);
      const waitMs = await runner.converge(now);
      if (runner.record.state.terminated?.exitCode !== 0) return waitMs;
    }
    let waitMs: number | undefined;
    for (const spec of this.#pod.spec?.containers ?? [])
      waitMs = shorter(waitMs, await this.#runner(spec).converge(now));
    return waitMs;
  }

  async #volumes(now: number): Promise<number | undefined> {
    const live = hasLiveVolumes(this.#pod);
    const due = this.#volumesAtMs === undefined || (live && now - this.#volumesAtMs >= volumeRefreshMs);
    if (due) {
      const { hostIP, reader, records, events } = this.#runtime;
      const around = { pod: this.#pod, podIP: this.record.podIP, hostIP, reader };
      const prepared = await prepareVolumes(records.folder(this.record.uid), around);
      if (!prepared.ok) {
        events.record(this.#involved(), "Warning", "FailedMount", prepared.message);
        return volumeRetryMs;
      }
      this.#volumesAtMs = now;
    }
    return live ? volumeRefreshMs : undefined;
  }

  async #terminate(now: number): Promise<number | undefined> {
    for (const runner of this.#runners.values()) runner.noteEnd(now);
    if (this.hasProcesses()) {
      const graceSeconds = this.#pod.metadata?.deletionGracePeriodSeconds ?? 1;
      // The real kubelet gives even a forced deletion one second.
      const graceMs = Math.max(1, graceSeconds) * 1000;
      const begun = Date.parse(this.#pod.metadata?.deletionTimestamp ?? "") - graceSeconds * 1000;
      const leftMs = Number.isNaN(begun) || this.#gone ? graceMs : Math.max(0, begun + graceMs + 1000 - now);
      for (const runner of this.#runners.values()) {
        runner.stop(Math.min(graceMs, leftMs), `Stopping container ${runner.spec.name}`);
      }
      return undefined;
    }
    if (!this.#gone) {
      this.#publish(now);
      await this.#publisher.settled();
      if (!this.#gone && !(await this.#delete())) return deleteRetryMs;
    }
    this.#done = true;
    this.#publisher.close();
    this.#runtime.records.remove(this.record.uid);
    this.#onDone();
    return undefined;
  }

  async #delete(): Promise<boolean> {
    const { namespace, name, uid } = this.record;
    const options = { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0, preconditions: { uid } };
    const answer = await this.#client.delete(`/api/v1/namespaces/${namespace}/pods/${name}`, options);
    if (answer.ok || answer.status === 404 || answer.status === 409) return true;
    this.#log("pod not deleted yet", { pod: `${namespace}/${name}`, error: answer.message });
    return false;
  }

  #settleEnds(now: number): undefined {
    for (const runner of this.#runners.values()) {
      runner.noteEnd(now);
      // A container that was just being started when the kubelet was told to end came too late to hear of it.
      if (this.#haltGraceMs !== undefined) runner.stop(this.#haltGraceMs, `Stopping container ${runner.spec.name}`);
    }
    if (!this.hasProcesses()) this.#publish(now);
  }

  #publish(now: number): void {
    const previous = this.#status?.conditions ?? this.#pod.status?.conditions ?? [];
    this.#status = podStatus(this.#pod, this.record, this.#runtime.hostIP, previous, now);
    this.#publisher.publish(this.#status);
  }

  #runner(spec: Container): ContainerRunner {
    const known = this.#runners.get(spec.name);
    if (known !== undefined) return known;
    const runner = new ContainerRunner(
      this.#runtime,
      this.#pod,
      this.record,
      spec,
      (this.record.containers[spec.name] ??= freshRecord(spec.name)),
      this.nudge,
    );
    this.#runners.set(spec.name, runner);
    return runner;
  }

  #specs(): Container[] {
    return [...(this.#pod.spec?.initContainers ?? []), ...(this.#pod.spec?.containers ?? [])];
  }

  #involved(): { kind: "Pod"; name: string; namespace: string; uid: string } {
    const { name, namespace, uid } = this.record;
    return { kind: "Pod", name, namespace, uid };
  }
}

function shorter(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
