import type { ActionContext } from "@omega/shared/action.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import type { AnyAction } from "../../../../agents/surgeon/src/actions/registry.ts";
import { valueAt, type JsonPatch } from "../../../../agents/surgeon/src/kubernetes/json-pointer.ts";
import type { EditPlan } from "../../../../agents/surgeon/src/kubernetes/edit-action.ts";
import type { Clients, KubernetesApi } from "../../../../agents/surgeon/src/ports.ts";

/** A bug that somebody could write into an action, and the action to plant it in. */
export interface Mutant {
  readonly name: string;
  readonly type: string;
  readonly plant: (action: AnyAction) => AnyAction;
}

export type Context = ActionContext<Clients>;
export type Step = "plan" | "dryRun" | "execute" | "undo";
type Move = "execute" | "undo";

/** The action with some of its steps speaking to another API than they think. */
export function through(
  action: AnyAction,
  steps: readonly Step[],
  change: (api: KubernetesApi) => KubernetesApi,
): AnyAction {
  const given = (step: Step, context: Context): Context =>
    steps.includes(step)
      ? { ...context, clients: { ...context.clients, kubernetes: change(context.clients.kubernetes) } }
      : context;
  return {
    ...action,
    plan: (context, params) => action.plan(given("plan", context), params),
    dryRun: (context, plan) => action.dryRun(given("dryRun", context), plan),
    execute: (context, plan) => action.execute(given("execute", context), plan),
    undo: (context, plan) => action.undo(given("undo", context), plan),
  };
}

/** An API with one of its calls replaced. */
export function replacing(api: KubernetesApi, calls: Partial<KubernetesApi>): KubernetesApi {
  return {
    get: (ref) => api.get(ref),
    list: (scope) => api.list(scope),
    patch: (ref, operations, options) => api.patch(ref, operations, options),
    evict: (pod, uid, options) => api.evict(pod, uid, options),
    ...calls,
  };
}

/** Writes whatever it wants to write, whatever is there by then. */
export function blind(api: KubernetesApi): KubernetesApi {
  const unconditional = (operations: JsonPatch): JsonPatch => operations.filter(({ op }) => op !== "test");
  return replacing(api, { patch: (ref, operations, options) => api.patch(ref, unconditional(operations), options) });
}

/** Takes every dry-run for the real thing. */
export function earnest(api: KubernetesApi): KubernetesApi {
  return replacing(api, {
    patch: (ref, operations, options) => api.patch(ref, operations, { ...options, dryRun: false }),
    evict: (pod, uid, options) => api.evict(pod, uid, { ...options, dryRun: false }),
  });
}

/** One step does its work by another plan than the one on the stream. */
export function byAnotherPlan(
  action: AnyAction,
  step: Move,
  change: (plan: EditPlan, context: Context) => EditPlan | Promise<EditPlan>,
): AnyAction {
  const move = async (context: Context, plan: unknown): Promise<Outcome<void>> =>
    await action[step](context, await change(plan as EditPlan, context));
  return { ...action, [step]: move };
}

/** One step says something else than what came of it. */
export function saying(action: AnyAction, step: Move, change: (outcome: Outcome<void>) => Outcome<void>): AnyAction {
  const move = async (context: Context, plan: unknown): Promise<Outcome<void>> =>
    change(await action[step](context, plan));
  return { ...action, [step]: move };
}

/** The plan with one side of its fields taken from the object as it is now. */
export async function refreshed(plan: EditPlan, context: Context, side: "before" | "after"): Promise<EditPlan> {
  const found = await context.clients.kubernetes.get(plan.edit.object);
  if (!found.ok) return plan;
  const fields = plan.edit.fields.map(({ [side]: _planned, ...field }) => {
    const now = valueAt(found.value, field.path);
    return now === undefined ? field : { ...field, [side]: now };
  }) as EditPlan["edit"]["fields"];
  return { ...plan, edit: { ...plan.edit, fields } };
}

/** The plan for whatever object has the name now. */
export async function forAnyUid(plan: EditPlan, context: Context): Promise<EditPlan> {
  const found = await context.clients.kubernetes.get(plan.edit.object);
  return found.ok ? { ...plan, edit: { ...plan.edit, uid: found.value.metadata.uid } } : plan;
}
