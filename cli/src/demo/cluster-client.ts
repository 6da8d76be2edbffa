import { AppsV1Api, CoreV1Api, KubeConfig, KubernetesObjectApi, type V1Deployment } from "@kubernetes/client-node";
import type { KubernetesObject } from "@omega/demo-shop/manifests.ts";
import type { Clock } from "@omega/shared/clock.ts";
import { reasonOf } from "@omega/shared/outcome.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";

const namespace = "shop";
const pollMs = 250;

/** The cluster as the demo needs it: put the shop there, see it come up, take it away. */
export class ClusterClient {
  readonly #objects: KubernetesObjectApi;
  readonly #apps: AppsV1Api;
  readonly #core: CoreV1Api;
  readonly #clock: Clock;

  constructor(kubeconfig: string, clock: Clock) {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    this.#objects = config.makeApiClient(KubernetesObjectApi);
    this.#apps = config.makeApiClient(AppsV1Api);
    this.#core = config.makeApiClient(CoreV1Api);
    this.#clock = clock;
  }

  /** Refuses a cluster where somebody already has a namespace of that name, and one that doesn't answer. */
  async requireNoShop(): Promise<void> {
    const namespaces = await this.#core.listNamespace().catch((error: unknown) => {
      throw new CommandFailure(exitCode.unavailable, `The cluster does not answer: ${reasonOf(error)}`);
    });
    if (namespaces.items.some(({ metadata }) => metadata?.name === namespace)) {
      throw new CommandFailure(
        exitCode.unavailable,
        `The cluster has a namespace '${namespace}' already, and the demo makes and deletes its own. ` +
          `If it is left over: kubectl delete namespace ${namespace}`,
      );
    }
  }

  async create(objects: readonly KubernetesObject[]): Promise<void> {
    for (const object of objects) await this.#objects.create(object);
  }

  /** Calls `seen` whenever the count of available deployments changes; resolves when all of them are as specified. */
  async untilAvailable(signal: AbortSignal, seen: (ready: number, of: number) => void): Promise<void> {
    let before = -1;
    while (!signal.aborted) {
      const { items } = await this.#apps.listNamespacedDeployment({ namespace });
      const ready = items.filter(isAvailable).length;
      if (ready !== before) seen(ready, items.length);
      before = ready;
      if (items.length > 0 && ready === items.length) return;
      await this.#clock.sleep(pollMs, signal);
    }
  }

  /** What keeps pods from being ready, for an error message. */
  async troubles(): Promise<string[]> {
    const { items } = await this.#core.listNamespacedPod({ namespace });
    return items.flatMap(({ metadata, status }) => {
      const containers = status?.containerStatuses ?? [];
      if (containers.length > 0 && containers.every(({ ready }) => ready)) return [];
      const why = containers.map(({ state }) => state?.waiting?.reason ?? state?.terminated?.reason ?? "not ready");
      return [`${metadata?.name ?? "pod"}: ${status?.phase ?? "no status"}, ${why.join(", ") || "no container yet"}`];
    });
  }

  /** Deletes the shop and waits until nothing of it is left. */
  async deleteShop(signal: AbortSignal): Promise<void> {
    await this.#core.deleteNamespace({ name: namespace });
    while (!signal.aborted) {
      const { items } = await this.#core.listNamespace();
      if (items.every(({ metadata }) => metadata?.name !== namespace)) return;
      await this.#clock.sleep(pollMs, signal);
    }
  }
}

function isAvailable({ metadata, spec, status }: V1Deployment): boolean {
  const wanted = spec?.replicas ?? 1;
  return (
    (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0) &&
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.availableReplicas ?? 0) === wanted &&
    (status?.replicas ?? 0) === wanted
  );
}
