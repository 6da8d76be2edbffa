import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { deploymentFrom, revisionsOf, versionOf, type Deployment, type Revision } from "./kubernetes/deployment.ts";
import type { KubernetesObject } from "./kubernetes/objects.ts";
import type { KubernetesApi } from "./ports.ts";

const nameLabel = "app.kubernetes.io/name";

/** Which namespaces Surgeon may change. An empty allow-list permits nothing; protection wins. */
export interface NamespaceRules {
  readonly allow: readonly string[];
  readonly protect: readonly string[];
}

export function mayTouch(rules: NamespaceRules, namespace: string): boolean {
  return rules.allow.includes(namespace) && !rules.protect.includes(namespace);
}

/** A deployment with what the planner weighs. */
export interface Workload {
  readonly service: string;
  readonly deployment: Deployment;
  /** Version of the template in force. */
  readonly version: string | undefined;
  /** Newest first, the one in force among them. */
  readonly revisions: readonly (Revision & { readonly version: string | undefined })[];
}

/** Reads the deployments of the namespaces that may be touched. A deployment's service is its name label, else its name. */
export async function readInventory(api: KubernetesApi, rules: NamespaceRules): Promise<Outcome<Workload[]>> {
  const workloads: Workload[] = [];
  const namespaces = rules.allow.filter((namespace) => mayTouch(rules, namespace));
  if (namespaces.length === 0) return fail("terminal", "nothing_allowed", "No namespace is on the allow-list.");
  for (const namespace of namespaces) {
    const deployments = await api.list({ kind: "Deployment", namespace });
    if (!deployments.ok) return deployments;
    const sets = await api.list({ kind: "ReplicaSet", namespace });
    if (!sets.ok) return sets;
    workloads.push(...deployments.value.flatMap((object) => workloadFrom(namespace, object, sets.value)));
  }
  return ok(workloads);
}

function workloadFrom(namespace: string, object: KubernetesObject, sets: readonly KubernetesObject[]): Workload[] {
  const { name, labels } = object.metadata;
  const deployment = deploymentFrom({ kind: "Deployment", namespace, name }, object);
  if (!deployment.ok) return [];
  return [
    {
      service: labels?.[nameLabel] ?? name,
      deployment: deployment.value,
      version: versionOf(deployment.value.template),
      revisions: revisionsOf(deployment.value, sets).map((revision) => ({
        ...revision,
        version: versionOf(revision.template),
      })),
    },
  ];
}
