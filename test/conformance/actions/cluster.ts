import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ApiClient, type PatchKind } from "@omega/demo-cluster/kubelet/api-client.ts";
import { readKubeconfig } from "@omega/demo-cluster/kubelet/kubeconfig.ts";
import { missingBinaries, startRealControlPlane } from "../kubelet/real-control-plane.ts";
import { valueAt } from "../../../agents/surgeon/src/kubernetes/json-pointer.ts";
import { PretendedKubelet } from "./pretended-kubelet.ts";

export const namespace = `surgery-${process.pid}`;

/** A Kubernetes API with somebody who says that pods are ready, and hands to arrange and inspect it with. */
export class Cluster {
  readonly kubeconfig: string;
  readonly #api: ApiClient;
  readonly #kubelet: PretendedKubelet;
  readonly #stop: () => Promise<void>;
  readonly #clusterWide: string[] = [];

  constructor(kubeconfig: string, stop: () => Promise<void>) {
    this.kubeconfig = kubeconfig;
    this.#api = new ApiClient(readKubeconfig(kubeconfig));
    this.#kubelet = new PretendedKubelet(this.#api, namespace);
    this.#stop = stop;
  }

  /** The cluster that the environment offers, or why there is none. */
  static async find(): Promise<Cluster | string> {
    const given = process.env["OMEGA_TEST_KUBECONFIG"];
    if (given !== undefined && given !== "") return await new Cluster(given, () => Promise.resolve()).ready();
    const assets = process.env["KUBEBUILDER_ASSETS"];
    if (assets === undefined || assets === "") {
      return "no Kubernetes API: set KUBEBUILDER_ASSETS to control plane binaries, or OMEGA_TEST_KUBECONFIG to a cluster";
    }
    const missing = missingBinaries(assets);
    if (missing !== undefined) return missing;
    const folder = mkdtempSync(join(tmpdir(), "omega-actions-"));
    const plane = await startRealControlPlane(assets, folder);
    const stop = async (): Promise<void> => {
      await plane.stop();
      rmSync(folder, { recursive: true, force: true });
    };
    return await new Cluster(plane.kubeconfig, stop).ready();
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

  private async ready(): Promise<this> {
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
