import type { Action, ActionContext, BlastRadius, Permission } from "@omega/shared/action.ts";
import type { Change } from "@omega/bus-schemas/vocabulary.ts";
import { ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../ports.ts";
import { executeWithCanary, planCanary, undoWithCanary } from "./canary.ts";
import { unavailableWhileRolling } from "./disruption.ts";
import {
  applyFieldEdit,
  fieldEditSchema,
  planFieldEdit,
  proveFieldEdit,
  undisturbed,
  type Direction,
  type WantedFields,
} from "./field-edit.ts";
import { objectTitle, targetOf, type KubernetesObject, type ObjectRef } from "./objects.ts";
import { ownershipWarnings } from "./ownership.ts";
import { awaitRollout } from "./rollout.ts";

/** What a budget knows the share of a workload by; see `BlastRadius`. */
const takenSchema = z.strictObject({
  ofInstances: z.number().int().min(0).optional(),
  unavailable: z.number().int().min(0).optional(),
  workload: z.string().max(512).optional(),
});
type Taken = z.infer<typeof takenSchema>;

const editPlanSchema = z.strictObject({
  edit: fieldEditSchema,
  /** The same edit with one pod going first, where there are several. */
  canary: fieldEditSchema.optional(),
  /** Instances that feel it, and how, for people and policy. */
  instances: z.number().int().min(0),
  ...takenSchema.shape,
  says: z.string(),
  warnings: z.array(z.string()),
});
export type EditPlan = z.infer<typeof editPlanSchema>;

/** What an action makes of the object that it found. */
export interface Wanted extends WantedFields, Readonly<Taken> {
  readonly instances: number;
  readonly says: string;
  readonly warnings?: readonly string[];
}

/** What it takes to replace the pods of a deployment and to look at the first of them. */
export const rollingPermissions: readonly Permission[] = [
  { apiGroup: "apps", resource: "deployments", verbs: ["get", "patch"] },
  { apiGroup: "apps", resource: "replicasets", verbs: ["list"] },
  { apiGroup: "", resource: "pods", verbs: ["list"] },
];

export interface EditActionSpec<Params> {
  readonly type: Action<Params, EditPlan, Clients>["type"];
  readonly paramsSchema: z.ZodType<Params>;
  readonly reversible: "exact" | "compensating";
  readonly risk: "low" | "medium" | "high";
  readonly permissions: readonly Permission[];
  /** The object is a deployment, and done means that its pods are as its spec says. */
  readonly rolls: boolean;
  readonly refuses?: Readonly<Record<string, string>>;
  object(params: Params): ObjectRef;
  /** Which fields get which values; or why this must not be done to this object. */
  want(
    context: ActionContext<Clients>,
    object: KubernetesObject,
    params: Params,
  ): Outcome<Wanted> | Promise<Outcome<Wanted>>;
}

/** An action that sets fields of one object: it says which, and the edit with its preconditions and its way back does the rest. */
export function editAction<Params>(spec: EditActionSpec<Params>): Action<Params, EditPlan, Clients> {
  const move = async (
    context: ActionContext<Clients>,
    { edit, canary }: EditPlan,
    direction: Direction,
  ): Promise<Outcome<void>> => {
    if (canary !== undefined) {
      const way = direction === "forward" ? executeWithCanary : undoWithCanary;
      return await way(context, edit, canary);
    }
    const moved = await applyFieldEdit(context, edit, direction);
    return moved.ok && spec.rolls ? await awaitRollout(context, edit.object, edit.uid) : moved;
  };
  return {
    type: spec.type,
    paramsSchema: spec.paramsSchema,
    planSchema: editPlanSchema,
    traits: {
      reversible: spec.reversible,
      risk: spec.risk,
      permissions: spec.permissions,
      refuses: { ...spec.refuses, nothing_to_change: "the object is so already" },
      target: (params) => targetOf(spec.object(params)),
      blastRadius: ({ edit, instances, says, ...plan }) => ({
        objects: [objectTitle(edit.object)],
        instances,
        ...takenOf(plan),
        says,
      }),
    },
    plan: (context, params) => undisturbed(() => planned(spec, context, params)),
    dryRun: (context, plan) => undisturbed(() => proved(context, plan)),
    execute: (context, plan) => move(context, plan, "forward"),
    undo: (context, plan) => move(context, plan, "back"),
  };
}

function takenOf({
  ofInstances,
  unavailable,
  workload,
}: Taken): Pick<BlastRadius, "ofInstances" | "unavailable" | "workload"> {
  return {
    ...(ofInstances === undefined ? {} : { ofInstances }),
    ...(unavailable === undefined ? {} : { unavailable }),
    ...(workload === undefined ? {} : { workload }),
  };
}

function rolledAway(ref: ObjectRef, object: KubernetesObject): Taken {
  const { unavailable, of } = unavailableWhileRolling(object);
  return { ofInstances: of, unavailable, workload: objectTitle(ref) };
}

async function proved(context: ActionContext<Clients>, { edit, canary }: EditPlan): Promise<Outcome<Change[]>> {
  if (canary !== undefined) {
    const first = await proveFieldEdit(context, canary);
    if (!first.ok) return first;
  }
  return await proveFieldEdit(context, edit);
}

async function planned<Params>(
  spec: EditActionSpec<Params>,
  context: ActionContext<Clients>,
  params: Params,
): Promise<Outcome<EditPlan>> {
  const ref = spec.object(params);
  const found = await context.clients.kubernetes.get(ref);
  if (!found.ok) return found;
  const wanted = await spec.want(context, found.value, params);
  if (!wanted.ok) return wanted;
  const edit = await planFieldEdit(context, ref, found.value, wanted.value);
  if (!edit.ok) return edit;
  const canary = spec.rolls ? await planCanary(context, ref, found.value, wanted.value) : ok(undefined);
  if (!canary.ok) return canary;
  const { instances, says, warnings = [] } = wanted.value;
  const replacesPods = edit.value.fields.some(({ path }) => path.startsWith("/spec/template"));
  const taken = spec.rolls && replacesPods ? rolledAway(ref, found.value) : wanted.value;
  const first = " One first; the others once it was judged good.";
  return ok({
    edit: edit.value,
    ...(canary.value === undefined ? {} : { canary: canary.value }),
    instances,
    ...takenOf(taken),
    says: canary.value === undefined ? says : says + first,
    warnings: [...warnings, ...ownershipWarnings(ref, found.value)],
  });
}
