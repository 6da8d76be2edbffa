import { fail, ok } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { deploymentFrom } from "../../kubernetes/deployment.ts";
import { editAction } from "../../kubernetes/edit-action.ts";
import { valueAt } from "../../kubernetes/json-pointer.ts";
import { labelNameSchema, objectNameSchema, objectTitle } from "../../kubernetes/objects.ts";

/** Sets the number of replicas. Refused where a HorizontalPodAutoscaler sets it: change its bounds instead. */
export const action = editAction({
  type: "k8s.scale",
  paramsSchema: z.strictObject({
    namespace: labelNameSchema,
    name: objectNameSchema,
    /** Never 0: taking a service down is no repair. */
    replicas: z.number().int().min(1).max(1000),
  }),
  reversible: "exact",
  risk: "low",
  permissions: [
    { apiGroup: "apps", resource: "deployments", verbs: ["get", "patch"] },
    { apiGroup: "autoscaling", resource: "horizontalpodautoscalers", verbs: ["list"] },
  ],
  rolls: true,
  refuses: { autoscaled: "a HorizontalPodAutoscaler sets the number" },
  object: ({ namespace, name }) => ({ kind: "Deployment", namespace, name }),
  async want(context, object, params) {
    const ref = { kind: "Deployment" as const, namespace: params.namespace, name: params.name };
    const deployment = deploymentFrom(ref, object);
    if (!deployment.ok) return deployment;
    const scalers = await context.clients.kubernetes.list({
      kind: "HorizontalPodAutoscaler",
      namespace: params.namespace,
    });
    if (!scalers.ok) return scalers;
    const scaler = scalers.value.find(
      (one) =>
        valueAt(one, "/spec/scaleTargetRef/name") === params.name &&
        valueAt(one, "/spec/scaleTargetRef/kind") === "Deployment",
    );
    if (scaler !== undefined) {
      return fail(
        "terminal",
        "autoscaled",
        `${objectTitle(ref)} is scaled by HorizontalPodAutoscaler ${scaler.metadata.name}.`,
      );
    }
    const { replicas } = deployment.value;
    return ok({
      fields: [{ path: "/spec/replicas", after: params.replicas }],
      instances: Math.abs(params.replicas - replicas),
      ofInstances: replicas,
      unavailable: Math.max(0, replicas - params.replicas),
      workload: objectTitle(ref),
      says: `${params.replicas} pods instead of ${replicas}.`,
    });
  },
});
