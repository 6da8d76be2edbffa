import { fail, ok } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { editAction } from "../../kubernetes/edit-action.ts";
import { valueAt } from "../../kubernetes/json-pointer.ts";
import { labelNameSchema, objectNameSchema } from "../../kubernetes/objects.ts";

const scaledSchema = z.looseObject({ kind: z.string().default(""), name: z.string().default("") });
const replicas = z.number().int().min(1).max(1000);

/** Sets the bounds between which a HorizontalPodAutoscaler moves. */
export const action = editAction({
  type: "k8s.hpa-bounds",
  paramsSchema: z.strictObject({
    namespace: labelNameSchema,
    name: objectNameSchema,
    minReplicas: replicas,
    maxReplicas: replicas,
  }),
  reversible: "exact",
  risk: "low",
  permissions: [{ apiGroup: "autoscaling", resource: "horizontalpodautoscalers", verbs: ["get", "patch"] }],
  rolls: false,
  refuses: { bounds_crossed: "the least is more than the most" },
  object: ({ namespace, name }) => ({ kind: "HorizontalPodAutoscaler", namespace, name }),
  want(_context, object, { namespace, minReplicas, maxReplicas }) {
    if (minReplicas > maxReplicas) {
      return fail(
        "terminal",
        "bounds_crossed",
        `At least ${minReplicas} and at most ${maxReplicas} replicas cannot be.`,
      );
    }
    const current = Number(valueAt(object, "/status/currentReplicas") ?? 0);
    const scaled = scaledSchema.parse(valueAt(object, "/spec/scaleTargetRef") ?? {});
    return ok({
      fields: [
        { path: "/spec/minReplicas", after: minReplicas },
        { path: "/spec/maxReplicas", after: maxReplicas },
      ],
      instances: Math.max(minReplicas - current, current - maxReplicas, 0),
      ofInstances: current,
      unavailable: Math.max(0, current - maxReplicas),
      workload: `${scaled.kind} ${namespace}/${scaled.name}`,
      says: `Between ${minReplicas} and ${maxReplicas} pods instead of ${JSON.stringify(valueAt(object, "/spec/minReplicas") ?? 1)} and ${JSON.stringify(valueAt(object, "/spec/maxReplicas"))}.`,
    });
  },
});
