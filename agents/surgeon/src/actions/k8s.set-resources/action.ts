import { ok } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { containerAt, rollableFrom, containerRefuses } from "../../kubernetes/deployment.ts";
import { editAction, rollingPermissions } from "../../kubernetes/edit-action.ts";
import { isJsonObject } from "../../kubernetes/json-pointer.ts";
import { labelNameSchema, objectNameSchema } from "../../kubernetes/objects.ts";

const quantities = z
  .record(
    z.enum(["cpu", "memory", "ephemeral-storage"]),
    z
      .string()
      .regex(/^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/, "a quantity such as 500m or 256Mi")
      .optional(),
  )
  .transform((named) =>
    Object.fromEntries(Object.entries(named).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))),
  );

/** Sets requests and limits of one container; those that are not named stay. */
export const action = editAction({
  type: "k8s.set-resources",
  paramsSchema: z.strictObject({
    namespace: labelNameSchema,
    name: objectNameSchema,
    container: labelNameSchema,
    requests: quantities.optional(),
    limits: quantities.optional(),
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
    const { resources } = at.value.container;
    const changed = { ...resources };
    for (const side of ["requests", "limits"] as const) {
      const known = resources[side];
      if (params[side] !== undefined) changed[side] = { ...(isJsonObject(known) ? known : {}), ...params[side] };
    }
    const { replicas } = deployment.value;
    return ok({
      fields: [{ path: `${at.value.path}/resources`, after: changed }],
      guards: at.value.guards,
      instances: replicas,
      says: `${replicas} pods are replaced by pods whose container '${params.container}' has other resources.`,
    });
  },
});
