// What the API fills in: the defaults of the kinds' own types, as kube-apiserver and its default admission plug-ins set them.
import { isJson, type Container, type Json, type KubeObject, type PodSpec } from "../objects.ts";
import type { Resource } from "./resources.ts";

/** Sets each field that is absent. */
function fill(target: Json, defaults: Json): void {
  for (const [key, value] of Object.entries(defaults)) target[key] ??= structuredClone(value);
}

function each(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter((item) => isJson(item)) : [];
}

function child(parent: Json, key: string): Json {
  const found = parent[key];
  if (isJson(found)) return found;
  const made: Json = {};
  parent[key] = made;
  return made;
}

/** Fills in the object in place; the caller owns it. */
export function applyDefaults(resource: Resource, object: KubeObject): void {
  byKind[resource.kind]?.(object);
}

const byKind: Readonly<Record<string, (object: KubeObject) => void>> = {
  Pod(object) {
    const spec = child(object, "spec") as PodSpec;
    podSpec(spec);
    for (const container of spec.containers ?? []) requestsFromLimits(container);
    fill(spec, {
      enableServiceLinks: true,
      priority: 0,
      preemptionPolicy: "PreemptLowerPriority",
      serviceAccountName: "default",
    });
    spec["serviceAccount"] = spec["serviceAccountName"];
    const tolerations = (spec.tolerations ??= []);
    for (const key of ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]) {
      if (tolerations.some((toleration) => toleration.key === key || toleration.key === undefined)) continue;
      tolerations.push({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 });
    }
    fill(child(object, "status"), { phase: "Pending", qosClass: qosClass(spec) });
  },
  Deployment(object) {
    const spec = child(object, "spec");
    fill(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
    const strategy = child(spec, "strategy");
    fill(strategy, { type: "RollingUpdate" });
    if (strategy["type"] === "RollingUpdate")
      fill(child(strategy, "rollingUpdate"), { maxUnavailable: "25%", maxSurge: "25%" });
    podTemplate(spec);
    child(object, "status");
  },
  ReplicaSet(object) {
    const spec = child(object, "spec");
    fill(spec, { replicas: 1 });
    podTemplate(spec);
    fill(child(object, "status"), { replicas: 0 });
  },
  Service(object) {
    const spec = child(object, "spec");
    fill(spec, { type: "ClusterIP", sessionAffinity: "None", internalTrafficPolicy: "Cluster" });
    for (const port of each(spec["ports"])) fill(port, { protocol: "TCP", targetPort: port["port"] });
    fill(child(object, "status"), { loadBalancer: {} });
  },
  Secret(object) {
    fill(object, { type: "Opaque" });
    const plain = object["stringData"];
    if (!isJson(plain)) return;
    const encoded = child(object, "data");
    for (const [key, value] of Object.entries(plain)) encoded[key] = Buffer.from(String(value)).toString("base64");
    delete object["stringData"];
  },
  Namespace(object) {
    fill(child(object, "spec"), { finalizers: ["kubernetes"] });
    fill(child(object, "status"), { phase: "Active" });
    object.metadata.labels = { ...object.metadata.labels, "kubernetes.io/metadata.name": object.metadata.name };
  },
  Node(object) {
    child(object, "spec");
    const status = child(object, "status");
    if (status["allocatable"] === undefined && status["capacity"] !== undefined) {
      status["allocatable"] = structuredClone(status["capacity"]);
    }
  },
  HorizontalPodAutoscaler(object) {
    const spec = child(object, "spec");
    const utilization = { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } };
    fill(spec, { minReplicas: 1, metrics: [{ type: "Resource", resource: utilization }] });
    fill(child(object, "status"), { currentMetrics: null, desiredReplicas: 0 });
  },
  PodDisruptionBudget(object) {
    fill(child(object, "status"), { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 });
  },
  RoleBinding: bindingDefaults,
  ClusterRoleBinding: bindingDefaults,
};

function bindingDefaults(object: KubeObject): void {
  fill(child(object, "roleRef"), { apiGroup: "rbac.authorization.k8s.io" });
  for (const subject of each(object["subjects"])) {
    if (subject["kind"] !== "ServiceAccount") fill(subject, { apiGroup: "rbac.authorization.k8s.io" });
  }
}

function podTemplate(spec: Json): void {
  const template = child(spec, "template");
  child(template, "metadata");
  podSpec(child(template, "spec") as PodSpec);
}

function podSpec(spec: PodSpec): void {
  fill(spec, {
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    dnsPolicy: "ClusterFirst",
    securityContext: {},
    schedulerName: "default-scheduler",
  });
  if (spec["serviceAccountName"] !== undefined) fill(spec, { serviceAccount: spec["serviceAccountName"] });
  for (const container of [...each(spec["containers"]), ...each(spec["initContainers"])]) containerDefaults(container);
  for (const volume of each(spec["volumes"])) volumeDefaults(volume);
}

function containerDefaults(container: Json): void {
  const image = typeof container["image"] === "string" ? container["image"] : "";
  const tag = /:([^/:@]+)$/.exec(image)?.[1];
  fill(container, {
    imagePullPolicy: !image.includes("@") && (tag === undefined || tag === "latest") ? "Always" : "IfNotPresent",
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    resources: {},
  });
  for (const port of each(container["ports"])) fill(port, { protocol: "TCP" });
  for (const variable of each(container["env"])) {
    const source = variable["valueFrom"];
    if (isJson(source) && isJson(source["fieldRef"])) fill(source["fieldRef"], { apiVersion: "v1" });
  }
  for (const probeName of ["livenessProbe", "readinessProbe", "startupProbe"]) {
    const probe = container[probeName];
    if (!isJson(probe)) continue;
    fill(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
    if (isJson(probe["httpGet"])) fill(probe["httpGet"], { path: "/", scheme: "HTTP" });
    if (isJson(probe["grpc"])) fill(probe["grpc"], { service: "" });
  }
}

function volumeDefaults(volume: Json): void {
  if (Object.keys(volume).every((key) => key === "name")) volume["emptyDir"] = {};
  for (const source of ["configMap", "secret", "projected", "downwardAPI"]) {
    if (isJson(volume[source])) fill(volume[source], { defaultMode: 0o644 });
  }
  if (isJson(volume["hostPath"])) fill(volume["hostPath"], { type: "" });
}

function requestsFromLimits(container: Container): void {
  const limits = container.resources?.limits;
  if (limits === undefined) return;
  container.resources = { ...container.resources, requests: { ...limits, ...container.resources?.requests } };
}

function qosClass(spec: PodSpec): string {
  const containers = spec.containers ?? [];
  const resources = containers.map((container) => container.resources ?? {});
  if (resources.every(({ limits, requests }) => limits === undefined && requests === undefined)) return "BestEffort";
  const guaranteed = resources.every(({ limits, requests }) =>
    ["cpu", "memory"].every(
      (name) => limits?.[name] !== undefined && (requests?.[name] ?? limits[name]) === limits[name],
    ),
  );
  return guaranteed ? "Guaranteed" : "Burstable";
}
