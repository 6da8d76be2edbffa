import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import type { Rules } from "./config.ts";
import { keyOf, type Incident, type State } from "./state.ts";

export interface Verdict {
  readonly decision: "allow" | "ask" | "forbid";
  /** For people, on the event: why, the weightiest first. */
  readonly reasons: string[];
}

/**
 * May this option run alone? Forbid wins over ask, ask over allow. What it goes by comes from the registry and the dry-run, never
 * from a model.
 */
export function authorise(option: RepairOption, incident: Incident, state: State, rules: Rules, now: number): Verdict {
  const forbidden = prohibitions(option, rules);
  if (forbidden.length > 0) return { decision: "forbid", reasons: forbidden };
  const doubts = doubtsAbout(option, incident, state, rules, now);
  if (doubts.length > 0) return { decision: "ask", reasons: doubts };
  return {
    decision: "allow",
    reasons: [
      `${option.risk} risk, exactly reversible, dry-run proven`,
      `namespace ${option.target.namespace ?? ""} is allow-listed`,
      `cause known with confidence ${(incident.cause?.confidence ?? 0).toFixed(2)}`,
    ],
  };
}

function prohibitions(option: RepairOption, rules: Rules): string[] {
  const { namespace } = option.target;
  if (option.target.system !== "kubernetes") return [];
  if (namespace !== undefined && rules.namespaces.protect.includes(namespace))
    return [`namespace ${namespace} is protected`];
  if (namespace === undefined || !rules.namespaces.allow.includes(namespace)) {
    return [`namespace ${namespace ?? "(none)"} is not on the allow-list`];
  }
  return [];
}

function doubtsAbout(option: RepairOption, incident: Incident, state: State, rules: Rules, now: number): string[] {
  const doubts: string[] = [];
  if (option.target.system !== "kubernetes") doubts.push(`${option.target.system} actions ask a person`);
  if (option.risk !== "low") doubts.push(`${option.risk} risk asks a person`);
  if (option.reversible !== "exact") doubts.push("it can't be taken back exactly");
  if (option.dryRun !== "proven") doubts.push("the dry-run does not prove it");
  const confidence = incident.cause?.confidence ?? 0;
  if (confidence < rules.confidenceMin) {
    doubts.push(`confidence ${confidence.toFixed(2)} is below ${rules.confidenceMin.toFixed(2)}`);
  }
  const repeats = state.orders.filter(
    (order) => order.key === keyOf(option) && order.at > now - rules.repeatsWindowMs,
  ).length;
  if (repeats >= rules.repeatsMax)
    doubts.push(`it ran ${repeats} times in the last ${rules.repeatsWindowMs / 60_000} min`);
  return doubts;
}
