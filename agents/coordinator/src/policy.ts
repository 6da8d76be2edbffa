import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import { levelOf } from "@omega/shared/policy/autonomy.ts";
import { prohibitions } from "@omega/shared/policy/invariants.ts";
import { judge, mayApprove, type PolicyVerdict } from "@omega/shared/policy/judge.ts";
import { timeOfDay, type Question } from "@omega/shared/policy/question.ts";
import { budgetsFor, type BudgetState } from "./budgets.ts";
import type { Rules } from "./config.ts";
import { serviceOf } from "./orders.ts";
import type { Incident, State } from "./state.ts";

export interface Verdict {
  readonly decision: "allow" | "ask" | "forbid" | "escalate";
  /** For people, on the event: why, the weightiest first. Never empty. */
  readonly reasons: string[];
  /** The set that was asked and its policies that decided; absent where no policy had a say. */
  readonly policy?: { readonly hash: string; readonly decided: string[] };
}

/**
 * May this option run alone, after a person's approval, or not at all? What no policy can lift comes first: protected namespaces and an
 * empty allow-list. Then the policies in force. Then the budgets, which turn a yes into a question whatever the policies say. Freeze and
 * plan hash are checked by the decider, the fencing token by Surgeon.
 */
export function authorise(option: RepairOption, incident: Incident, state: State, rules: Rules, now: number): Verdict {
  const forbidden = prohibitions(option.target, rules.namespaces);
  if (forbidden.length > 0) return { decision: "forbid", reasons: forbidden };
  if (state.policies === undefined) return { decision: "forbid", reasons: ["no policy set is in force"] };
  const budget = budgetsFor(option, incident, state, rules.budgets, now);
  const judged = judge(state.policies, questionOf(option, incident, state, { rules, now, budget }));
  const policy = namedIn(state.policies.hash, judged);
  if (judged.decision === "forbid") return { decision: "forbid", reasons: [...judged.reasons], policy };
  const spent = budget.exhausted.map(({ name, says }) => `budget ${name}: ${says}`);
  if (spent.length === 0) {
    const known = `cause known with confidence ${(incident.cause?.confidence ?? 0).toFixed(2)}`;
    const reasons = judged.decision === "allow" ? [...judged.reasons, known] : [...judged.reasons];
    return { decision: judged.decision, reasons, policy };
  }
  const reasons = [...spent, ...(judged.decision === "ask" ? judged.reasons : [])].slice(0, 16);
  return { decision: rules.budgets.whenExhausted, reasons, policy };
}

/** Why this person may not approve it, by what holds now; empty when they may. Being approved lifts no prohibition. */
export function objectionsTo(
  person: string,
  option: RepairOption,
  incident: Incident,
  state: State,
  setting: { readonly rules: Rules; readonly now: number },
): string[] {
  const forbidden = prohibitions(option.target, setting.rules.namespaces);
  if (forbidden.length > 0) return forbidden;
  if (state.policies === undefined) return ["no policy set is in force"];
  const budget = budgetsFor(option, incident, state, setting.rules.budgets, setting.now);
  const judged = mayApprove(state.policies, questionOf(option, incident, state, { ...setting, budget }), person);
  return judged.decision === "allow" ? [] : [...judged.reasons];
}

function questionOf(
  option: RepairOption,
  incident: Incident,
  state: State,
  { rules, now, budget }: { readonly rules: Rules; readonly now: number; readonly budget: BudgetState },
): Question {
  const { namespace } = option.target;
  const service = serviceOf(option, incident);
  return {
    actionType: option.actionType,
    resource: {
      ...option.target,
      service,
      allowListed:
        option.target.system !== "kubernetes" ||
        (namespace !== undefined && rules.namespaces.allow.includes(namespace)),
    },
    context: {
      environment: rules.environment,
      risk: option.risk,
      reversible: option.reversible,
      dryRun: option.dryRun,
      confidence: incident.cause?.confidence ?? 0,
      confidenceMin: rules.confidenceMin,
      autonomy: levelOf(state.autonomy, rules.autonomy, option, service),
      instances: option.blastRadius.instances,
      objects: option.blastRadius.objects.length,
      tried: incident.tried.length,
      actionsLeft: budget.actionsLeft,
      exhausted: budget.exhausted.map(({ name }) => name),
      frozen: state.frozenBy !== undefined,
      ...timeOfDay(now),
    },
  };
}

function namedIn(hash: string, { policies }: PolicyVerdict): { hash: string; decided: string[] } {
  return { hash, decided: policies.map(({ id }) => id).slice(0, 16) };
}
