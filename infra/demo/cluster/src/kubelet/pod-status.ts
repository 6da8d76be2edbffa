import type { ContainerRecord, PodRecord } from "./pod-record.ts";
import { type Container, type ContainerStatus, type Pod, type PodCondition, type PodStatus, wireTime } from "./wire.ts";

/** The record of a container that has not been started yet. */
export function freshRecord(
  name: string,
  reason: "ContainerCreating" | "PodInitializing" = "ContainerCreating",
): ContainerRecord {
  return { name, state: { waiting: { reason } }, ready: false, started: false, backoffMs: 0 };
}

/**
 * Whether an ended container is to be started again under the pod's restart policy. An init container that succeeded
 * never is.
 */
export function restarts(pod: Pod, exitCode: number, isInit: boolean): boolean {
  const policy = pod.spec?.restartPolicy ?? "Always";
  if (isInit && exitCode === 0) return false;
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

export function isInitialized(pod: Pod, record: PodRecord): boolean {
  return (pod.spec?.initContainers ?? []).every(
    ({ name }) => record.containers[name]?.state.terminated?.exitCode === 0,
  );
}

/**
 * The status that a real kubelet would report for these records (kubelet_pods.go getPhase and status/generate.go).
 * Conditions keep the transition time of `previous` while their status stays. Pure.
 */
export function podStatus(
  pod: Pod,
  record: PodRecord,
  hostIP: string,
  previous: PodCondition[],
  now: number,
): PodStatus {
  const before = isInitialized(pod, record) ? "ContainerCreating" : "PodInitializing";
  const inits = statuses(pod.spec?.initContainers ?? [], record, true, before);
  const containers = statuses(pod.spec?.containers ?? [], record, false, before);
  const phase = podPhase(pod, record, containers);
  return {
    phase,
    conditions: conditions(pod, record, containers, phase, previous, now),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    podIP: record.podIP,
    podIPs: [{ ip: record.podIP }],
    startTime: record.startTime,
    containerStatuses: containers,
    ...(inits.length > 0 ? { initContainerStatuses: inits } : {}),
    ...(pod.metadata?.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  };
}

function podPhase(pod: Pod, record: PodRecord, containers: ContainerStatus[]): string {
  const failedInit = (pod.spec?.initContainers ?? []).some(({ name }) => {
    const ended = record.containers[name]?.state.terminated;
    return ended !== undefined && ended.exitCode !== 0 && !restarts(pod, ended.exitCode, true);
  });
  if (failedInit) return "Failed";
  if (!isInitialized(pod, record)) return "Pending";
  const ended = containers.map(
    ({ state, lastState }) => state?.terminated ?? (state?.waiting && lastState?.terminated),
  );
  if (containers.some(({ state }, index) => !state?.running && ended[index] === undefined)) return "Pending";
  if (containers.some(({ state }) => state?.running)) return "Running";
  const exitCodes = ended.map((terminated) => terminated?.exitCode ?? 0);
  if (exitCodes.some((code) => restarts(pod, code, false))) return "Running";
  return exitCodes.every((code) => code === 0) ? "Succeeded" : "Failed";
}

function conditions(
  pod: Pod,
  record: PodRecord,
  containers: ContainerStatus[],
  phase: string,
  previous: PodCondition[],
  now: number,
): PodCondition[] {
  const unready = containers.filter(({ ready }) => !ready).map(({ name }) => name);
  const initialized = isInitialized(pod, record);
  const done = phase === "Succeeded";
  const readiness = done
    ? { reason: "PodCompleted" }
    : unready.length > 0 || phase === "Failed"
      ? { reason: "ContainersNotReady", message: `containers with unready status: [${unready.join(" ")}]` }
      : undefined;
  const incomplete = (pod.spec?.initContainers ?? [])
    .filter(({ name }) => record.containers[name]?.state.terminated?.exitCode !== 0)
    .map(({ name }) => name);
  const notInitialized = {
    reason: "ContainersNotInitialized",
    message: `containers with incomplete status: [${incomplete.join(" ")}]`,
  };
  return [
    condition("PodReadyToStartContainers", phase !== "Succeeded" && phase !== "Failed", undefined, previous, now),
    condition("Initialized", initialized, initialized ? undefined : notInitialized, previous, now),
    condition("Ready", readiness === undefined && initialized, readiness, previous, now),
    condition("ContainersReady", readiness === undefined && initialized, readiness, previous, now),
    condition("PodScheduled", true, undefined, previous, now),
  ];
}

function condition(
  type: string,
  holds: boolean,
  why: { reason: string; message?: string } | undefined,
  previous: PodCondition[],
  now: number,
): PodCondition {
  const status = holds ? "True" : "False";
  const before = previous.find((known) => known.type === type);
  const since = before?.status === status ? before.lastTransitionTime : undefined;
  return { type, status, lastTransitionTime: since ?? wireTime(now), ...(holds ? {} : why) };
}

function statuses(
  specs: Container[],
  record: PodRecord,
  isInit: boolean,
  before: "ContainerCreating" | "PodInitializing",
): ContainerStatus[] {
  return specs.map((spec) => {
    const known = record.containers[spec.name] ?? freshRecord(spec.name, before);
    const image = spec.image ?? "";
    return {
      name: spec.name,
      image,
      imageID: known.attempt === undefined ? "" : image,
      ready: isInit ? known.state.terminated?.exitCode === 0 : known.ready,
      started: known.started,
      restartCount: known.attempt ?? 0,
      state: known.state,
      lastState: known.last === undefined ? {} : { terminated: known.last },
      ...(known.attempt === undefined ? {} : { containerID: containerId(record.uid, spec.name, known.attempt) }),
    };
  });
}

export function containerId(uid: string, container: string, attempt: number): string {
  return `omega-process://${uid}/${container}/${attempt}`;
}
