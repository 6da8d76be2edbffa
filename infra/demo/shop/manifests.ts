/** The shop's Kubernetes objects, parsed from `manifests/*.yaml`. */
import { readdirSync, readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";

/** Any Kubernetes object: what can be said of it without knowing its kind. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  [field: string]: unknown;
}

export interface ShopManifestsOptions {
  /** Where the pods send OTLP over HTTP, e.g. `http://127.0.0.1:4318`; without it, the manifests' own default. */
  otlpEndpoint?: string;
}

const folder = new URL("manifests/", import.meta.url);

/** Kinds in the order in which they can be created one by one. */
const creationOrder = ["Namespace", "ConfigMap", "Service", "Deployment"];

/** All objects, in an order in which they can be created; throws naming the file and line of a YAML error. */
export function shopManifests(options: ShopManifestsOptions = {}): KubernetesObject[] {
  const objects = readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .toSorted((left, right) => left.localeCompare(right))
    .flatMap(objectsIn)
    .toSorted((left, right) => creationOrder.indexOf(left.kind) - creationOrder.indexOf(right.kind));
  const { otlpEndpoint } = options;
  return otlpEndpoint === undefined ? objects : objects.map((object) => sendingTo(otlpEndpoint, object));
}

function objectsIn(file: string): KubernetesObject[] {
  return parseAllDocuments(readFileSync(new URL(file, folder), "utf8")).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${file}: ${error.message}`);
    return document.toJS() as KubernetesObject;
  });
}

function sendingTo(endpoint: string, object: KubernetesObject): KubernetesObject {
  if (object.kind !== "ConfigMap" || object.metadata.name !== "telemetry") return object;
  const settings = object["data"] as Record<string, string>;
  return { ...object, data: { ...settings, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } };
}
