import { ok } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { containerAt, rollableFrom, containerRefuses } from "../../kubernetes/deployment.ts";
import { editAction, rollingPermissions } from "../../kubernetes/edit-action.ts";
import { labelNameSchema, objectNameSchema } from "../../kubernetes/objects.ts";

/** Sets the image of one container. */
export const action = editAction({
  type: "k8s.set-image",
  paramsSchema: z.strictObject({
    namespace: labelNameSchema,
    name: objectNameSchema,
    container: labelNameSchema,
    image: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._:/@-]{0,511}$/, "an image reference"),
  }),
  reversible: "exact",
  risk: "medium",
  permissions: rollingPermissions,
  rolls: true,
  refuses: containerRefuses,
  object: ({ namespace, name }) => ({ kind: "Deployment", namespace, name }),
  want(_context, object, params) {
    const deployment = rollableFrom({ kind: "Deployment", namespace: params.namespace, name: params.name }, object);
    if (!deployment.ok) return deployment;
    const at = containerAt(deployment.value, params.container);
    if (!at.ok) return at;
    const { replicas } = deployment.value;
    return ok({
      fields: [{ path: `${at.value.path}/image`, after: params.image }],
      guards: at.value.guards,
      instances: replicas,
      says: `${replicas} pods are replaced by pods that run ${params.image} as '${params.container}'.`,
    });
  },
});
