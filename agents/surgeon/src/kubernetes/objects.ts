import type { Target } from "@omega/bus-schemas/vocabulary.ts";
import { z } from "zod";

/** The kinds that Surgeon works with, and where the API has them. */
export const kinds = {
  Deployment: { group: "apps", version: "v1", plural: "deployments", namespaced: true },
  ReplicaSet: { group: "apps", version: "v1", plural: "replicasets", namespaced: true },
  Pod: { group: "", version: "v1", plural: "pods", namespaced: true },
  ConfigMap: { group: "", version: "v1", plural: "configmaps", namespaced: true },
  Node: { group: "", version: "v1", plural: "nodes", namespaced: false },
  HorizontalPodAutoscaler: {
    group: "autoscaling",
    version: "v2",
    plural: "horizontalpodautoscalers",
    namespaced: true,
  },
} as const;
export type Kind = keyof typeof kinds;

/** A DNS-1123 subdomain, as Kubernetes names objects. */
export const objectNameSchema = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, "a lower-case DNS name of at most 253 characters");
/** A DNS-1123 label, as Kubernetes names namespaces and containers. */
export const labelNameSchema = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "a lower-case DNS label of at most 63 characters");

export const objectRefSchema = z.strictObject({
  kind: z.enum(Object.keys(kinds) as [Kind, ...Kind[]]),
  namespace: labelNameSchema.optional(),
  name: objectNameSchema,
});
export type ObjectRef = z.infer<typeof objectRefSchema>;

const jsonRecord = z.record(z.string(), z.json());
const textRecord = z.record(z.string(), z.string());

/** What every object has, and the bodies whole: an API server of any version may say more than we read. */
export const kubernetesObjectSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    uid: z.string(),
    resourceVersion: z.string(),
    generation: z.number().optional(),
    labels: textRecord.optional(),
    annotations: textRecord.optional(),
    ownerReferences: z.array(z.looseObject({ uid: z.string(), controller: z.boolean().optional() })).optional(),
  }),
  spec: jsonRecord.optional(),
  status: jsonRecord.optional(),
  data: textRecord.optional(),
});
export type KubernetesObject = z.infer<typeof kubernetesObjectSchema>;

/** `Deployment shop/payments`, as people and changes name it. */
export function objectTitle(ref: ObjectRef): string {
  return `${ref.kind} ${ref.namespace === undefined ? "" : `${ref.namespace}/`}${ref.name}`;
}

export function targetOf(ref: ObjectRef): Target {
  return {
    system: "kubernetes",
    ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
    kind: ref.kind,
    name: ref.name,
  };
}
