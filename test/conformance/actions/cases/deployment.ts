import type { JsonObject } from "../../../../agents/surgeon/src/kubernetes/json-pointer.ts";
import { deploymentOf, deployments, imagePatch, isSettled, settled, type ActionCase } from "../action-case.ts";
import { namespace, type Cluster } from "../cluster.ts";

const object = (name: string): string => `${deployments}/${name}`;

function template(change: object): object {
  return { spec: { template: change } };
}

function container(change: object): object {
  return template({ spec: { containers: [change] } });
}

/** A case whose object is a deployment with no replicas, so that its rollouts end at once. */
function onDeployment(
  type: string,
  params: JsonObject,
  foreign: object,
  prepare: (cluster: Cluster, name: string) => Promise<void> = () => Promise.resolve(),
  replicas = 0,
): ActionCase {
  return {
    type,
    async arrange(cluster, name) {
      await cluster.create(deployments, deploymentOf(name, replicas));
      await settled(cluster, name);
      await prepare(cluster, name);
      return { namespace, name, ...params };
    },
    object,
    ended: isSettled,
    foreignChange: (cluster, name) => cluster.patch(object(name), foreign),
  };
}

const restartedAt = "kubectl.kubernetes.io/restartedAt";

export const deploymentCases: readonly ActionCase[] = [
  onDeployment("k8s.rollout-undo", { toRevision: 1 }, imagePatch("shop/payments:1.6.0"), async (cluster, name) => {
    await cluster.patch(object(name), imagePatch("shop/payments:1.5.0"));
    await settled(cluster, name);
  }),
  onDeployment(
    "k8s.rollout-restart",
    { restartedAt: "2026-11-24T03:00:00.000Z" },
    template({ metadata: { annotations: { [restartedAt]: "by hand" } } }),
  ),
  onDeployment(
    "k8s.rollout-restart",
    { restartedAt: "2026-11-24T03:00:00.000Z" },
    template({ metadata: { annotations: { [restartedAt]: "by hand again" } } }),
    async (cluster, name) => {
      await cluster.patch(
        object(name),
        template({ metadata: { annotations: { note: "kept", [restartedAt]: "once" } } }),
      );
      await settled(cluster, name);
    },
  ),
  onDeployment("k8s.scale", { replicas: 2 }, { spec: { replicas: 3 } }, undefined, 1),
  onDeployment("k8s.set-image", { container: "main", image: "shop/payments:1.4.2" }, imagePatch("shop/payments:1.6.0")),
  // Of several pods one goes first.
  onDeployment(
    "k8s.set-image",
    { container: "main", image: "shop/payments:1.4.2" },
    imagePatch("shop/payments:1.6.0"),
    undefined,
    2,
  ),
  onDeployment(
    "k8s.set-env",
    { container: "proxy", env: { MODE: "lenient", LIMIT: "3" } },
    container({ name: "proxy", env: [{ name: "MODE", value: "by-hand" }] }),
  ),
  onDeployment(
    "k8s.set-env",
    { container: "main", env: { FIRST: "1" } },
    container({ name: "main", env: [{ name: "FIRST", value: "by-hand" }] }),
  ),
  onDeployment(
    "k8s.set-env",
    { container: "proxy", env: { MODE: null } },
    container({ name: "proxy", env: [{ name: "MODE", value: "by-hand" }] }),
  ),
  onDeployment(
    "k8s.set-resources",
    { container: "main", limits: { memory: "0.25Gi", cpu: "0.5" } },
    container({ name: "main", resources: { limits: { memory: "1Gi" } } }),
  ),
];
