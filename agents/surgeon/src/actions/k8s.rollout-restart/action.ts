import { ok } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { rollableFrom, rollableRefuses } from "../../kubernetes/deployment.ts";
import { editAction, rollingPermissions } from "../../kubernetes/edit-action.ts";
import { pointer } from "../../kubernetes/json-pointer.ts";
import { labelNameSchema, objectNameSchema } from "../../kubernetes/objects.ts";

const restartedAt = pointer("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt");

/** Replaces all pods by the deployment's own rolling update, as `kubectl rollout restart` does. Taking it back restores the template and rolls once more:
 * what the old pods held in memory stays lost. */
export const action = editAction({
  type: "k8s.rollout-restart",
  paramsSchema: z.strictObject({
    namespace: labelNameSchema,
    name: objectNameSchema,
    /** Given by the planner, so that planning twice gives the same plan. */
    restartedAt: z.iso.datetime({ precision: 3 }),
  }),
  reversible: "compensating",
  risk: "low",
  permissions: rollingPermissions,
  rolls: true,
  refuses: rollableRefuses,
  object: ({ namespace, name }) => ({ kind: "Deployment", namespace, name }),
  want(_context, object, params) {
    const deployment = rollableFrom({ kind: "Deployment", namespace: params.namespace, name: params.name }, object);
    if (!deployment.ok) return deployment;
    const { replicas } = deployment.value;
    return ok({
      fields: [{ path: restartedAt, after: params.restartedAt }],
      instances: replicas,
      says: `${replicas} pods are replaced by new ones of the same version, by the deployment's own rolling update.`,
    });
  },
});
