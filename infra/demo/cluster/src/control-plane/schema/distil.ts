// Distils a real API server's OpenAPI v2 document into kinds.txt: one line a type, only the types that our kinds reach. Run it again for a newer
// Kubernetes: `kubectl get --raw /openapi/v2 | node distil.ts > kinds.txt`.
import { text } from "node:stream/consumers";

interface Property {
  $ref?: string;
  type?: string;
  format?: string;
  enum?: string[];
  items?: Property;
  additionalProperties?: Property;
  "x-kubernetes-list-type"?: string;
  "x-kubernetes-list-map-keys"?: string[];
  "x-kubernetes-map-type"?: string;
  "x-kubernetes-patch-merge-key"?: string;
  "x-kubernetes-patch-strategy"?: string;
}

interface Definition extends Property {
  required?: string[];
  properties?: Record<string, Property>;
}

const roots = [
  "core.v1.Pod core.v1.Node core.v1.Service core.v1.ConfigMap core.v1.Secret core.v1.Event core.v1.Namespace core.v1.ServiceAccount core.v1.Binding",
  "apps.v1.Deployment apps.v1.ReplicaSet policy.v1.Eviction policy.v1.PodDisruptionBudget autoscaling.v1.Scale",
  "autoscaling.v2.HorizontalPodAutoscaler events.v1.Event coordination.v1.Lease authorization.v1.SelfSubjectAccessReview",
  "rbac.v1.Role rbac.v1.ClusterRole rbac.v1.RoleBinding rbac.v1.ClusterRoleBinding",
]
  .flatMap((line) => line.split(" "))
  .map((name) => `io.k8s.api.${name}`);

const scalars: Record<string, string> = {
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "time",
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
};

const { definitions } = JSON.parse(await text(process.stdin)) as { definitions: Record<string, Definition> };

/** Events exist twice; everything else is named by its last word alone. */
function shortName(full: string): string {
  const last = full.split(".").at(-1) ?? full;
  return full.startsWith("io.k8s.api.events.v1.") ? `Events${last}` : last;
}

function shapeOf(property: Property, reached: string[]): string {
  const target = property.$ref?.split("/").at(-1);
  if (target !== undefined) {
    const scalar = scalars[target];
    if (scalar !== undefined) return scalar;
    reached.push(target);
    const atomic = property["x-kubernetes-map-type"] ?? definitions[target]?.["x-kubernetes-map-type"];
    const retain = property["x-kubernetes-patch-strategy"];
    return shortName(target) + (atomic === "atomic" ? "~atomic" : "") + (retain === "retainKeys" ? "~retainKeys" : "");
  }
  if (property.type === "array") {
    const keys = property["x-kubernetes-list-map-keys"];
    const type = property["x-kubernetes-list-type"] ?? "atomic";
    const merge = property["x-kubernetes-patch-strategy"]?.includes("merge");
    return (
      `[${shapeOf(property.items ?? {}, reached)}]` +
      (type === "map" ? `~map(${(keys ?? []).join("+")})` : type === "set" ? "~set" : "") +
      (merge === true ? `~merge(${property["x-kubernetes-patch-merge-key"] ?? ""})` : "") +
      (property["x-kubernetes-patch-strategy"]?.includes("retainKeys") === true ? "~retainKeys" : "")
    );
  }
  if (property.type === "object") {
    if (property.additionalProperties === undefined) return "any";
    return (
      `{${shapeOf(property.additionalProperties, reached)}}` +
      (property["x-kubernetes-map-type"] === "atomic" ? "~atomic" : "")
    );
  }
  if (property.enum !== undefined) return `string(${property.enum.join("|")})`;
  return property.type ?? "any";
}

const lines = new Map<string, string>();
const queue = [...roots];
for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
  const definition = definitions[name];
  if (definition === undefined) throw new Error(`the document has no definition ${name}`);
  if (lines.has(shortName(name))) continue;
  const required = new Set(definition.required);
  const fields = Object.entries(definition.properties ?? {}).map(
    ([field, property]) => `${field}${required.has(field) ? "!" : ""} ${shapeOf(property, queue)}`,
  );
  lines.set(shortName(name), `${shortName(name)}: ${fields.join(", ")}`);
}
process.stdout.write([...lines.values()].toSorted().join("\n") + "\n");
