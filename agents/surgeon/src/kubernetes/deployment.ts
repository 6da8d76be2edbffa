import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { objectTitle, type KubernetesObject, type ObjectRef } from "./objects.ts";
import type { JsonObject } from "./json-pointer.ts";

export const revisionAnnotation = "deployment.kubernetes.io/revision";
/** What a controller calls the pods of one template by. */
export const hashLabel = "pod-template-hash";

export const templateSchema = z.record(z.string(), z.json());

const deploymentSchema = z.object({
  spec: z.object({
    replicas: z.number().default(1),
    paused: z.boolean().default(false),
    selector: z.object({ matchLabels: z.record(z.string(), z.string()).default({}) }),
    template: templateSchema,
  }),
});

const podTemplateSchema = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()).default({}) }).prefault({}),
  spec: z.object({ containers: z.array(z.looseObject({ name: z.string(), image: z.string().default("") })) }),
});

/** A deployment as Surgeon reads it. */
export interface Deployment {
  readonly ref: ObjectRef;
  readonly object: KubernetesObject;
  readonly replicas: number;
  readonly paused: boolean;
  /** Labels that select its pods and ReplicaSets. */
  readonly selector: Readonly<Record<string, string>>;
  readonly template: JsonObject;
  /** Number of the revision in force; 0 before the controller gave it one. */
  readonly revision: number;
}

/** One revision of a deployment: a ReplicaSet that it owns. */
export interface Revision {
  readonly revision: number;
  readonly replicaSet: string;
  /** The pod template without the label that the controller adds. */
  readonly template: JsonObject;
}

export function deploymentFrom(ref: ObjectRef, object: KubernetesObject): Outcome<Deployment> {
  const parsed = deploymentSchema.safeParse(object);
  if (!parsed.success) {
    return fail("terminal", "unreadable_object", `${objectTitle(ref)}: ${z.prettifyError(parsed.error)}`);
  }
  const { replicas, paused, template, selector } = parsed.data.spec;
  const revision = Number(object.metadata.annotations?.[revisionAnnotation] ?? 0);
  return ok({ ref, object, replicas, paused, selector: selector.matchLabels, template, revision });
}

/** What `rollableFrom` refuses. */
export const rollableRefuses = { paused: "the deployment's rollouts are paused" } as const;

/** What `rollableFrom` and `containerAt` refuse. */
export const containerRefuses = { ...rollableRefuses, container_missing: "no container has that name" } as const;

/** A deployment whose pods a change would roll; `terminal/paused` when its owner holds rollouts back. */
export function rollableFrom(ref: ObjectRef, object: KubernetesObject): Outcome<Deployment> {
  const deployment = deploymentFrom(ref, object);
  if (!deployment.ok || !deployment.value.paused) return deployment;
  return fail(
    "terminal",
    "paused",
    `${objectTitle(ref)} is paused: a change would not roll out until somebody resumes it.`,
  );
}

/** The revisions of a deployment, newest first. */
export function revisionsOf(deployment: Deployment, replicaSets: readonly KubernetesObject[]): Revision[] {
  return replicaSets
    .filter((set) =>
      set.metadata.ownerReferences?.some(
        (owner) => owner.controller === true && owner.uid === deployment.object.metadata.uid,
      ),
    )
    .flatMap((set) => {
      const revision = Number(set.metadata.annotations?.[revisionAnnotation] ?? 0);
      const template = templateSchema.safeParse(set.spec?.["template"]);
      if (!template.success || revision < 1) return [];
      return [{ revision, replicaSet: set.metadata.name, template: withoutHash(template.data) }];
    })
    .toSorted((a, b) => b.revision - a.revision);
}

/** The version that a pod template carries: its `app.kubernetes.io/version` label, else the tag of its first image. */
export function versionOf(template: JsonObject): string | undefined {
  const parsed = podTemplateSchema.safeParse(template);
  if (!parsed.success) return undefined;
  const labelled = parsed.data.metadata.labels["app.kubernetes.io/version"];
  return labelled ?? tagOf(parsed.data.spec.containers[0]?.image ?? "");
}

export interface Container {
  readonly index: number;
  readonly name: string;
  readonly image: string;
  readonly env: readonly EnvironmentEntry[];
  readonly resources: JsonObject;
  /** Config maps that it takes its environment from. */
  readonly configMaps: readonly string[];
}

const environmentSources = z.array(z.looseObject({ configMapRef: z.looseObject({ name: z.string() }).optional() }));

const environmentSchema = z.array(z.looseObject({ name: z.string(), value: z.string().optional() }));
export type EnvironmentEntry = z.infer<typeof environmentSchema>[number];

export function containersOf(template: JsonObject): Container[] {
  const parsed = podTemplateSchema.safeParse(template);
  if (!parsed.success) return [];
  return parsed.data.spec.containers.map((container, index) => ({
    index,
    name: container.name,
    image: container.image,
    env: environmentSchema.catch([]).parse(container["env"] ?? []),
    resources: templateSchema.catch({}).parse(container["resources"] ?? {}),
    configMaps: environmentSources
      .catch([])
      .parse(container["envFrom"] ?? [])
      .flatMap(({ configMapRef }) => (configMapRef === undefined ? [] : [configMapRef.name])),
  }));
}

/** The pointer to a container of a deployment, and the guard that the container at this index is the one with this name. */
export function containerAt(
  deployment: Deployment,
  name: string,
): Outcome<{ container: Container; path: string; guards: { path: string; value: string }[] }> {
  const container = containersOf(deployment.template).find((one) => one.name === name);
  if (container === undefined) {
    return fail("terminal", "container_missing", `${objectTitle(deployment.ref)} has no container '${name}'.`);
  }
  const path = `/spec/template/spec/containers/${container.index}`;
  return ok({ container, path, guards: [{ path: `${path}/name`, value: name }] });
}

/** The tag of an image reference; none for a digest or an untagged one. */
export function tagOf(image: string): string | undefined {
  const named = image.split("@")[0] ?? "";
  const tag = named.slice(named.lastIndexOf("/") + 1).split(":")[1];
  return tag === undefined || tag === "" ? undefined : tag;
}

function withoutHash(template: JsonObject): JsonObject {
  const parsed = kubernetesTemplate.safeParse(template);
  if (!parsed.success) return template;
  const { [hashLabel]: _dropped, ...labels } = parsed.data.metadata.labels;
  return { ...template, metadata: { ...parsed.data.metadata, labels } } as JsonObject;
}

const kubernetesTemplate = z.looseObject({ metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }) });
