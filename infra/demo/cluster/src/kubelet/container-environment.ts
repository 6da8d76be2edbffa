import type { ConfigReader, Found } from "./config-reader.ts";
import { parseQuantity } from "../quantity.ts";
import type { Container, EnvVar, Pod } from "./wire.ts";

/** Everything outside a container's own spec that its environment is made of. */
export interface Surroundings {
  pod: Pod;
  podIP: string;
  hostIP: string;
  /** Of the image. */
  image: Record<string, string>;
  /** `<NAME>_SERVICE_HOST` and so on. */
  services: Record<string, string>;
  /** Set by the kubelet where neither image nor spec did. */
  defaults: Record<string, string>;
  reader: ConfigReader;
}

/**
 * The environment of a container: defaults, then the image's, then services, `envFrom` and `env` in their order, each
 * beating those before (kubelet_pods.go, makeEnvironmentVariables). Fails as CreateContainerConfigError would.
 */
export async function resolveEnvironment(
  container: Container,
  around: Surroundings,
): Promise<Found<Record<string, string>>> {
  const env: Record<string, string> = { ...around.defaults, ...around.image, ...around.services };
  const namespace = around.pod.metadata?.namespace ?? "";
  for (const source of container.envFrom ?? []) {
    const reference = source.configMapRef ?? source.secretRef;
    if (reference?.name === undefined) continue;
    const optional = reference.optional ?? false;
    const entries = source.configMapRef
      ? await around.reader.configMap(namespace, reference.name, optional)
      : await around.reader.secret(namespace, reference.name, optional);
    if (!entries.ok) return entries;
    for (const [key, bytes] of entries.value) env[(source.prefix ?? "") + key] = bytes.toString("utf8");
  }
  for (const variable of container.env ?? []) {
    const value = await resolveVariable(variable, container, env, around);
    if (!value.ok) return value;
    if (value.value !== undefined) env[variable.name] = value.value;
  }
  return { ok: true, value: env };
}

/**
 * Expands `$(NAME)`; `$$(NAME)` stays as `$(NAME)`, and what names nothing stays as it is
 * (k8s.io/kubernetes/third_party/forked/golang/expansion).
 */
export function expand(text: string, env: Record<string, string>): string {
  return text.replace(/\$(\$|\(([^)]*)\))/g, (whole, escaped: string, name: string | undefined) => {
    if (escaped === "$") return "$";
    return name === undefined ? whole : (env[name] ?? whole);
  });
}

async function resolveVariable(
  { value, valueFrom }: EnvVar,
  container: Container,
  env: Record<string, string>,
  around: Surroundings,
): Promise<Found<string | undefined>> {
  if (valueFrom === undefined) return { ok: true, value: expand(value ?? "", env) };
  const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = valueFrom;
  if (fieldRef !== undefined) return podField(fieldRef.fieldPath, around);
  if (resourceFieldRef !== undefined)
    return resourceField(container, resourceFieldRef.resource, resourceFieldRef.divisor);
  const reference = configMapKeyRef ?? secretKeyRef;
  if (reference === undefined) return { ok: false, message: "valueFrom of an unsupported kind" };
  const namespace = around.pod.metadata?.namespace ?? "";
  const optional = reference.optional ?? false;
  const entries = configMapKeyRef
    ? await around.reader.configMap(namespace, reference.name ?? "", optional)
    : await around.reader.secret(namespace, reference.name ?? "", optional);
  if (!entries.ok) return entries;
  const bytes = entries.value.get(reference.key);
  if (bytes !== undefined) return { ok: true, value: bytes.toString("utf8") };
  if (optional) return { ok: true, value: undefined };
  const kind = configMapKeyRef ? "ConfigMap" : "Secret";
  return { ok: false, message: `couldn't find key ${reference.key} in ${kind} ${namespace}/${reference.name}` };
}

/** The downward API: one field of the pod as text. */
export function podField(
  path: string,
  { pod, podIP, hostIP }: Pick<Surroundings, "pod" | "podIP" | "hostIP">,
): Found<string> {
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed !== null) {
    const map = keyed[1] === "labels" ? pod.metadata?.labels : pod.metadata?.annotations;
    return { ok: true, value: map?.[keyed[2] ?? ""] ?? "" };
  }
  const fields: Record<string, string | undefined> = {
    "metadata.name": pod.metadata?.name,
    "metadata.namespace": pod.metadata?.namespace,
    "metadata.uid": pod.metadata?.uid,
    "metadata.labels": lines(pod.metadata?.labels),
    "metadata.annotations": lines(pod.metadata?.annotations),
    "spec.nodeName": pod.spec?.nodeName,
    "spec.serviceAccountName": pod.spec?.serviceAccountName ?? "default",
    "status.hostIP": hostIP,
    "status.hostIPs": hostIP,
    "status.podIP": podIP,
    "status.podIPs": podIP,
  };
  const value = fields[path];
  return value === undefined ? { ok: false, message: `unsupported fieldPath: ${path}` } : { ok: true, value };
}

function lines(map: Record<string, string> | undefined): string {
  return Object.entries(map ?? {})
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}

function resourceField(container: Container, resource: string, divisor: string | undefined): Found<string> {
  const [kind, name = ""] = resource.split(".");
  const amounts = kind === "limits" ? container.resources?.limits : container.resources?.requests;
  const amount = parseQuantity(amounts?.[name] ?? "0");
  const unit = parseQuantity(divisor === undefined || divisor === "0" ? "1" : divisor);
  if (amount === undefined || unit === undefined)
    return { ok: false, message: `unsupported container resource: ${resource}` };
  return { ok: true, value: String(Math.ceil(amount / unit)) };
}
