import { fail, ok } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { containerAt, rollableFrom, containerRefuses } from "../../kubernetes/deployment.ts";
import { editAction, rollingPermissions } from "../../kubernetes/edit-action.ts";
import type { EnvironmentEntry } from "../../kubernetes/deployment.ts";
import type { Json } from "../../kubernetes/json-pointer.ts";
import { labelNameSchema, objectNameSchema } from "../../kubernetes/objects.ts";

/** Sets or removes environment variables of one container. Those that come from a config map, a secret or a field are not ours to set. */
export const action = editAction({
  type: "k8s.set-env",
  paramsSchema: z.strictObject({
    namespace: labelNameSchema,
    name: objectNameSchema,
    container: labelNameSchema,
    /** New values; null removes the variable. */
    env: z
      .record(
        z.string().regex(/^[-._a-zA-Z][-._a-zA-Z0-9]{0,252}$/, "a variable's name"),
        z.string().max(32_768).nullable(),
      )
      .refine((env) => Object.keys(env).length > 0, "at least one variable"),
  }),
  reversible: "exact",
  risk: "medium",
  permissions: rollingPermissions,
  rolls: true,
  refuses: { ...containerRefuses, value_from: "the variable comes from a config map, a secret or a field" },
  object: ({ namespace, name }) => ({ kind: "Deployment", namespace, name }),
  want(_context, object, params) {
    const deployment = rollableFrom({ kind: "Deployment", namespace: params.namespace, name: params.name }, object);
    if (!deployment.ok) return deployment;
    const at = containerAt(deployment.value, params.container);
    if (!at.ok) return at;
    const { env } = at.value.container;
    const referring = env.find((entry) => Object.hasOwn(params.env, entry.name) && Object.hasOwn(entry, "valueFrom"));
    if (referring !== undefined) {
      return fail(
        "terminal",
        "value_from",
        `The variable ${referring.name} takes its value from elsewhere; set it there.`,
      );
    }
    const { replicas } = deployment.value;
    return ok({
      fields: [{ path: `${at.value.path}/env`, after: changedEnvironment(env, params.env) }],
      guards: at.value.guards,
      instances: replicas,
      says: `${replicas} pods are replaced by pods with ${Object.keys(params.env).join(", ")} changed.`,
    });
  },
});

/** Known variables keep their place in the list, which decides how they may refer to each other; new ones come last. */
function changedEnvironment(
  env: readonly EnvironmentEntry[],
  changes: Readonly<Record<string, string | null>>,
): Json | undefined {
  const kept = env.flatMap((entry) => {
    const value = changes[entry.name];
    if (value === undefined) return [entry];
    return value === null ? [] : [{ ...entry, value }];
  });
  const known = new Set(env.map(({ name }) => name));
  const added = Object.entries(changes).flatMap(([name, value]) =>
    value === null || known.has(name) ? [] : [{ name, value }],
  );
  const all = [...kept, ...added];
  return all.length === 0 ? undefined : (all as Json);
}
