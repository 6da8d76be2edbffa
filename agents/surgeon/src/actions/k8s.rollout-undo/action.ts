import type { Action } from "@omega/shared/action.ts";
import { fail, ok } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { readRollable, revisionsOf } from "../../kubernetes/deployment.ts";
import { applyFieldEdit, fieldEditSchema, planFieldEdit, proveFieldEdit } from "../../kubernetes/field-edit.ts";
import { labelNameSchema, objectNameSchema, objectTitle, targetOf, type ObjectRef } from "../../kubernetes/objects.ts";
import { ownershipWarnings } from "../../kubernetes/ownership.ts";
import { awaitRollout } from "../../kubernetes/rollout.ts";
import type { Clients } from "../../ports.ts";

const paramsSchema = z.strictObject({
  namespace: labelNameSchema,
  name: objectNameSchema,
  /** Named, never "the previous one": between a plan and its execution somebody may have deployed. */
  toRevision: z.number().int().min(1),
});
type Params = z.infer<typeof paramsSchema>;

const planSchema = z.strictObject({
  edit: fieldEditSchema,
  fromRevision: z.number().int(),
  toRevision: z.number().int(),
  replicas: z.number().int(),
  warnings: z.array(z.string()),
});
type Plan = z.infer<typeof planSchema>;

const refOf = ({ namespace, name }: Params): ObjectRef => ({ kind: "Deployment", namespace, name });

/**
 * Puts the pod template of a named revision back, as `kubectl rollout undo --to-revision` does, but only if the template is still the
 * one that was planned for. Replicas stay as they are.
 */
export const action: Action<Params, Plan, Clients> = {
  type: "k8s.rollout-undo",
  paramsSchema,
  planSchema,
  traits: {
    reversible: "exact",
    risk: "low",
    permissions: [
      { apiGroup: "apps", resource: "deployments", verbs: ["get", "patch"] },
      { apiGroup: "apps", resource: "replicasets", verbs: ["list"] },
    ],
    target: (params) => targetOf(refOf(params)),
    blastRadius: ({ edit, replicas, fromRevision, toRevision }) => ({
      objects: [objectTitle(edit.object)],
      instances: replicas,
      says: `${replicas} pods of revision ${fromRevision} are replaced by pods of revision ${toRevision}, by the deployment's own rolling update.`,
    }),
  },

  async plan(context, params) {
    const api = context.clients.kubernetes;
    const ref = refOf(params);
    const read = await readRollable(api, ref);
    if (!read.ok) return read;
    const sets = await api.list({ kind: "ReplicaSet", namespace: params.namespace });
    if (!sets.ok) return sets;
    const target = revisionsOf(read.value, sets.value).find(({ revision }) => revision === params.toRevision);
    if (target === undefined) {
      return fail("terminal", "revision_missing", `${objectTitle(ref)} has no revision ${params.toRevision} any more.`);
    }
    const edit = await planFieldEdit(context, ref, read.value.object, {
      fields: [{ path: "/spec/template", after: target.template }],
    });
    if (!edit.ok) return edit;
    return ok({
      edit: edit.value,
      fromRevision: read.value.revision,
      toRevision: params.toRevision,
      replicas: read.value.replicas,
      warnings: ownershipWarnings(ref, read.value.object),
    });
  },

  dryRun: (context, plan) => proveFieldEdit(context, plan.edit),

  async execute(context, { edit }) {
    const moved = await applyFieldEdit(context, edit, "forward");
    return moved.ok ? await awaitRollout(context, edit.object, edit.uid) : moved;
  },

  async undo(context, { edit }) {
    const moved = await applyFieldEdit(context, edit, "back");
    return moved.ok ? await awaitRollout(context, edit.object, edit.uid) : moved;
  },
};
