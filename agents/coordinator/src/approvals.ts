import type { Draft, EventOf } from "@omega/bus-schemas/catalogue.ts";
import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import type { Rules } from "./config.ts";
import { objectionsTo } from "./policy.ts";
import type { Incident, State } from "./state.ts";

/**
 * An approval is for one plan by its SHA-256, once, until it expires, by a person who did not propose it and whom policy lets approve. A
 * plan that is proposed anew has another hash, so drift voids what was approved; drift that nobody saw yet is Surgeon's `conflict`.
 */

export type PersonsAnswer = EventOf<"approval.granted" | "approval.denied">;

export type Answered =
  | { readonly counts: true; readonly option: RepairOption }
  | { readonly counts: false; readonly refusal: Draft };

export function weigh(
  answer: PersonsAnswer,
  incident: Incident,
  state: State,
  setting: { readonly rules: Rules; readonly now: number },
): Answered {
  const { planHash, optionId, by } = answer.data;
  const refused = (reason: RefusalReason, says: string): Answered => ({
    counts: false,
    refusal: refusal(answer, incident.id, reason, says),
  });
  if (incident.answered.includes(planHash)) {
    return refused("used", `Plan ${short(planHash)} was answered already; an answer counts once.`);
  }
  const { asked } = incident;
  const option = incident.attempt?.option;
  if (asked?.planHash === planHash && setting.now >= asked.expiresAt) {
    return refused("expired", `The question expired at ${new Date(asked.expiresAt).toISOString()}; nothing was done.`);
  }
  if (incident.phase !== "asking" || asked === undefined || option === undefined) {
    return refused("not_asked", "No question stands that this could answer.");
  }
  if (asked.planHash !== planHash || asked.optionId !== optionId || option.planHash !== planHash) {
    return refused(
      "plan_changed",
      `The question is about plan ${short(asked.planHash)}; this answer is about plan ${short(planHash)}.`,
    );
  }
  // Whoever says no needs no right to: the safe answer is anybody's.
  if (answer.type === "approval.denied") return { counts: true, option };
  if (by === incident.proposer || by === "omega") {
    return refused("proposer", `${by} proposed this plan; somebody else must approve it.`);
  }
  const objections = objectionsTo(by, option, incident, state, setting);
  if (objections.length > 0) return refused("policy", objections.join("; "));
  return { counts: true, option };
}

type RefusalReason = Extract<Draft, { type: "approval.refused" }>["data"]["reason"];

/** `incidentId` may be of an incident that is long over. */
export function refusal(answer: PersonsAnswer, incidentId: string, reason: RefusalReason, says: string): Draft {
  const { planHash, optionId, by } = answer.data;
  return {
    type: "approval.refused",
    incidentid: incidentId,
    data: { optionId, planHash, by, reason, says: says.slice(0, 1024) },
  };
}

function short(planHash: string): string {
  return planHash.slice(0, 12);
}
