import { ok } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { editAction } from "../../kubernetes/edit-action.ts";
import { valueAt } from "../../kubernetes/json-pointer.ts";
import { objectNameSchema } from "../../kubernetes/objects.ts";

/** Keeps new pods off a node; those that run there stay. */
export const action = editAction({
  type: "k8s.cordon",
  paramsSchema: z.strictObject({ name: objectNameSchema }),
  reversible: "exact",
  risk: "medium",
  permissions: [{ apiGroup: "", resource: "nodes", verbs: ["get", "list", "patch"] }],
  rolls: false,
  object: ({ name }) => ({ kind: "Node", name }),
  async want(context, _object, { name }) {
    const nodes = await context.clients.kubernetes.list({ kind: "Node" });
    if (!nodes.ok) return nodes;
    const open = nodes.value.filter((node) => valueAt(node, "/spec/unschedulable") !== true);
    return ok({
      fields: [{ path: "/spec/unschedulable", after: true }],
      instances: 1,
      ofInstances: open.length,
      workload: "nodes that take new pods",
      says: `No new pod is placed on node ${name}; those that run there stay. ${open.length} nodes take new pods now.`,
    });
  },
});
