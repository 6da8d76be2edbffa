import { ok } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { editAction } from "../../kubernetes/edit-action.ts";
import { pointer } from "../../kubernetes/json-pointer.ts";
import { labelNameSchema, objectNameSchema } from "../../kubernetes/objects.ts";

/** Sets or removes keys of a config map. Pods that read it as environment see it only after a restart. */
export const action = editAction({
  type: "k8s.patch-configmap",
  paramsSchema: z.strictObject({
    namespace: labelNameSchema,
    name: objectNameSchema,
    /** New values; null removes the key. */
    data: z
      .record(z.string().regex(/^[-._a-zA-Z0-9]{1,253}$/, "a config map key"), z.string().max(262_144).nullable())
      .refine((data) => Object.keys(data).length > 0, "at least one key"),
  }),
  reversible: "exact",
  risk: "medium",
  permissions: [{ apiGroup: "", resource: "configmaps", verbs: ["get", "patch"] }],
  rolls: false,
  object: ({ namespace, name }) => ({ kind: "ConfigMap", namespace, name }),
  want: (_context, _object, { data }) =>
    ok({
      fields: Object.entries(data).map(([key, value]) => ({ path: pointer("data", key), after: value ?? undefined })),
      instances: 0,
      says: `${Object.keys(data).join(", ")} change; pods that mount the config map see it within about a minute, those that read it as environment after a restart.`,
    }),
});
