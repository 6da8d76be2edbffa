// Server-side printing: the Table that `kubectl get` shows, with the columns of the real API server.
import {
  conditionOf,
  isJson,
  type Deployment,
  type Json,
  type KubeObject,
  type Lease,
  type Node,
  type Pod,
  type PodDisruptionBudget,
  type ReplicaSet,
  type RoleBinding,
} from "../objects.ts";
import type { Resource } from "../api/resources.ts";
import { regardingOf } from "../api/event-view.ts";
import { selectorText } from "../api/selectors.ts";

type Row = [name: string, cell: (object: KubeObject, nowMs: number) => string | number, wide?: "wide"];

/** 45s, 3m20s, 5h, 12d: as short as kubectl has it. */
export function age(since: string | undefined, nowMs: number): string {
  if (since === undefined) return "<unknown>";
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(since)) / 1000));
  const [minutes, hours, days] = [Math.floor(seconds / 60), Math.floor(seconds / 3600), Math.floor(seconds / 86_400)];
  const two = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return two(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return two(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  return days < 8 ? two(days, "d", hours % 24, "h") : `${days}d`;
}

const named: Row = ["Name", (object) => object.metadata.name];
const aged: Row = ["Age", (object, now) => age(object.metadata.creationTimestamp, now)];

function text(value: unknown, absent = "<none>"): string {
  return typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : absent;
}

function podStatus(pod: Pod): string {
  let said = text(pod.status.reason, text(pod.status.phase, "Unknown"));
  for (const { state } of (pod.status.containerStatuses ?? []).toReversed()) {
    if (state?.waiting?.reason !== undefined) said = state.waiting.reason;
    else if (state?.terminated !== undefined) {
      const { reason, signal = 0, exitCode = 0 } = state.terminated;
      said = reason ?? (signal !== 0 ? `Signal:${signal}` : `ExitCode:${exitCode}`);
    }
  }
  if (pod.metadata.deletionTimestamp !== undefined) return pod.status.reason === "NodeLost" ? "Unknown" : "Terminating";
  const running = (pod.status.containerStatuses ?? []).some(
    ({ state, ready }) => state?.running !== undefined && ready,
  );
  return said === "Completed" && running ? "Running" : said;
}

function containersOf(object: KubeObject): { name: string; image?: string }[] {
  return (object as Deployment).spec.template.spec.containers;
}

const containerColumns: Row[] = [
  [
    "Containers",
    (object) =>
      containersOf(object)
        .map(({ name }) => name)
        .join(","),
    "wide",
  ],
  [
    "Images",
    (object) =>
      containersOf(object)
        .map(({ image }) => image ?? "")
        .join(","),
    "wide",
  ],
  ["Selector", (object) => selectorText((object as Deployment).spec.selector), "wide"],
];

function nodeStatus(node: Node): string {
  const ready = conditionOf(node.status.conditions, "Ready")?.status;
  const words = [ready === "True" ? "Ready" : ready === undefined ? "Unknown" : "NotReady"];
  if (node.spec.unschedulable === true) words.push("SchedulingDisabled");
  return words.join(",");
}

function address(node: Node, type: string): string {
  return text(node.status.addresses?.find((each) => each.type === type)?.address);
}

function eventObject(object: KubeObject): string {
  const { kind, name } = regardingOf(object);
  return `${text(kind, "").toLowerCase()}/${text(name, "")}`;
}

function servicePorts(object: KubeObject): string {
  const ports = object.spec?.["ports"];
  if (!Array.isArray(ports)) return "<none>";
  return ports.flatMap((port) => (isJson(port) ? [`${text(port["port"])}/${text(port["protocol"])}`] : [])).join(",");
}

const roleColumns: Row[] = [
  named,
  ["Role", (object) => `${(object as RoleBinding).roleRef.kind}/${(object as RoleBinding).roleRef.name}`],
  aged,
];
const createdColumns: Row[] = [named, ["Created At", (object) => object.metadata.creationTimestamp]];

const columns: Readonly<Record<string, Row[]>> = {
  Pod: [
    named,
    [
      "Ready",
      (object) => {
        const ready = ((object as Pod).status.containerStatuses ?? []).filter((status) => status.ready);
        return `${ready.length}/${(object as Pod).spec.containers.length}`;
      },
    ],
    ["Status", (object) => podStatus(object as Pod)],
    [
      "Restarts",
      (object) =>
        ((object as Pod).status.containerStatuses ?? []).reduce((sum, status) => sum + status.restartCount, 0),
    ],
    aged,
    ["IP", (object) => text(object.status?.["podIP"]), "wide"],
    ["Node", (object) => text(object.spec?.["nodeName"]), "wide"],
    ["Nominated Node", (object) => text(object.status?.["nominatedNodeName"]), "wide"],
    ["Readiness Gates", () => "<none>", "wide"],
  ],
  Deployment: [
    named,
    [
      "Ready",
      (object) => `${(object as Deployment).status.readyReplicas ?? 0}/${(object as Deployment).spec.replicas}`,
    ],
    ["Up-to-date", (object) => (object as Deployment).status.updatedReplicas ?? 0],
    ["Available", (object) => (object as Deployment).status.availableReplicas ?? 0],
    aged,
    ...containerColumns,
  ],
  ReplicaSet: [
    named,
    ["Desired", (object) => (object as ReplicaSet).spec.replicas],
    ["Current", (object) => (object as ReplicaSet).status.replicas],
    ["Ready", (object) => (object as ReplicaSet).status.readyReplicas ?? 0],
    aged,
    ...containerColumns,
  ],
  Node: [
    named,
    ["Status", (object) => nodeStatus(object as Node)],
    [
      "Roles",
      (object) =>
        text(
          Object.keys(object.metadata.labels ?? {})
            .flatMap((key) => /^node-role\.kubernetes\.io\/(.+)$/.exec(key)?.[1] ?? [])
            .join(","),
        ),
    ],
    aged,
    ["Version", (object) => text((object as Node).status.nodeInfo?.["kubeletVersion"], "")],
    ["Internal-IP", (object) => address(object as Node, "InternalIP"), "wide"],
    ["External-IP", (object) => address(object as Node, "ExternalIP"), "wide"],
    ["OS-Image", (object) => text((object as Node).status.nodeInfo?.["osImage"], "<unknown>"), "wide"],
    ["Kernel-Version", (object) => text((object as Node).status.nodeInfo?.["kernelVersion"], "<unknown>"), "wide"],
    [
      "Container-Runtime",
      (object) => text((object as Node).status.nodeInfo?.["containerRuntimeVersion"], "<unknown>"),
      "wide",
    ],
  ],
  Service: [
    named,
    ["Type", (object) => text(object.spec?.["type"])],
    ["Cluster-IP", (object) => text(object.spec?.["clusterIP"])],
    ["External-IP", () => "<none>"],
    ["Port(s)", servicePorts],
    aged,
    [
      "Selector",
      (object) =>
        text(
          Object.entries(isJson(object.spec?.["selector"]) ? object.spec["selector"] : {})
            .map(([k, v]) => `${k}=${String(v)}`)
            .join(","),
        ),
      "wide",
    ],
  ],
  Event: [
    ["Last Seen", (object, now) => age(lastSeen(object), now)],
    ["Type", (object) => text(object["type"], "")],
    ["Reason", (object) => text(object["reason"], "")],
    ["Object", eventObject],
    [
      "Source",
      (object) =>
        text(
          isJson(object["source"]) ? object["source"]["component"] : undefined,
          text(object["reportingComponent"] ?? object["reportingController"], ""),
        ),
      "wide",
    ],
    ["Message", (object) => text(object["message"] ?? object["note"], "").trim()],
    [
      "First Seen",
      (object, now) =>
        age(stamp(object["firstTimestamp"] ?? object["deprecatedFirstTimestamp"] ?? object["eventTime"]), now),
      "wide",
    ],
    ["Count", (object) => Number(object["count"] ?? object["deprecatedCount"] ?? 1), "wide"],
    ["Name", (object) => object.metadata.name, "wide"],
  ],
  ConfigMap: [named, ["Data", (object) => sizeOf(object["data"]) + sizeOf(object["binaryData"])], aged],
  Secret: [named, ["Type", (object) => text(object["type"])], ["Data", (object) => sizeOf(object["data"])], aged],
  ServiceAccount: [
    named,
    ["Secrets", (object) => (Array.isArray(object["secrets"]) ? object["secrets"].length : 0)],
    aged,
  ],
  Namespace: [named, ["Status", (object) => text(object.status?.["phase"])], aged],
  Lease: [named, ["Holder", (object) => text((object as Lease).spec?.holderIdentity)], aged],
  PodDisruptionBudget: [
    named,
    ["Min Available", (object) => text((object as PodDisruptionBudget).spec.minAvailable, "N/A")],
    ["Max Unavailable", (object) => text((object as PodDisruptionBudget).spec.maxUnavailable, "N/A")],
    ["Allowed Disruptions", (object) => (object as PodDisruptionBudget).status.disruptionsAllowed],
    aged,
  ],
  HorizontalPodAutoscaler: [
    named,
    [
      "Reference",
      (object) => {
        const target = object.spec?.["scaleTargetRef"];
        return isJson(target) ? `${text(target["kind"])}/${text(target["name"])}` : "<none>";
      },
    ],
    ["Targets", () => "<unknown>"],
    ["MinPods", (object) => text(object.spec?.["minReplicas"], "<unset>")],
    ["MaxPods", (object) => Number(object.spec?.["maxReplicas"])],
    ["Replicas", (object) => Number(object.status?.["currentReplicas"] ?? 0)],
    aged,
  ],
  Role: createdColumns,
  ClusterRole: createdColumns,
  RoleBinding: roleColumns,
  ClusterRoleBinding: roleColumns,
};

function stamp(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function lastSeen(event: KubeObject): string | undefined {
  const series = isJson(event["series"]) ? event["series"]["lastObservedTime"] : undefined;
  return (
    stamp(series ?? event["lastTimestamp"] ?? event["deprecatedLastTimestamp"] ?? event["eventTime"]) ??
    event.metadata.creationTimestamp
  );
}

function sizeOf(value: unknown): number {
  return isJson(value) ? Object.keys(value).length : 0;
}

export interface TableOptions {
  includeObject: string;
  withColumns: boolean;
  metadata: Json;
  nowMs: number;
}

export function tableOf(resource: Resource, objects: KubeObject[], options: TableOptions): Json {
  const rows = columns[resource.kind] ?? [named, aged];
  const definitions = rows.map(([name, , wide]) => ({
    name,
    type: "string",
    format: name === "Name" ? "name" : "",
    description: "",
    priority: wide === undefined ? 0 : 1,
  }));
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: options.metadata,
    columnDefinitions: options.withColumns ? definitions : null,
    rows: objects.map((object) => ({
      cells: rows.map(([, cell]) => cell(object, options.nowMs)),
      ...(options.includeObject === "None"
        ? {}
        : { object: options.includeObject === "Object" ? object : partial(object) }),
    })),
  };
}

export function partial(object: KubeObject): Json {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}
