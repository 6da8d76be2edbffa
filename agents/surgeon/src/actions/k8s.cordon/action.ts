import { ok } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { editAction } from "../../kubernetes/edit-action.ts";
import { objectNameSchema } from "../../kubernetes/objects.ts";

/** Keeps new pods off a node; those that run there stay. */
export const action = editAction({
  type: "k8s.cordon",
  paramsSchema: z.strictObject({ name: objectNameSchema }),
  reversible: "exact",
  risk: "medium",
  permissions: [{ apiGroup: "", resource: "nodes", verbs: ["get", "patch"] }],
  rolls: false,
  object: ({ name }) => ({ kind: "Node", name }),
  want: (_context, _object, { name }) =>
    ok({
      fields: [{ path: "/spec/unschedulable", after: true }],
      instances: 0,
      says: `No new pod is placed on node ${name}; those that run there stay.`,
    }),
});
