import type { Permission } from "@omega/shared/action.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import {
  containersOf,
  deploymentFrom,
  revisionsOf,
  versionOf,
  type Container,
  type Deployment,
  type Revision,
} from "./kubernetes/deployment.ts";
import type { KubernetesObject } from "./kubernetes/objects.ts";
import type { KubernetesApi } from "./ports.ts";
import type { SettingsHistory } from "./settings-history.ts";

/** What it takes to read the inventory, and to see config maps change (`settings-watch.ts`). */
export const inventoryPermissions: readonly Permission[] = [
  { apiGroup: "apps", resource: "deployments", verbs: ["get", "list"] },
  { apiGroup: "apps", resource: "replicasets", verbs: ["list"] },
  { apiGroup: "autoscaling", resource: "horizontalpodautoscalers", verbs: ["list"] },
  { apiGroup: "", resource: "configmaps", verbs: ["list"] },
];

const nameLabel = "app.kubernetes.io/name";

/** Which namespaces Surgeon may change. An empty allow-list permits nothing; protection wins. */
export interface NamespaceRules {
  readonly allow: readonly string[];
  readonly protect: readonly string[];
}

export function mayTouch(rules: NamespaceRules, namespace: string): boolean {
  return rules.allow.includes(namespace) && !rules.protect.includes(namespace);
}

/** A setting of a container that changed while Surgeon was looking. */
export interface ChangedSetting {
  readonly configMap: string;
  readonly container: string;
  readonly name: string;
  readonly before: string;
  readonly after: string;
  /** When the new value was first seen, milliseconds since the epoch. */
  readonly seenAt: number;
}

export interface Scaler {
  readonly name: string;
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

/** A deployment with what the planner weighs. */
export interface Workload {
  readonly service: string;
  readonly deployment: Deployment;
  /** Version of the template in force. */
  readonly version: string | undefined;
  /** Newest first, the one in force among them. */
  readonly revisions: readonly (Revision & { readonly version: string | undefined })[];
  readonly containers: readonly Container[];
  readonly changedSettings: readonly ChangedSetting[];
  /** The HorizontalPodAutoscaler that sets its replicas. */
  readonly scaler: Scaler | undefined;
}

const scalerSchema = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    scaleTargetRef: z.object({ kind: z.string(), name: z.string() }),
    minReplicas: z.number().default(1),
    maxReplicas: z.number(),
  }),
});

/**
 * Reads the deployments that run a service, in the namespaces that may be touched: those with its name in their name label, else the
 * one of its name. Asks for these alone, because a namespace may hold thousands of objects.
 */
export async function readInventory(
  api: KubernetesApi,
  rules: NamespaceRules,
  history: SettingsHistory,
  service: string,
): Promise<Outcome<Workload[]>> {
  const namespaces = rules.allow.filter((namespace) => mayTouch(rules, namespace));
  if (namespaces.length === 0) return fail("terminal", "nothing_allowed", "No namespace is on the allow-list.");
  const workloads: Workload[] = [];
  for (const namespace of namespaces) {
    const deployments = await deploymentsOf(api, namespace, service);
    if (!deployments.ok) return deployments;
    for (const object of deployments.value) {
      const workload = await readWorkload(api, { namespace, history, service }, object);
      if (!workload.ok) return workload;
      workloads.push(workload.value);
    }
  }
  return ok(workloads);
}

/** Kubernetes names and label values; anything else names no object, and must not become part of a selector. */
const nameable = /^[a-z0-9A-Z]([-_.a-z0-9A-Z]{0,61}[a-z0-9A-Z])?$/;

async function deploymentsOf(
  api: KubernetesApi,
  namespace: string,
  service: string,
): Promise<Outcome<KubernetesObject[]>> {
  if (!nameable.test(service)) return ok([]);
  const labelled = await api.list({ kind: "Deployment", namespace, labels: { [nameLabel]: service } });
  if (!labelled.ok || labelled.value.length > 0) return labelled;
  const named = await api.get({ kind: "Deployment", namespace, name: service });
  if (!named.ok) return named.failure.code === "not_found" ? ok([]) : named;
  // A label that names another service speaks louder than the name.
  return ok(named.value.metadata.labels?.[nameLabel] === undefined ? [named.value] : []);
}

interface Surroundings {
  readonly namespace: string;
  readonly history: SettingsHistory;
  readonly service: string;
}

async function readWorkload(
  api: KubernetesApi,
  around: Surroundings,
  object: KubernetesObject,
): Promise<Outcome<Workload>> {
  const { namespace, service } = around;
  const { name } = object.metadata;
  const read = deploymentFrom({ kind: "Deployment", namespace, name }, object);
  if (!read.ok) return read;
  const deployment = read.value;
  const sets = await api.list({ kind: "ReplicaSet", namespace, labels: deployment.selector });
  if (!sets.ok) return sets;
  const scalers = await api.list({ kind: "HorizontalPodAutoscaler", namespace });
  // An API without autoscaling has none.
  if (!scalers.ok && scalers.failure.code !== "not_found") return scalers;
  const containers = containersOf(deployment.template);
  return ok({
    service,
    deployment,
    version: versionOf(deployment.template),
    revisions: revisionsOf(deployment, sets.value).map((revision) => ({
      ...revision,
      version: versionOf(revision.template),
    })),
    containers,
    changedSettings: containers.flatMap((container) => changedSettingsOf(container, around)),
    scaler: scalerOf(name, scalers.ok ? scalers.value : []),
  });
}

function scalerOf(deployment: string, scalers: readonly KubernetesObject[]): Scaler | undefined {
  for (const object of scalers) {
    const { data: scaler } = scalerSchema.safeParse(object);
    if (scaler?.spec.scaleTargetRef.kind !== "Deployment" || scaler.spec.scaleTargetRef.name !== deployment) continue;
    const { minReplicas, maxReplicas } = scaler.spec;
    return { name: scaler.metadata.name, minReplicas, maxReplicas };
  }
  return undefined;
}

/** What the config maps that a container takes its environment from changed last. */
function changedSettingsOf(container: Container, { namespace, history }: Surroundings): ChangedSetting[] {
  return container.configMaps.flatMap((configMap) => {
    const change = history.lastChange(namespace, configMap);
    if (change === undefined) return [];
    const { before, after } = change;
    return Object.entries(before.settings).flatMap(([name, value]) => {
      const changed = after.settings[name];
      if (changed === undefined || changed === value) return [];
      return [{ configMap, container: container.name, name, before: value, after: changed, seenAt: after.seenAt }];
    });
  });
}
