// What every cluster has from the start: namespaces, their default service accounts, the API's own service, and the usual cluster roles.
import { optionsFor, type Api } from "./api/api.ts";
import { resourceNamed } from "./api/resources.ts";
import type { Json } from "./objects.ts";

const manager = "kube-apiserver";
const everything = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };
const read = ["get", "list", "watch"];
const change = ["create", "delete", "deletecollection", "patch", "update"];
const workloads = [
  {
    apiGroups: [""],
    resources: ["configmaps", "events", "pods", "pods/log", "pods/status", "serviceaccounts", "services"],
  },
  {
    apiGroups: ["apps"],
    resources: [
      "deployments",
      "deployments/scale",
      "deployments/status",
      "replicasets",
      "replicasets/scale",
      "replicasets/status",
    ],
  },
  { apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers", "horizontalpodautoscalers/status"] },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets", "poddisruptionbudgets/status"] },
];
const viewRules = [
  ...workloads.map((rule) => ({ ...rule, verbs: read })),
  { apiGroups: [""], resources: ["namespaces"], verbs: read },
];
const editRules = [
  ...workloads.map((rule) => ({ ...rule, verbs: [...read, ...change] })),
  { apiGroups: [""], resources: ["secrets"], verbs: [...read, ...change] },
  { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
  { apiGroups: [""], resources: ["namespaces"], verbs: read },
];
const rbac = {
  apiGroups: ["rbac.authorization.k8s.io"],
  resources: ["roles", "rolebindings"],
  verbs: [...read, ...change],
};
const paths = { nonResourceURLs: ["*"], verbs: ["*"] };

const roles: Readonly<Record<string, Json[]>> = {
  "cluster-admin": [everything, paths],
  admin: [...editRules, rbac],
  edit: editRules,
  view: viewRules,
  "system:node": [
    {
      apiGroups: [""],
      resources: ["nodes", "nodes/status", "events"],
      verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
    },
    {
      apiGroups: [""],
      resources: ["pods", "pods/status"],
      verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
    },
    { apiGroups: [""], resources: ["configmaps", "secrets", "services"], verbs: read },
    {
      apiGroups: ["coordination.k8s.io"],
      resources: ["leases"],
      verbs: ["get", "create", "update", "patch", "delete"],
    },
    { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch", "update"] },
  ],
};

const bindings: Readonly<Record<string, { role: string; group: string }>> = {
  "cluster-admin": { role: "cluster-admin", group: "system:masters" },
  "system:node": { role: "system:node", group: "system:nodes" },
};

/** Makes what is missing; what somebody changed stays changed. */
export function createBootstrapObjects(api: Api): void {
  const make = (group: string, plural: string, namespace: string | undefined, name: string, body: Json): void => {
    const resource = resourceNamed(group, plural);
    if (api.store.get(resource.storedAs, namespace, name) === undefined) {
      api.create(resource, namespace, structuredClone({ ...body, metadata: { name } }), optionsFor(manager));
    }
  };
  for (const name of ["default", "kube-system", "kube-public", "kube-node-lease"])
    make("", "namespaces", undefined, name, {});
  const group = "rbac.authorization.k8s.io";
  for (const [name, rules] of Object.entries(roles)) make(group, "clusterroles", undefined, name, { rules });
  for (const [name, { role, group: subject }] of Object.entries(bindings)) {
    const subjects = [{ kind: "Group", name: subject, apiGroup: group }];
    make(group, "clusterrolebindings", undefined, name, {
      roleRef: { apiGroup: group, kind: "ClusterRole", name: role },
      subjects,
    });
  }
  const ports = [{ name: "https", port: 443, protocol: "TCP" }];
  make("", "services", "default", "kubernetes", { spec: { type: "ClusterIP", clusterIP: "10.96.0.1", ports } });
}

/** Every namespace gets its default service account, as long as it is not on its way out. */
export function keepServiceAccounts(api: Api): void {
  const accounts = resourceNamed("", "serviceaccounts");
  const namespaces = resourceNamed("", "namespaces");
  const ensure = (namespace: string): void => {
    if (api.store.get(accounts.storedAs, namespace, "default") !== undefined) return;
    api.create(accounts, namespace, { metadata: { name: "default" } }, optionsFor("kube-controller-manager"));
  };
  for (const namespace of api.store.list(namespaces.storedAs))
    if (namespace.metadata.deletionTimestamp === undefined) ensure(namespace.metadata.name);
  api.store.subscribe(({ storedAs, type, object }) => {
    if (storedAs === namespaces.storedAs && type === "ADDED") setImmediate(() => ensureIfThere(object.metadata.name));
  });
  const ensureIfThere = (name: string): void => {
    const namespace = api.store.get(namespaces.storedAs, undefined, name);
    if (namespace !== undefined && namespace.metadata.deletionTimestamp === undefined) ensure(name);
  };
}
