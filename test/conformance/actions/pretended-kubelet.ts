import { setTimeout as delay } from "node:timers/promises";
import type { ApiClient } from "@omega/demo-cluster/kubelet/api-client.ts";

/** Keeps the pods of a namespace on the node of its pretended kubelet, whoever else runs nodes in the cluster. */
export function nodeSelectorOf(namespace: string): Record<string, string> {
  return { "omega.test/surgery": namespace };
}

interface Container {
  readonly name: string;
  readonly image?: string;
}

/** A container of an image with this tag ends as soon as it starts. */
const crashing = ":crashing";
/** A container of an image with this tag never gets going. */
const unready = ":unready";

interface PodView {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string; readonly containers: readonly Container[] };
  readonly status?: { readonly phase?: string };
}

const roundMs = 30;
const heartbeatEveryMs = 5000;

/** Stands in for the kubelet of a bare control plane: one node, whose pods are ready as soon as they are bound and gone as soon as they are deleted. */
export class PretendedKubelet {
  readonly #api: ApiClient;
  readonly #pods: string;
  readonly #node = `surgery-${process.pid}`;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #stopping = new AbortController();
  #looping: Promise<void> = Promise.resolve();

  constructor(api: ApiClient, namespace: string) {
    this.#api = api;
    this.#labels = nodeSelectorOf(namespace);
    this.#pods = `/api/v1/namespaces/${namespace}/pods`;
  }

  async start(): Promise<void> {
    await this.#api.create("/api/v1/nodes", {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: this.#node, labels: this.#labels },
    });
    await this.#heartbeat();
    this.#looping = this.#loop();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#looping;
    await this.#api.delete(`/api/v1/nodes/${this.#node}`, {});
  }

  async #loop(): Promise<void> {
    let beatAt = 0;
    while (!this.#stopping.signal.aborted) {
      if (Date.now() - beatAt > heartbeatEveryMs) {
        beatAt = Date.now();
        await this.#heartbeat();
      }
      const pods = await this.#api.get<{ items: PodView[] }>(this.#pods);
      if (pods.ok) for (const pod of pods.value.items) await this.#tend(pod);
      await delay(roundMs);
    }
  }

  async #tend({ metadata, spec, status }: PodView): Promise<void> {
    if (spec.nodeName !== this.#node) return;
    const path = `${this.#pods}/${metadata.name}`;
    if (metadata.deletionTimestamp !== undefined) {
      await this.#api.delete(path, { gracePeriodSeconds: 0, preconditions: { uid: metadata.uid } });
    } else if (hasTag(spec.containers, unready)) {
      return;
    } else if (status?.phase !== "Running" && hasTag(spec.containers, crashing)) {
      await this.#api.patch(`${path}/status`, { status: crashingStatus(spec.containers) }, "strategic-merge-patch");
    } else if (status?.phase !== "Running") {
      await this.#api.patch(`${path}/status`, { status: runningStatus(spec.containers) }, "strategic-merge-patch");
    }
  }

  async #heartbeat(): Promise<void> {
    const now = new Date().toISOString();
    const capacity = { cpu: "64", memory: "64Gi", pods: "1000" };
    const ready = {
      type: "Ready",
      status: "True",
      reason: "Pretended",
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    };
    const status = { capacity, allocatable: capacity, conditions: [ready] };
    await this.#api.patch(`/api/v1/nodes/${this.#node}/status`, { status }, "strategic-merge-patch");
  }
}

function hasTag(containers: readonly Container[], tag: string): boolean {
  return containers.some(({ image }) => image?.endsWith(tag) === true);
}

function crashingStatus(containers: readonly Container[]): object {
  const state = { waiting: { reason: "CrashLoopBackOff", message: "back-off 10s restarting failed container" } };
  const containerStatuses = containers.map(({ name }) => ({
    name,
    ready: false,
    started: false,
    restartCount: 1,
    image: "",
    imageID: "",
    state,
  }));
  return { phase: "Running", startTime: new Date().toISOString(), containerStatuses };
}

function runningStatus(containers: readonly Container[]): object {
  const now = new Date().toISOString();
  const conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"];
  return {
    phase: "Running",
    startTime: now,
    podIP: "127.0.0.1",
    conditions: conditions.map((type) => ({ type, status: "True", lastTransitionTime: now })),
    containerStatuses: containers.map(({ name }) => ({
      name,
      ready: true,
      started: true,
      restartCount: 0,
      image: "",
      imageID: "",
      state: { running: { startedAt: now } },
    })),
  };
}
