import type { RepairOption, Target } from "@omega/bus-schemas/vocabulary.ts";
import type { ActionContext } from "@omega/shared/action.ts";
import { canonicalHash } from "@omega/shared/canonical-json.ts";
import { deriveId } from "@omega/shared/ids.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { AnyAction, Registry } from "./actions/registry.ts";
import { mayTouch, type NamespaceRules } from "./inventory.ts";
import type { JsonObject } from "./kubernetes/json-pointer.ts";
import type { Clients } from "./ports.ts";
import type { Repair } from "./repair-planner.ts";

/** What is installed, and where it may act. */
export interface Bounds {
  readonly registry: Registry;
  readonly namespaces: NamespaceRules;
}

/** What is to be done, and why. */
export type WantedRepair = Pick<Repair, "actionType" | "params" | "reasons" | "warnings">;

/** An action with its plan for one repair; nothing but reading was done for it. */
export interface PlannedRepair {
  readonly repair: WantedRepair;
  readonly action: AnyAction;
  readonly target: Target;
  /** As the action's own schema reads it back from the stream. */
  readonly plan: unknown;
  readonly planJson: JsonObject;
  readonly planHash: string;
  readonly blastRadius: RepairOption["blastRadius"];
  readonly warnings: readonly string[];
}

/** Plans of all actions carry their warnings for people under this name. */
const warnedSchema = z.looseObject({ warnings: z.array(z.string()).default([]) });

/** Failures, beside the action's own: `terminal` `action_unknown`, `bad_params`, `not_allowed`. */
export async function planRepair(
  repair: WantedRepair,
  { registry, namespaces }: Bounds,
  context: ActionContext<Clients>,
): Promise<Outcome<PlannedRepair>> {
  const action = registry.get(repair.actionType);
  if (action === undefined) return fail("terminal", "action_unknown", `No action ${repair.actionType} is installed.`);
  const params = action.paramsSchema.safeParse(repair.params);
  if (!params.success) return fail("terminal", "bad_params", z.prettifyError(params.error));
  const target = action.traits.target(params.data);
  if (target.namespace !== undefined && !mayTouch(namespaces, target.namespace)) {
    return fail("terminal", "not_allowed", `Namespace ${target.namespace} is protected or not on the allow-list.`);
  }
  const planned = await action.plan(context, params.data);
  if (!planned.ok) return planned;
  // The plan is judged as it will come back from the stream: through JSON.
  const planJson = JSON.parse(JSON.stringify(planned.value)) as JsonObject;
  const plan = action.planSchema.parse(planJson);
  return ok({
    repair,
    action,
    target,
    plan,
    planJson,
    planHash: canonicalHash(planJson),
    blastRadius: action.traits.blastRadius(plan),
    warnings: [...repair.warnings, ...warnedSchema.parse(planJson).warnings].slice(0, 16),
  });
}

/** Dry-runs a planned repair. What gets through can be offered: what is executed later is this very plan. */
export async function proveRepair(
  planned: PlannedRepair,
  incidentId: string,
  context: ActionContext<Clients>,
): Promise<Outcome<RepairOption>> {
  const { action, repair, target, plan, planJson, planHash, blastRadius, warnings } = planned;
  const changes = await action.dryRun(context, plan);
  if (!changes.ok) return changes;
  const { reversible, risk, dryRun = "proven" } = action.traits;
  return ok({
    optionId: deriveId(incidentId, `${action.type}\n${planHash}`),
    actionType: action.type,
    params: repair.params,
    target,
    plan: planJson,
    planHash,
    changes: changes.value.slice(0, 256),
    dryRun,
    reversible,
    risk,
    blastRadius,
    reasons: [...repair.reasons],
    warnings: [...warnings],
  });
}
