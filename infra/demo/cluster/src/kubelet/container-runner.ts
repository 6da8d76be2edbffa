import { isAbsolute, join } from "node:path";
import { existsSync } from "node:fs";
import type { ConfigReader } from "./config-reader.ts";
import { expand, resolveEnvironment } from "./container-environment.ts";
import { LogKeeper } from "./container-log.ts";
import { ContainerProcess, type Exit, markerVariable, readExit } from "./container-process.ts";
import type { EventRecorder } from "./event-recorder.ts";
import type { Image, ImageTable } from "./image-table.ts";
import type { ContainerRecord, PodRecord, PodRecords } from "./pod-record.ts";
import { containerId, restarts } from "./pod-status.ts";
import { isAlive, residentTreeBytes, startedWith } from "./process-table.ts";
import { Prober, type ProbeKind, type ProbeTarget } from "./prober.ts";
import { parseQuantity } from "../quantity.ts";
import { type Container, type Pod, wireTime } from "./wire.ts";
import { layOutMounts } from "./volumes.ts";

/** What every pod of a kubelet shares. */
export interface Runtime {
  stateDir: string;
  hostIP: string;
  backoffFirstMs: number;
  backoffMaxMs: number;
  images: ImageTable;
  events: EventRecorder;
  records: PodRecords;
  reader: ConfigReader;
  serviceEnvironment: (namespace: string) => Record<string, string>;
}

const configRetryMs = 3000;
const pullBackoffFirstMs = 10_000;
const pullBackoffMaxMs = 300_000;
const memoryPollMs = 1000;

/**
 * One container of one pod: starts it, probes it, notes its end, starts it again when it is due. Owned by the pod's
 * worker.
 */
export class ContainerRunner {
  readonly spec: Container;
  readonly record: ContainerRecord;
  readonly isInit: boolean;
  readonly #runtime: Runtime;
  readonly #podRecord: PodRecord;
  readonly #nudge: () => void;
  #pod: Pod;
  #process: ContainerProcess | undefined;
  #log: LogKeeper | undefined;
  #probers: Prober[] = [];
  #stopTimers: NodeJS.Timeout[] = [];
  #memoryAtMs = 0;

  constructor(
    runtime: Runtime,
    pod: Pod,
    podRecord: PodRecord,
    spec: Container,
    record: ContainerRecord,
    nudge: () => void,
  ) {
    this.#runtime = runtime;
    this.#pod = pod;
    this.#podRecord = podRecord;
    this.spec = spec;
    this.record = record;
    this.isInit = (pod.spec?.initContainers ?? []).some(({ name }) => name === spec.name);
    this.#nudge = nudge;
    this.#recover();
  }

  update(pod: Pod): void {
    this.#pod = pod;
  }

  isRunning(): boolean {
    return this.#process !== undefined;
  }

  /**
   * Brings the container to where it should be; answers after how many ms to look again, if time alone can change
   * something.
   */
  async converge(now: number): Promise<number | undefined> {
    this.noteEnd(now);
    if (this.#process !== undefined) return undefined;
    const { record } = this;
    const ended = record.state.terminated ?? (record.attempt === undefined ? undefined : record.last);
    if (ended !== undefined) {
      if (!restarts(this.#pod, ended.exitCode, this.isInit)) return undefined;
      const waitMs = Date.parse(ended.finishedAt ?? "") + record.backoffMs - now;
      if (waitMs > 0) {
        this.#crashLoop();
        return waitMs;
      }
    }
    return this.#start(now);
  }

  /** Notes the end of the process if it has ended. */
  noteEnd(now: number): void {
    if (this.#process === undefined || this.#process.isRunning()) return;
    const exit = this.#process.exit(now);
    this.#process = undefined;
    this.#log?.look(now);
    this.#log = undefined;
    this.#quiet();
    this.#ended(exit);
  }

  /** A few times a second: log times and rotation, memory limit, and the end of a process that is not our child. */
  tick(now: number): void {
    if (this.#process === undefined) return;
    this.#log?.look(now);
    if (!this.#process.isRunning()) return this.#nudge();
    const limit = parseQuantity(this.spec.resources?.limits?.["memory"] ?? "");
    if (limit === undefined || now - this.#memoryAtMs < memoryPollMs) return;
    this.#memoryAtMs = now;
    if (residentTreeBytes(this.#process.identity.pid) <= limit) return;
    this.record.killedFor = "OOMKilled";
    this.#save();
    this.#process.kill();
  }

  /** SIGTERM after the preStop sleep, SIGKILL when the grace is over. A later call can only shorten the grace. */
  stop(graceMs: number, message: string): void {
    const process = this.#process;
    if (process === undefined) return;
    const first = this.#stopTimers.length === 0;
    this.#stopTimers.push(setTimeout(() => process.kill(), graceMs));
    if (!first) return;
    this.#stopProbers();
    this.#event("Normal", "Killing", message);
    const preStop = this.spec.lifecycle?.preStop;
    if (preStop !== undefined && preStop.sleep === undefined) {
      this.#event("Warning", "FailedPreStopHook", "PreStopHook failed: the process kubelet knows only sleep");
    }
    const sleepMs = Math.min((preStop?.sleep?.seconds ?? 0) * 1000, graceMs);
    if (sleepMs === 0) return process.terminate();
    this.#stopTimers.push(setTimeout(() => process.terminate(), sleepMs));
  }

  kill(): void {
    this.#process?.kill();
  }

  /** Lets go of a process that is to live on. */
  leave(): void {
    this.#quiet();
  }

  forgetPull(): void {
    delete this.record.pull;
  }

  /** Takes over what an earlier kubelet left running, or notes how it ended meanwhile. */
  #recover(): void {
    const { record } = this;
    if (record.state.running === undefined || record.attempt === undefined) return;
    const exitFile = this.#runtime.records.exitFile(this.#podRecord.uid, record.name, record.attempt);
    if (record.process === undefined || !isAlive(record.process)) return this.#ended(readExit(exitFile, Date.now()));
    this.#process = ContainerProcess.adopt(record.process, exitFile);
    this.#log = new LogKeeper(this.#runtime.records.logFile(this.#podRecord.uid, record.name, record.attempt));
    this.#startProbers(startedWith(record.process.pid));
  }

  async #start(now: number): Promise<number | undefined> {
    const image = this.#runtime.images.find(this.spec.image ?? "");
    if (image === undefined) return this.#pullFailed(now);
    delete this.record.pull;
    const { uid, podIP, name: podName, namespace } = this.#podRecord;
    const root = layOutMounts(this.#runtime.records.folder(uid), this.spec);
    if (!root.ok) return this.#unconfigured("CreateContainerError", root.message);
    const env = await resolveEnvironment(this.spec, {
      pod: this.#pod,
      podIP,
      hostIP: this.#runtime.hostIP,
      image: image.env ?? {},
      services: this.#runtime.serviceEnvironment(namespace),
      defaults: {
        PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
        HOME: process.env["HOME"] ?? "/",
        HOSTNAME: podName,
        POD_IP: podIP,
        CONTAINER_SANDBOX_MOUNT_POINT: root.value,
      },
      reader: this.#runtime.reader,
    });
    if (!env.ok) return this.#unconfigured("CreateContainerConfigError", env.message);
    const attempt = (this.record.attempt ?? -1) + 1;
    env.value[markerVariable] = `${this.#runtime.stateDir}#${uid}/${this.record.name}/${attempt}`;
    this.#launch(attempt, image, env.value, root.value);
    return undefined;
  }

  #launch(attempt: number, image: Image, env: Record<string, string>, root: string): void {
    const { record, spec } = this;
    const { records } = this.#runtime;
    const { uid } = this.#podRecord;
    const command = (spec.command?.map((part) => expand(part, env)) ?? image.command).concat(
      (spec.args ?? []).map((part) => expand(part, env)),
    );
    const cwd = workingFolder(spec, image, root);
    const exitFile = records.exitFile(uid, record.name, attempt);
    const logFile = records.logFile(uid, record.name, attempt);
    records.prune(uid, record.name, attempt);
    this.#event("Normal", "Pulled", `Container image "${spec.image}" already present on machine`);
    const started = ContainerProcess.start({ command, cwd, env, logFile, exitFile }, this.#nudge);
    const now = Date.now();
    this.#before(attempt);
    record.state = { running: { startedAt: wireTime(now) } };
    if (typeof started === "string") {
      this.#event("Warning", "Failed", `Error: ${started}`);
      return this.#ended({ exitCode: 128, finishedAtMs: now }, { reason: "StartError", message: started });
    }
    // A crash before the record is saved leaves a process that only its marker betrays; the next kubelet ends it at its
    // start.
    record.process = started.identity;
    this.#process = started;
    this.#log = new LogKeeper(logFile);
    this.#event("Normal", "Created", `Created container: ${record.name}`);
    this.#event("Normal", "Started", `Started container ${record.name}`);
    record.started = spec.startupProbe === undefined;
    record.ready = record.started && spec.readinessProbe === undefined;
    this.#save();
    this.#startProbers({ env, cwd });
  }

  /** Moves what ended to `last` and raises the back-off for the time after next. */
  #before(attempt: number): void {
    const { record } = this;
    const { backoffFirstMs, backoffMaxMs } = this.#runtime;
    if (record.state.terminated !== undefined) record.last = record.state.terminated;
    if (record.attempt !== undefined) {
      record.backoffMs = record.backoffMs === 0 ? backoffFirstMs : Math.min(record.backoffMs * 2, backoffMaxMs);
    }
    record.attempt = attempt;
  }

  #ended(exit: Exit, why?: { reason: string; message: string }): void {
    const { record } = this;
    const startedAt = record.state.running?.startedAt ?? wireTime(exit.finishedAtMs);
    const reason = record.killedFor ?? (exit.exitCode === 0 ? "Completed" : "Error");
    record.state = {
      terminated: {
        exitCode: record.killedFor === undefined ? exit.exitCode : 137,
        reason,
        ...why,
        startedAt,
        finishedAt: wireTime(exit.finishedAtMs),
        containerID: containerId(this.#podRecord.uid, record.name, record.attempt ?? 0),
      },
    };
    // A run that outlasted twice the longest back-off starts afresh, as the real kubelet forgets the entry then.
    if (exit.finishedAtMs - Date.parse(startedAt) > 2 * this.#runtime.backoffMaxMs) record.backoffMs = 0;
    record.ready = false;
    record.started = false;
    delete record.killedFor;
    delete record.process;
    this.#save();
  }

  #crashLoop(): void {
    const { record } = this;
    const { name, namespace, uid } = this.#podRecord;
    const where = `${record.name} in pod ${name}_${namespace}(${uid})`;
    if (record.state.terminated !== undefined) {
      record.last = record.state.terminated;
      this.#event("Warning", "BackOff", `Back-off restarting failed container ${where}`);
    }
    const seconds = Math.round(record.backoffMs / 100) / 10;
    this.#wait(
      "CrashLoopBackOff",
      `back-off ${seconds}s restarting failed container=${record.name} pod=${name}_${namespace}(${uid})`,
    );
  }

  /**
   * The image is not in the table. Tries with the back-off of a real registry; a change of the table forgets it
   * (`forgetPull`).
   */
  #pullFailed(now: number): number {
    const { record } = this;
    const image = this.spec.image ?? "";
    const due = record.pull === undefined ? now : record.pull.triedAtMs + record.pull.backoffMs;
    if (now >= due) {
      const why = `failed to pull and unpack image "${image}": not found`;
      this.#event("Normal", "Pulling", `Pulling image "${image}"`);
      this.#event("Warning", "Failed", `Failed to pull image "${image}": ${why}`);
      this.#event("Warning", "Failed", "Error: ErrImagePull");
      this.#wait("ErrImagePull", why);
      const backoffMs = Math.min((record.pull?.backoffMs ?? pullBackoffFirstMs / 2) * 2, pullBackoffMaxMs);
      record.pull = { backoffMs, triedAtMs: now };
      return 1000;
    }
    if (record.state.waiting?.reason !== "ImagePullBackOff") {
      this.#event("Normal", "BackOff", `Back-off pulling image "${image}"`);
      this.#event("Warning", "Failed", "Error: ImagePullBackOff");
    }
    this.#wait("ImagePullBackOff", `Back-off pulling image "${image}"`);
    return due - now;
  }

  #unconfigured(reason: string, message: string): number {
    this.#event("Warning", "Failed", `Error: ${message}`);
    this.#wait(reason, message);
    return configRetryMs;
  }

  #wait(reason: string, message: string): void {
    if (this.record.state.terminated !== undefined) this.record.last = this.record.state.terminated;
    this.record.state = { waiting: { reason, message } };
    this.#save();
  }

  #startProbers({ env, cwd }: Pick<ProbeTarget, "env" | "cwd">): void {
    const target = { container: this.spec, podIP: this.#podRecord.podIP, env, cwd };
    if (!this.record.started) return this.#probe("startup", target, () => this.#startProbers(target));
    this.#probe("readiness", target);
    this.#probe("liveness", target);
  }

  #probe(kind: ProbeKind, target: ProbeTarget, started?: () => void): void {
    const { record, spec } = this;
    const probe = { startup: spec.startupProbe, readiness: spec.readinessProbe, liveness: spec.livenessProbe }[kind];
    if (probe === undefined) return;
    const title = kind.charAt(0).toUpperCase() + kind.slice(1);
    const prober = new Prober(
      probe,
      target,
      (message) => this.#event("Warning", "Unhealthy", `${title} probe failed: ${message}`),
      (healthy) => {
        if (kind === "readiness") record.ready = healthy;
        else if (!healthy) {
          const graceSeconds =
            probe.terminationGracePeriodSeconds ?? this.#pod.spec?.terminationGracePeriodSeconds ?? 30;
          this.stop(graceSeconds * 1000, `Container ${record.name} failed ${kind} probe, will be restarted`);
        } else if (kind === "startup") {
          prober.stop();
          record.started = true;
          record.ready = spec.readinessProbe === undefined;
          started?.();
        }
        this.#save();
        this.#nudge();
      },
    );
    this.#probers.push(prober);
  }

  #quiet(): void {
    this.#stopProbers();
    for (const timer of this.#stopTimers) clearTimeout(timer);
    this.#stopTimers = [];
  }

  #stopProbers(): void {
    for (const prober of this.#probers) prober.stop();
    this.#probers = [];
  }

  #save(): void {
    this.#runtime.records.save(this.#podRecord);
  }

  #event(type: "Normal" | "Warning", reason: string, message: string): void {
    const { name, namespace, uid } = this.#podRecord;
    const fieldPath = `spec.${this.isInit ? "initContainers" : "containers"}{${this.record.name}}`;
    this.#runtime.events.record({ kind: "Pod", name, namespace, uid, fieldPath }, type, reason, message);
  }
}

/** The image's folder; with a workingDir, that folder among the container's mounts if it is there, else on the host. */
function workingFolder(spec: Container, image: Image, root: string): string {
  const base = image.cwd ?? "/";
  if (spec.workingDir === undefined) return base;
  const mounted = join(root, spec.workingDir);
  if (existsSync(mounted)) return mounted;
  return isAbsolute(spec.workingDir) ? spec.workingDir : join(base, spec.workingDir);
}
