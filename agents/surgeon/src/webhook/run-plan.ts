import type { Action, ActionContext } from "@omega/shared/action.ts";
import { canonicalHash } from "@omega/shared/canonical-json.ts";
import { ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../ports.ts";
import { bindParameters, nameSchema, parameterNameSchema } from "../ssh/parameters.ts";
import { targetOfKind } from "./answers.ts";
import type { WebhookTargetOf } from "./webhook-config.ts";

/** Parameters and plan of every action that starts something elsewhere. */
export const runParamsSchema = z.strictObject({
  /** Name of a configured target; never a URL. */
  target: nameSchema,
  values: z.record(parameterNameSchema, z.union([z.string().max(4096), z.number()])).default({}),
});
export type RunParams = z.infer<typeof runParamsSchema>;

export const runPlanSchema = z.strictObject({
  target: nameSchema,
  /** Our action id: sent with the start, and what the run is found by. */
  actionKey: z.string().regex(/^omega-[0-9a-f]{32}$/),
  plannedAtMs: z.number().int(),
  says: z.string(),
  /** Checked against the target's declarations, as text. */
  inputs: z.record(z.string(), z.string()),
  warnings: z.array(z.string()),
});
export type RunPlan = z.infer<typeof runPlanSchema>;

type RunKind = "github-workflow" | "jenkins-build" | "http";
type RunAction = Action<RunParams, RunPlan, Clients>;

/** Traits of an action that starts something elsewhere: Surgeon can't know what it does there. */
export const runTraits = (kind: RunKind, refuses: RunAction["traits"]["refuses"]): RunAction["traits"] => ({
  reversible: "none",
  risk: "high",
  dryRun: "impossible",
  permissions: [],
  refuses,
  target: ({ target }) => ({ system: "webhook", kind, name: target }),
  // What a pipeline or a hook disturbs is not known, so what it is about counts as taken away whole.
  blastRadius: ({ target, says }) => ({
    objects: [target],
    instances: 1,
    ofInstances: 1,
    workload: `webhook ${target}`,
    says,
  }),
});

/** Checks the values and names the run; calls nobody. */
export function planRun(
  kind: RunKind,
  context: ActionContext<Clients>,
  { target, values }: RunParams,
  simulation: string,
): Outcome<RunPlan> {
  const configured = targetOfKind(context.clients.webhooks.config, kind, target);
  if (!configured.ok) return configured;
  const inputs = bindParameters(configured.value.params, values, {});
  if (!inputs.ok) return inputs;
  const plannedAtMs = context.clock.now();
  const identity = { manager: context.fieldManager, kind, target, inputs: inputs.value, plannedAtMs };
  const actionKey = `omega-${canonicalHash(identity).slice(0, 32)}`;
  const warnings = [simulation, "What it does elsewhere can't be taken back from here."];
  return ok({ target, actionKey, plannedAtMs, says: configured.value.says, inputs: inputs.value, warnings });
}

/** The target as it is configured now, if it still takes what was planned. */
export function plannedTarget<Kind extends RunKind>(
  kind: Kind,
  context: ActionContext<Clients>,
  plan: RunPlan,
): Outcome<WebhookTargetOf<Kind>> {
  const configured = targetOfKind(context.clients.webhooks.config, kind, plan.target);
  if (!configured.ok) return configured;
  const target: WebhookTargetOf<RunKind> = configured.value;
  const inputs = bindParameters(target.params, plan.inputs, {});
  return inputs.ok ? configured : inputs;
}

/** What people are shown: the inputs of a run that is not there yet. */
export const changeOfRun = (plan: RunPlan) => [
  { object: plan.target, path: `/runs/${plan.actionKey}`, after: { says: plan.says, inputs: plan.inputs } },
];
