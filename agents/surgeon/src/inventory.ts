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

interface Surroundings {
  readonly namespace: string;
  readonly sets: readonly KubernetesObject[];
  readonly scalers: readonly KubernetesObject[];
  readonly history: SettingsHistory;
}

/** Reads the deployments of the namespaces that may be touched. A deployment's service is its name label, else its name. */
export async function readInventory(
  api: KubernetesApi,
  rules: NamespaceRules,
  history: SettingsHistory,
): Promise<Outcome<Workload[]>> {
  const workloads: Workload[] = [];
  const namespaces = rules.allow.filter((namespace) => mayTouch(rules, namespace));
  if (namespaces.length === 0) return fail("terminal", "nothing_allowed", "No namespace is on the allow-list.");
  for (const namespace of namespaces) {
    const deployments = await api.list({ kind: "Deployment", namespace });
    if (!deployments.ok) return deployments;
    const sets = await api.list({ kind: "ReplicaSet", namespace });
    if (!sets.ok) return sets;
    const scalers = await api.list({ kind: "HorizontalPodAutoscaler", namespace });
    // An API without autoscaling has none.
    if (!scalers.ok && scalers.failure.code !== "not_found") return scalers;
    const around = { namespace, sets: sets.value, scalers: scalers.ok ? scalers.value : [], history };
    workloads.push(...deployments.value.flatMap((object) => workloadFrom(object, around)));
  }
  return ok(workloads);
}

function workloadFrom(object: KubernetesObject, around: Surroundings): Workload[] {
  const { name, labels } = object.metadata;
  const read = deploymentFrom({ kind: "Deployment", namespace: around.namespace, name }, object);
  if (!read.ok) return [];
  const deployment = read.value;
  const containers = containersOf(deployment.template);
  return [
    {
      service: labels?.[nameLabel] ?? name,
      deployment,
      version: versionOf(deployment.template),
      revisions: revisionsOf(deployment, around.sets).map((revision) => ({
        ...revision,
        version: versionOf(revision.template),
      })),
      containers,
      changedSettings: containers.flatMap((container) => changedSettingsOf(container, around)),
      scaler: scalerOf(name, around.scalers),
    },
  ];
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
