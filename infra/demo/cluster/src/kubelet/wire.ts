import type {
  CoreV1Event,
  V1ConfigMap,
  V1Container,
  V1ContainerState,
  V1ContainerStatus,
} from "@kubernetes/client-node";
import type { V1Lease, V1Node, V1Pod, V1PodCondition, V1PodStatus, V1Probe, V1Secret } from "@kubernetes/client-node";
import type { V1EnvVar, V1Service, V1Volume } from "@kubernetes/client-node";

/**
 * The JSON of a Kubernetes object as it travels: client-node's types with every Date as the RFC 3339 string that the
 * API sends. The kubelet takes client-node's types but not its generated client, whose models alone cost 70 MB of
 * resident memory.
 */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? Wire<Item>[]
    : T extends object
      ? { [Key in keyof T]: Wire<T[Key]> }
      : T;

export type Pod = Wire<V1Pod>;
export type PodStatus = Wire<V1PodStatus>;
export type PodCondition = Wire<V1PodCondition>;
export type Container = Wire<V1Container>;
export type ContainerState = Wire<V1ContainerState>;
export type ContainerStatus = Wire<V1ContainerStatus>;
export type Terminated = NonNullable<ContainerState["terminated"]>;
export type Probe = Wire<V1Probe>;
export type EnvVar = Wire<V1EnvVar>;
export type Volume = Wire<V1Volume>;
export type Service = Wire<V1Service>;
export type ConfigMap = Wire<V1ConfigMap>;
export type Secret = Wire<V1Secret>;
export type Node = Wire<V1Node>;
export type Lease = Wire<V1Lease>;
export type ClusterEvent = Wire<CoreV1Event>;

/** Any object with the metadata that a list or watch needs. */
export interface ApiObject {
  metadata?: { name?: string; namespace?: string; uid?: string; resourceVersion?: string } | undefined;
}

/** `namespace/name`, the key under which the API knows an object. */
export function objectKey(object: ApiObject): string {
  return `${object.metadata?.namespace ?? ""}/${object.metadata?.name ?? ""}`;
}

/** RFC 3339 to the second, the precision of metav1.Time. */
export function wireTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, "Z");
}

/** RFC 3339 to the microsecond, as metav1.MicroTime wants it. */
export function wireMicroTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/Z$/, "000Z");
}
