// Validation of objects as a whole, after decoding and defaulting. Each fault is a cause with its field path; the caller makes one 422 of them all.
import {
  isJson,
  sameJson,
  type Container,
  type Deployment,
  type Json,
  type KubeObject,
  type PodSpec,
} from "../objects.ts";
import { parseQuantity } from "../../quantity.ts";
import { fieldsOf, structShape, type Shape } from "../schema/schema.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  fieldUnsupported,
  type Cause,
} from "./failure.ts";
import type { Resource } from "./resources.ts";
import { selectorMatches } from "./selectors.ts";

const label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const labelForm = new RegExp(`^${label}$`);
const subdomainForm = new RegExp(`^${label}(\\.${label})*$`);
const labelValueForm = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const labelKeyForm = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const subdomainWhy =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an " +
  `alphanumeric character (e.g. 'example.com', regex used for validation is '${label}(\\.${label})*')`;
const labelWhy =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
  `alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${label}')`;
const labelValueWhy =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " +
  "character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

export function validate(resource: Resource, object: KubeObject, before: KubeObject | undefined): Cause[] {
  const causes: Cause[] = [];
  validateMeta(resource, object, before, causes);
  validateShape(object, structShape(resource.type), "", causes);
  byKind[resource.kind]?.(object, before, causes);
  // A field may fail twice, by its type's rule and by its kind's; one is enough to say.
  return causes.filter(
    (cause, i) => causes.findIndex((other) => other.field === cause.field && other.reason === cause.reason) === i,
  );
}

function validateMeta(resource: Resource, object: KubeObject, before: KubeObject | undefined, causes: Cause[]): void {
  const { name, labels } = object.metadata;
  if (name === "") causes.push(fieldRequired("metadata.name", "name or generateName is required"));
  else if (resource.kind === "Namespace" || resource.kind === "Service") {
    if (!labelForm.test(name) || name.length > 63) causes.push(fieldInvalid("metadata.name", name, labelWhy));
  } else if (resource.group === "rbac.authorization.k8s.io") {
    if (/[/%]/.test(name) || name === "." || name === "..")
      causes.push(fieldInvalid("metadata.name", name, "may not contain '/' or '%'"));
  } else if (!subdomainForm.test(name) || name.length > 253)
    causes.push(fieldInvalid("metadata.name", name, subdomainWhy));
  validateLabels(labels, "metadata.labels", causes);
  if (before === undefined) return;
  if (object.metadata.uid !== before.metadata.uid)
    causes.push(fieldInvalid("metadata.uid", object.metadata.uid, "field is immutable"));
}

function validateLabels(labels: Record<string, string> | undefined, field: string, causes: Cause[]): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    if (!labelKeyForm.test(key))
      causes.push(fieldInvalid(field, key, "name part must consist of alphanumeric characters, '-', '_' or '.'"));
    if (!labelValueForm.test(value)) causes.push(fieldInvalid(field, value, labelValueWhy));
    else if (value.length > 63) causes.push(fieldInvalid(field, value, "must be no more than 63 bytes"));
  }
}

/** Required fields, enumerations and duplicate keys, from the schema alone. Statuses are the controllers' own business. */
function validateShape(value: unknown, shape: Shape, path: string, causes: Cause[]): void {
  if (shape.is === "scalar") {
    if (shape.values.length > 0 && typeof value === "string" && !shape.values.includes(value)) {
      causes.push(fieldUnsupported(path, value, shape.values));
    }
  } else if (shape.is === "list" && Array.isArray(value)) {
    const seen = new Set<string>();
    for (const [i, item] of value.entries()) {
      const at = `${path}[${i}]`;
      const key = shape.keys.map((name) => (isJson(item) ? JSON.stringify(item[name] ?? "") : "")).join("/");
      // Ports and mounts may share a key in the API's own validation; names may not.
      if (shape.keys.length === 1 && shape.keys[0] === "name" && isJson(item)) {
        if (seen.has(key) && !path.endsWith(".env")) causes.push(fieldDuplicate(`${at}.name`, item["name"]));
        seen.add(key);
      }
      validateShape(item, shape.of, at, causes);
    }
  } else if (shape.is === "struct" && isJson(value)) {
    for (const [name, field] of fieldsOf(shape.name)) {
      const at = path === "" ? name : `${path}.${name}`;
      if (at === "status" || at === "metadata") continue;
      if (value[name] !== undefined) validateShape(value[name], field.shape, at, causes);
      else if (field.required && (field.shape.is !== "scalar" || path !== "")) causes.push(fieldRequired(at));
    }
  }
}

type Check = (object: KubeObject, before: KubeObject | undefined, causes: Cause[]) => void;

const byKind: Readonly<Record<string, Check>> = {
  Deployment(object, before, causes) {
    workload(object, before, causes);
    const { spec } = object as Deployment;
    nonNegative(spec.minReadySeconds, "spec.minReadySeconds", causes);
    nonNegative(spec.revisionHistoryLimit, "spec.revisionHistoryLimit", causes);
    if (spec.progressDeadlineSeconds <= (spec.minReadySeconds ?? 0)) {
      causes.push(
        fieldInvalid(
          "spec.progressDeadlineSeconds",
          spec.progressDeadlineSeconds,
          "must be greater than minReadySeconds",
        ),
      );
    }
    const rolling = spec.strategy.rollingUpdate;
    if (spec.strategy.type === "Recreate" && rolling !== undefined) {
      causes.push(
        fieldForbidden("spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'"),
      );
    }
    for (const name of ["maxSurge", "maxUnavailable"] as const)
      countOrPercent(rolling?.[name], `spec.strategy.rollingUpdate.${name}`, causes);
    if (isZero(rolling?.maxSurge) && isZero(rolling?.maxUnavailable)) {
      causes.push(fieldInvalid("spec.strategy.rollingUpdate.maxUnavailable", 0, "may not be 0 when `maxSurge` is 0"));
    }
  },
  ReplicaSet: workload,
  Pod(object, before, causes) {
    if (before === undefined) podSpec(object.spec as PodSpec, "spec", causes);
    else podUpdate(object.spec as PodSpec, before.spec as PodSpec, causes);
  },
  ConfigMap: immutable(["data", "binaryData"]),
  Secret: immutable(["data", "type"]),
  PodDisruptionBudget(object, _, causes) {
    const spec = object.spec ?? {};
    if (spec["minAvailable"] !== undefined && spec["maxUnavailable"] !== undefined) {
      causes.push(fieldInvalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
    }
    countOrPercent(spec["minAvailable"], "spec.minAvailable", causes);
    countOrPercent(spec["maxUnavailable"], "spec.maxUnavailable", causes);
  },
  HorizontalPodAutoscaler(object, _, causes) {
    const spec = object.spec ?? {};
    const [min, max] = [Number(spec["minReplicas"]), Number(spec["maxReplicas"])];
    if (min < 1) causes.push(fieldInvalid("spec.minReplicas", min, "must be greater than or equal to 1"));
    if (max < 1) causes.push(fieldInvalid("spec.maxReplicas", max, "must be greater than 0"));
    else if (max < min)
      causes.push(fieldInvalid("spec.maxReplicas", max, "must be greater than or equal to `minReplicas`"));
  },
  Service(object, before, causes) {
    const spec = object.spec ?? {};
    const ports = Array.isArray(spec["ports"]) ? spec["ports"] : [];
    if (ports.length === 0 && spec["type"] !== "ExternalName" && spec["clusterIP"] !== "None")
      causes.push(fieldRequired("spec.ports"));
    for (const [i, port] of ports.entries())
      if (isJson(port)) portNumber(port["port"], `spec.ports[${i}].port`, causes);
    if (before?.spec?.["clusterIP"] !== undefined && before.spec["clusterIP"] !== spec["clusterIP"]) {
      causes.push(fieldInvalid("spec.clusterIPs[0]", spec["clusterIP"], "may not change once set"));
    }
  },
  RoleBinding: roleRef,
  ClusterRoleBinding: roleRef,
};

function roleRef(object: KubeObject, before: KubeObject | undefined, causes: Cause[]): void {
  if (before !== undefined && !sameJson(object["roleRef"], before["roleRef"])) {
    causes.push(fieldInvalid("roleRef", object["roleRef"], "cannot change roleRef"));
  }
}

function immutable(fields: string[]): Check {
  return (object, before, causes) => {
    if (before?.["immutable"] !== true) return;
    if (object["immutable"] !== true)
      causes.push(fieldForbidden("immutable", "field is immutable when `immutable` is set"));
    for (const field of fields) {
      if (!sameJson(object[field], before[field]))
        causes.push(fieldForbidden(field, "field is immutable when `immutable` is set"));
    }
  };
}

function workload(object: KubeObject, before: KubeObject | undefined, causes: Cause[]): void {
  const { spec } = object as Deployment;
  nonNegative(spec.replicas, "spec.replicas", causes);
  const labels = spec.template.metadata?.labels;
  validateLabels(labels, "spec.template.metadata.labels", causes);
  if (spec.selector !== undefined) {
    const empty =
      Object.keys(spec.selector.matchLabels ?? {}).length === 0 && (spec.selector.matchExpressions ?? []).length === 0;
    if (empty) causes.push(fieldInvalid("spec.selector", spec.selector, "empty selector is invalid for deployment"));
    else if (!selectorMatches(spec.selector, labels ?? {})) {
      causes.push(
        fieldInvalid("spec.template.metadata.labels", labels ?? {}, "`selector` does not match template `labels`"),
      );
    }
  }
  podSpec(spec.template.spec, "spec.template.spec", causes);
  const policy = spec.template.spec["restartPolicy"];
  if (policy !== "Always") causes.push(fieldUnsupported("spec.template.spec.restartPolicy", policy, ["Always"]));
  if (before !== undefined && !sameJson((before as Deployment).spec.selector, spec.selector)) {
    causes.push(fieldInvalid("spec.selector", spec.selector, "field is immutable"));
  }
}

function podSpec(spec: PodSpec, path: string, causes: Cause[]): void {
  if ((spec.containers ?? []).length === 0) causes.push(fieldRequired(`${path}.containers`));
  const volumes = Array.isArray(spec["volumes"])
    ? spec["volumes"].flatMap((volume) => (isJson(volume) ? [volume["name"]] : []))
    : [];
  for (const list of ["containers", "initContainers"] as const) {
    for (const [i, container] of (spec[list] ?? []).entries())
      containerRules(container, `${path}.${list}[${i}]`, volumes, causes);
  }
  nonNegative(spec.terminationGracePeriodSeconds, `${path}.terminationGracePeriodSeconds`, causes);
}

function containerRules(container: Container, path: string, volumes: unknown[], causes: Cause[]): void {
  if (typeof container.name === "string" && !labelForm.test(container.name))
    causes.push(fieldInvalid(`${path}.name`, container.name, labelWhy));
  if (container.image === undefined || container.image === "") causes.push(fieldRequired(`${path}.image`));
  for (const [i, port] of (container.ports ?? []).entries())
    portNumber(port.containerPort, `${path}.ports[${i}].containerPort`, causes);
  const env = Array.isArray(container["env"]) ? container["env"] : [];
  for (const [i, variable] of env.entries()) {
    const at = `${path}.env[${i}]`;
    if (!isJson(variable)) continue;
    if (variable["name"] === "") causes.push(fieldRequired(`${at}.name`));
    if (variable["value"] !== undefined && variable["value"] !== "" && isJson(variable["valueFrom"])) {
      causes.push(fieldInvalid(`${at}.valueFrom`, "", "may not be specified when `value` is not empty"));
    }
  }
  const mounts = Array.isArray(container["volumeMounts"]) ? container["volumeMounts"] : [];
  for (const [i, mount] of mounts.entries()) {
    if (isJson(mount) && !volumes.includes(mount["name"])) {
      causes.push({
        reason: "FieldValueNotFound",
        message: `Not found: ${JSON.stringify(mount["name"])}`,
        field: `${path}.volumeMounts[${i}].name`,
      });
    }
  }
  for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
    if (limit.startsWith("-"))
      causes.push(fieldInvalid(`${path}.resources.limits[${name}]`, limit, "must be greater than or equal to 0"));
    const request = container.resources?.requests?.[name];
    if (request !== undefined && (parseQuantity(request) ?? 0) > (parseQuantity(limit) ?? 0)) {
      const why = `must be less than or equal to ${name} limit of ${limit}`;
      causes.push(fieldInvalid(`${path}.resources.requests`, request, why));
    }
  }
}

const podUpdateWhy =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`," +
  "`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was " +
  "previously negative)";

function podUpdate(spec: PodSpec, before: PodSpec, causes: Cause[]): void {
  const fixed = (each: PodSpec): Json => ({
    ...each,
    activeDeadlineSeconds: null,
    tolerations: null,
    containers: each.containers.map((container) => ({ ...container, image: null })),
    initContainers: (each.initContainers ?? []).map((container) => ({ ...container, image: null })),
  });
  const kept = (before.tolerations ?? []).every((old) => (spec.tolerations ?? []).some((now) => sameJson(old, now)));
  if (!kept || !sameJson(fixed(spec), fixed(before))) causes.push(fieldForbidden("spec", podUpdateWhy));
}

function nonNegative(value: unknown, field: string, causes: Cause[]): void {
  if (typeof value === "number" && value < 0)
    causes.push(fieldInvalid(field, value, "must be greater than or equal to 0"));
}

function portNumber(value: unknown, field: string, causes: Cause[]): void {
  if (typeof value === "number" && (value < 1 || value > 65_535)) {
    causes.push(fieldInvalid(field, value, "must be between 1 and 65535, inclusive"));
  }
}

function isZero(value: unknown): boolean {
  return value === 0 || value === "0%";
}

function countOrPercent(value: unknown, field: string, causes: Cause[]): void {
  if (typeof value === "number") nonNegative(value, field, causes);
  else if (typeof value === "string" && !/^\d+%$/.test(value)) {
    causes.push(
      fieldInvalid(
        field,
        value,
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      ),
    );
  }
}
