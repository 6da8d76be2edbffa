import { fail, ok } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { revisionsOf, rollableFrom, rollableRefuses } from "../../kubernetes/deployment.ts";
import { editAction, rollingPermissions } from "../../kubernetes/edit-action.ts";
import { labelNameSchema, objectNameSchema, objectTitle } from "../../kubernetes/objects.ts";

/**
 * Puts the pod template of a named revision back, as `kubectl rollout undo --to-revision` does, but only if the template is still the
 * one that was planned for. Replicas stay as they are.
 */
export const action = editAction({
  type: "k8s.rollout-undo",
  paramsSchema: z.strictObject({
    namespace: labelNameSchema,
    name: objectNameSchema,
    /** Named, never "the previous one": between a plan and its execution somebody may have deployed. */
    toRevision: z.number().int().min(1),
  }),
  reversible: "exact",
  risk: "low",
  permissions: rollingPermissions,
  rolls: true,
  refuses: { ...rollableRefuses, revision_missing: "the deployment no longer has that revision" },
  object: ({ namespace, name }) => ({ kind: "Deployment", namespace, name }),
  async want(context, object, { namespace, name, toRevision }) {
    const ref = { kind: "Deployment" as const, namespace, name };
    const deployment = rollableFrom(ref, object);
    if (!deployment.ok) return deployment;
    const { replicas, revision, selector } = deployment.value;
    const sets = await context.clients.kubernetes.list({ kind: "ReplicaSet", namespace, labels: selector });
    if (!sets.ok) return sets;
    const target = revisionsOf(deployment.value, sets.value).find(({ revision }) => revision === toRevision);
    if (target === undefined) {
      return fail("terminal", "revision_missing", `${objectTitle(ref)} has no revision ${toRevision} any more.`);
    }
    return ok({
      fields: [{ path: "/spec/template", after: target.template }],
      instances: replicas,
      says: `${replicas} pods of revision ${revision} are replaced by pods of revision ${toRevision}, by the deployment's own rolling update.`,
    });
  },
});
