import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerRecord, PodRecord } from "./pod-record.ts";
import { freshRecord, podStatus } from "./pod-status.ts";
import type { ContainerState, Pod } from "./wire.ts";

const now = Date.parse("2026-01-01T00:00:10Z");
const running: ContainerState = { running: { startedAt: "2026-01-01T00:00:00Z" } };
const ended = (exitCode: number): ContainerState => ({ terminated: { exitCode } });

function pod(restartPolicy: string, names: string[]): Pod {
  return { spec: { restartPolicy, containers: names.map((name) => ({ name })) } };
}

function record(states: Record<string, Partial<ContainerRecord>>): PodRecord {
  const containers = Object.fromEntries(
    Object.entries(states).map(([name, state]) => [name, { ...freshRecord(name), attempt: 0, ...state }]),
  );
  const startTime = "2026-01-01T00:00:00Z";
  return { uid: "u", namespace: "n", name: "p", nodeName: "x", podIP: "127.64.0.1", startTime, containers };
}

test("the phase follows from container states and restart policy as in the real kubelet", () => {
  const phase = (policy: string, ...states: ContainerState[]): string | undefined => {
    const named = Object.fromEntries(states.map((state, index) => [`c${index}`, { state }]));
    return podStatus(pod(policy, Object.keys(named)), record(named), "127.0.0.1", [], now).phase;
  };
  assert.equal(phase("Always", running), "Running");
  assert.equal(phase("Always", ended(1)), "Running");
  assert.equal(phase("Never", ended(0)), "Succeeded");
  assert.equal(phase("Never", ended(0), ended(1)), "Failed");
  assert.equal(phase("Never", running, ended(1)), "Running");
  assert.equal(phase("OnFailure", ended(2)), "Running");
  assert.equal(phase("OnFailure", ended(0)), "Succeeded");
  assert.equal(phase("Always", running, { waiting: { reason: "ContainerCreating" } }), "Pending");
});

test("a container in back-off after a crash does not make the pod Pending again", () => {
  const crashed = { state: { waiting: { reason: "CrashLoopBackOff" } }, last: { exitCode: 1 } };
  assert.equal(podStatus(pod("Always", ["c"]), record({ c: crashed }), "127.0.0.1", [], now).phase, "Running");
});

test("Ready names the unready containers, and its transition time changes only with its status", () => {
  const first = podStatus(
    pod("Always", ["a", "b"]),
    record({ a: { state: running, ready: true }, b: { state: running } }),
    "127.0.0.1",
    [],
    now,
  );
  const ready = first.conditions?.find(({ type }) => type === "Ready");
  assert.equal(ready?.status, "False");
  assert.equal(ready?.message, "containers with unready status: [b]");
  const both = record({ a: { state: running, ready: true }, b: { state: running, ready: true } });
  const second = podStatus(pod("Always", ["a", "b"]), both, "127.0.0.1", first.conditions ?? [], now + 5000);
  const third = podStatus(pod("Always", ["a", "b"]), both, "127.0.0.1", second.conditions ?? [], now + 9000);
  const since = (status: typeof first): string | undefined =>
    status.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime;
  assert.equal(since(second), "2026-01-01T00:00:15Z");
  assert.equal(since(third), since(second));
});
