import type { JsonObject } from "../../../agents/surgeon/src/kubernetes/json-pointer.ts";
import { namespace, type Cluster } from "./cluster.ts";
import { nodeSelectorOf } from "./pretended-kubelet.ts";

/** What the kit must know of an action to hold it to its promises. */
export interface ActionCase {
  readonly type: string;
  /** Makes fresh objects under this name and answers the parameters of an action that changes them. */
  arrange(cluster: Cluster, name: string): Promise<JsonObject>;
  /** API path of the object that the action changes. */
  object(name: string): string;
  /** Somebody else sets what the action sets, to yet another value. */
  foreignChange(cluster: Cluster, name: string): Promise<void>;
  /** It cannot be taken back, and whoever else does the same has done it for us. */
  readonly irreversible?: boolean;
  /** The field has no third value that a foreign change could set: there is nothing to be in conflict with. */
  readonly twoValued?: boolean;
  /** Whether the pods that it concerns are as its object says, where it concerns any. */
  ended?(cluster: Cluster, name: string): Promise<boolean>;
  /** JSON Pointers to what controllers write in the object as they see fit. */
  readonly booksOfControllers?: readonly string[];
}

export const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;

/** A deployment of version 1.4.0. With no replicas its rollouts end at once, which is all that most promises need. */
export function deploymentOf(name: string, replicas = 0): JsonObject {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels: { "app.kubernetes.io/name": name } },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          nodeSelector: nodeSelectorOf(namespace),
          containers: [
            { name: "main", image: "shop/payments:1.4.0", resources: { limits: { memory: "128Mi" } } },
            { name: "proxy", image: "proxy:1", env: [{ name: "MODE", value: "strict" }] },
          ],
        },
      },
    },
  };
}

export const imagePatch = (image: string): object => ({
  spec: { template: { spec: { containers: [{ name: "main", image }] } } },
});

/** Waits until the controller has seen the newest template and made its ReplicaSet. */
export function settled(cluster: Cluster, name: string): Promise<void> {
  return cluster.until(`${name} is settled`, () => isSettled(cluster, name));
}

/** Whether all pods of a deployment are of its newest template, available, and as many as it wants. */
export async function isSettled(cluster: Cluster, name: string): Promise<boolean> {
  const { metadata, spec, status } = await cluster.get<{
    metadata: { generation: number; annotations?: Record<string, string> };
    spec: { replicas: number };
    status: { observedGeneration?: number; updatedReplicas?: number; availableReplicas?: number; replicas?: number };
  }>(`${deployments}/${name}`);
  return (
    status.observedGeneration === metadata.generation &&
    metadata.annotations?.["deployment.kubernetes.io/revision"] !== undefined &&
    (status.updatedReplicas ?? 0) === spec.replicas &&
    (status.replicas ?? 0) === spec.replicas &&
    (status.availableReplicas ?? 0) === spec.replicas
  );
}

/** All of a case's object but what the API server and controllers keep books in; `{}` where there is none. */
export async function worldOf(cluster: Cluster, example: ActionCase, name: string): Promise<JsonObject> {
  const object = await cluster.find<{ metadata: JsonObject; status?: unknown }>(example.object(name));
  // What is on its way out is gone, as far as an action is concerned.
  if (object === undefined || object.metadata["deletionTimestamp"] !== undefined) return {};
  for (const path of example.booksOfControllers ?? []) removeAt(object, path);
  const { metadata, status: _status, ...rest } = object;
  const { managedFields: _fields, resourceVersion: _version, generation: _generation, ...kept } = metadata;
  const { "deployment.kubernetes.io/revision": _revision, ...annotations } = (kept["annotations"] ?? {}) as JsonObject;
  return { ...rest, metadata: { ...kept, annotations } };
}

export function at(root: unknown, path: string): unknown {
  let found: unknown = root;
  for (const step of path.split("/").slice(1)) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
    found = (found as Record<string, unknown> | undefined)?.[key];
  }
  return found;
}

function removeAt(root: unknown, path: string): void {
  const parent = at(root, path.slice(0, path.lastIndexOf("/")));
  if (typeof parent === "object" && parent !== null)
    Reflect.deleteProperty(parent, path.slice(path.lastIndexOf("/") + 1));
}
