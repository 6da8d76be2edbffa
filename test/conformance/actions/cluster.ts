import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { ApiClient, type PatchKind } from "@omega/demo-cluster/kubelet/api-client.ts";
import { readKubeconfig } from "@omega/demo-cluster/kubelet/kubeconfig.ts";
import { valueAt } from "../../../agents/surgeon/src/kubernetes/json-pointer.ts";
import { candidates, type Cluster as StartedCluster } from "../kubernetes/cluster-under-test.ts";
import { PretendedKubelet } from "./pretended-kubelet.ts";

export const namespace = `surgery-${process.pid}`;

/** A Kubernetes API with somebody who says that pods are ready, and hands to arrange and inspect it with. */
export class Cluster {
  readonly kubeconfig: string;
  /** The kubeconfig of the user "reader", who is bound to nothing; none in a cluster that was lent. */
  readonly readerKubeconfig: string | undefined;
  readonly #api: ApiClient;
  readonly #kubelet: PretendedKubelet;
  readonly #stop: () => Promise<void>;
  readonly #clusterWide: string[] = [];

  constructor(kubeconfig: string, stop: () => Promise<void>, readerKubeconfig?: string) {
    this.kubeconfig = kubeconfig;
    this.readerKubeconfig = readerKubeconfig;
    this.#api = new ApiClient(readKubeconfig(kubeconfig));
    this.#kubelet = new PretendedKubelet(this.#api, namespace);
    this.#stop = stop;
  }

  /** The real cluster that the environment offers, else the embedded one. */
  static async find(): Promise<Cluster> {
    const [embedded, real] = clusterChoices;
    const choice = real?.skip === false ? real : embedded;
    assert.ok(choice !== undefined);
    return await choice.start();
  }

  /** Leaves nothing behind in a cluster that was lent. */
  async close(): Promise<void> {
    for (const path of this.#clusterWide) await this.#api.delete(path, {});
    await this.#kubelet.stop();
    await this.#api.delete(`/api/v1/namespaces/${namespace}`, {});
    this.#api.close();
    await this.#stop();
  }

  async get<T>(path: string): Promise<T> {
    const answer = await this.#api.get<T>(path);
    assert.ok(answer.ok, answer.ok ? "" : `GET ${path}: ${answer.message}`);
    return answer.value;
  }

  async find<T>(path: string): Promise<T | undefined> {
    const answer = await this.#api.get<T>(path);
    assert.ok(answer.ok || answer.status === 404, answer.ok ? "" : `GET ${path}: ${answer.message}`);
    return answer.ok ? answer.value : undefined;
  }

  async create(path: string, body: { readonly [field: string]: unknown }): Promise<void> {
    if (!path.includes("/namespaces/"))
      this.#clusterWide.push(`${path}/${JSON.stringify(valueAt(body, "/metadata/name")).slice(1, -1)}`);
    const answer = await this.#api.create(path, body);
    assert.ok(answer.ok || answer.reason === "AlreadyExists", answer.ok ? "" : `POST ${path}: ${answer.message}`);
  }

  async patch(path: string, body: unknown, kind: PatchKind = "strategic-merge-patch"): Promise<void> {
    const answer = await this.#api.patch(`${path}?fieldManager=somebody-else`, body, kind);
    assert.ok(answer.ok, answer.ok ? "" : `PATCH ${path}: ${answer.message}`);
  }

  async delete(path: string): Promise<void> {
    const answer = await this.#api.delete(path, { gracePeriodSeconds: 0, propagationPolicy: "Background" });
    assert.ok(answer.ok, answer.ok ? "" : `DELETE ${path}: ${answer.message}`);
    await this.until(`${path} is gone`, async () => !(await this.#api.get(path)).ok);
  }

  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const giveUpAt = Date.now() + 60_000;
    while (!(await holds())) {
      if (Date.now() > giveUpAt) assert.fail(`never: ${what}`);
      await delay(20);
    }
  }

  async ready(): Promise<this> {
    await this.#api.create("/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace },
    });
    await this.#kubelet.start();
    await this.until("the default service account", async () => {
      return (await this.#api.get(`/api/v1/namespaces/${namespace}/serviceaccounts/default`)).ok;
    });
    return this;
  }
}

export interface ClusterChoice {
  readonly name: string;
  /** Why it cannot be had here. */
  readonly skip: string | false;
  readonly start: () => Promise<Cluster>;
}

/** The embedded control plane, and the real one that the environment offers. */
export const clusterChoices: readonly ClusterChoice[] = candidates.map((candidate) => ({
  name: candidate.name,
  skip: candidate.skip,
  async start() {
    const started = await candidate.start();
    return await new Cluster(started.kubeconfig, () => started.stop(), readersKubeconfig(started)).ready();
  },
}));

/** Beside the admin's, so that it goes when the cluster goes. */
function readersKubeconfig({ kubeconfig, adminToken, readerToken }: StartedCluster): string | undefined {
  if (readerToken === undefined) return undefined;
  const path = `${kubeconfig}.reader`;
  writeFileSync(path, readFileSync(kubeconfig, "utf8").replaceAll(adminToken, readerToken), { mode: 0o600 });
  return path;
}
