// The table of what is served: one row a resource. Discovery, routing, RBAC names, tables and OpenAPI all read it.

export interface Resource {
  group: string;
  version: string;
  plural: string;
  singular: string;
  kind: string;
  /** The type in kinds.txt. */
  type: string;
  namespaced: boolean;
  shortNames: readonly string[];
  categories: readonly string[];
  subresources: readonly string[];
  /** Has a status that only the status subresource writes, and a generation that counts changes of the rest. */
  hasStatus: boolean;
  /** The group under which the objects are stored; events.k8s.io is a view of the same events as v1. */
  storedAs: string;
}

const allVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"] as const;
export const resourceVerbs: readonly string[] = allVerbs;

function row(groupVersion: string, plural: string, kind: string, rest: Partial<Resource> = {}): Resource {
  const [group = "", version = ""] = groupVersion.includes("/") ? groupVersion.split("/") : ["", groupVersion];
  return {
    group,
    version,
    plural,
    singular: kind.toLowerCase(),
    kind,
    type: kind,
    namespaced: true,
    shortNames: [],
    categories: [],
    subresources: [],
    hasStatus: rest.subresources?.includes("status") ?? false,
    storedAs: `${group}/${plural}`,
    ...rest,
  };
}

const all = { categories: ["all"] };
const rbac = "rbac.authorization.k8s.io/v1";

export const resources: readonly Resource[] = [
  row("v1", "configmaps", "ConfigMap", { shortNames: ["cm"] }),
  row("v1", "events", "Event", { shortNames: ["ev"] }),
  row("v1", "namespaces", "Namespace", { namespaced: false, shortNames: ["ns"], subresources: ["status", "finalize"] }),
  row("v1", "nodes", "Node", { namespaced: false, shortNames: ["no"], subresources: ["status"] }),
  row("v1", "pods", "Pod", { ...all, shortNames: ["po"], subresources: ["status", "binding", "eviction", "log"] }),
  row("v1", "secrets", "Secret"),
  row("v1", "serviceaccounts", "ServiceAccount", { shortNames: ["sa"] }),
  row("v1", "services", "Service", { ...all, shortNames: ["svc"], subresources: ["status"] }),
  row("apps/v1", "deployments", "Deployment", { ...all, shortNames: ["deploy"], subresources: ["status", "scale"] }),
  row("apps/v1", "replicasets", "ReplicaSet", { ...all, shortNames: ["rs"], subresources: ["status", "scale"] }),
  row("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", {
    ...all,
    shortNames: ["hpa"],
    subresources: ["status"],
  }),
  row("coordination.k8s.io/v1", "leases", "Lease"),
  row("events.k8s.io/v1", "events", "Event", { type: "EventsEvent", shortNames: ["ev"], storedAs: "/events" }),
  row("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", { shortNames: ["pdb"], subresources: ["status"] }),
  row(rbac, "clusterrolebindings", "ClusterRoleBinding", { namespaced: false }),
  row(rbac, "clusterroles", "ClusterRole", { namespaced: false }),
  row(rbac, "rolebindings", "RoleBinding"),
  row(rbac, "roles", "Role"),
];

const byPath = new Map(
  resources.map((resource) => [`${resource.group}/${resource.version}/${resource.plural}`, resource]),
);
const byKind = new Map(resources.map((resource) => [`${resource.group}/${resource.kind}`, resource]));

export function findResource(group: string, version: string, plural: string): Resource | undefined {
  return byPath.get(`${group}/${version}/${plural}`);
}

export function resourceOfKind(apiVersion: string, kind: string): Resource | undefined {
  const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
  return byKind.get(`${group}/${kind}`);
}

export function resourceNamed(group: string, plural: string): Resource {
  const found = resources.find((resource) => resource.group === group && resource.plural === plural);
  if (found === undefined) throw new Error(`no resource ${plural} in group "${group}"`);
  return found;
}

export function apiVersionOf(resource: Resource): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

export function groups(): Map<string, Resource[]> {
  return Map.groupBy(resources, (resource) => resource.group);
}

/** The type and group-version of a subresource's own body, where it differs from its parent's. */
export const subresourceKinds: Readonly<
  Record<string, { group: string; version: string; kind: string; verbs: readonly string[] }>
> = {
  scale: { group: "autoscaling", version: "v1", kind: "Scale", verbs: ["get", "patch", "update"] },
  binding: { group: "", version: "v1", kind: "Binding", verbs: ["create"] },
  eviction: { group: "policy", version: "v1", kind: "Eviction", verbs: ["create"] },
};

/** Resources that are only ever posted and answered, never stored. */
export const reviews = [
  {
    group: "authorization.k8s.io",
    version: "v1",
    plural: "selfsubjectaccessreviews",
    singular: "selfsubjectaccessreview",
    kind: "SelfSubjectAccessReview",
    namespaced: false,
  },
] as const;
