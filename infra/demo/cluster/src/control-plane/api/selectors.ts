// Label selectors, in objects and in query strings, and field selectors.
import { isJson, type KubeObject, type LabelSelector } from "../objects.ts";
import { badRequest } from "./failure.ts";
import type { Resource } from "./resources.ts";

export type Predicate = (object: KubeObject) => boolean;

/** An absent selector matches nothing, an empty one everything. */
export function selectorMatches(selector: LabelSelector | undefined, labels: Record<string, string>): boolean {
  if (selector === undefined) return false;
  const byLabel = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return (
    byLabel &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => holds(labels[key], operator, values))
  );
}

function holds(value: string | undefined, operator: string, values: string[]): boolean {
  if (operator === "Exists") return value !== undefined;
  if (operator === "DoesNotExist") return value === undefined;
  const among = value !== undefined && values.includes(value);
  return operator === "In" ? among : !among;
}

/** `app=web,pod-template-hash=1`, as a Scale's status and tables write it. */
export function selectorText(selector: LabelSelector | undefined): string {
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === "Exists") return key;
    return operator === "DoesNotExist" ? `!${key}` : `${key} ${operator.toLowerCase()} (${values.join(",")})`;
  });
  return [...labels.toSorted(), ...expressions].join(",");
}

const requirement =
  /^\s*(?:(!)\s*)?([A-Za-z0-9./_-]+)\s*(?:(==|=|!=)\s*([A-Za-z0-9._-]*)|(in|notin)\s*\(([^()]*)\))?\s*$/;

/** Fails with 400 on anything that is not a label selector. */
export function parseLabelSelector(text: string): Predicate {
  if (text.trim() === "") return () => true;
  const parts = text.match(/(?:[^,(]|\([^)]*\))+/g) ?? [];
  const checks = parts.map((part) => {
    const found = requirement.exec(part);
    if (found === null)
      throw badRequest(`unable to parse requirement: found '${part}', expected: ',' or 'end of string'`);
    const [, not, key = "", equals, value = "", set, list = ""] = found;
    const values = set === undefined ? [value] : list.split(",").map((item) => item.trim());
    const operator =
      equals === undefined && set === undefined
        ? not === undefined
          ? "Exists"
          : "DoesNotExist"
        : equals === "!=" || set === "notin"
          ? "NotIn"
          : "In";
    return (labels: Record<string, string>): boolean => holds(labels[key], operator, values);
  });
  return (object) => checks.every((check) => check(object.metadata.labels ?? {}));
}

const eventFields = ["name", "namespace", "kind", "uid", "apiVersion", "resourceVersion", "fieldPath"].map(
  (field) => `involvedObject.${field}`,
);

const selectable: Readonly<Record<string, readonly string[]>> = {
  Pod: [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
    "spec.hostNetwork",
  ],
  Event: [...eventFields, "reason", "reportingComponent", "source", "type"],
  Node: ["spec.unschedulable"],
  Namespace: ["status.phase"],
  Secret: ["type"],
  ReplicaSet: ["status.replicas"],
  Service: ["spec.clusterIP", "spec.type"],
};

/** Fails with 400 on a field that the kind cannot be selected by. */
export function parseFieldSelector(text: string, resource: Resource): Predicate {
  const checks = text
    .split(",")
    .filter((part) => part.trim() !== "")
    .map((part) => {
      const found = /^([^=!]+)(==|=|!=)(.*)$/.exec(part.trim());
      if (found === null) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
      const [, field = "", operator = "=", value = ""] = found;
      const known = [
        "metadata.name",
        ...(resource.namespaced ? ["metadata.namespace"] : []),
        ...(selectable[resource.kind] ?? []),
      ];
      if (!known.includes(field)) {
        throw badRequest(
          `"${field}" is not a known field selector: only ${known
            .slice(0, 2)
            .map((name) => `"${name}"`)
            .join(", ")}`,
        );
      }
      return (object: KubeObject): boolean => (fieldAt(object, field) === value) === (operator !== "!=");
    });
  return (object) => checks.every((check) => check(object));
}

function fieldAt(object: KubeObject, path: string): string {
  if (path === "source") return fieldAt(object, "source.component");
  let value: unknown = object;
  for (const key of path.split(".")) value = isJson(value) ? value[key] : undefined;
  if (path === "spec.unschedulable" || path === "spec.hostNetwork") return value === true ? "true" : "false";
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
