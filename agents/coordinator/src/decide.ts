import type { Draft, EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import type { Decision, Moment } from "@omega/shared/agent.ts";
import { timeText } from "@omega/shared/clock.ts";
import { deriveId } from "@omega/shared/ids.ts";
import type { Rules } from "./config.ts";
import { refusal, weigh, type PersonsAnswer } from "./approvals.ts";
import { authorise } from "./policy.ts";
import { keyOf } from "./orders.ts";
import type { Incident, State } from "./state.ts";
import { openOrExtend, resolved, subsidedIfQuiet } from "./incident-life.ts";

/** The Coordinator performs nothing: every decision is events. */
export type NoEffect = never;

/**
 * Sequences each incident by the rules that the stream holds, or else by `unless`. `state` has the event folded in already; no clock, no
 * client, no chance.
 */
export function decideBy(unless: Rules): (event: OmegaEvent, state: State, moment: Moment) => Decision<NoEffect> {
  return (event, state, moment) => ({ say: draftsFor(event, state, moment, state.rules ?? unless), perform: [] });
}

function draftsFor(event: OmegaEvent, state: State, moment: Moment, rules: Rules): Draft[] {
  if (event.type === "signal.detected") return openOrExtend(event, state, moment, rules);
  if (event.type === "signal.cleared")
    return Object.values(state.incidents).flatMap((open) => subsidedIfQuiet(open, moment));
  if (event.type === "audit.checkpointed") return recordedOrders(event, state, moment, rules);
  const incident = state.incidents[event.incidentid ?? ""];
  if (event.type === "approval.granted" || event.type === "approval.denied") {
    if (incident !== undefined) return answerOf(event, { incident, state, moment, rules });
    return [refusal(event, event.incidentid ?? "", "not_asked", "The incident is over, or never was.")];
  }
  if (incident === undefined || incident.phase === "escalated") return [];
  const turn: Turn = { incident, state, moment, rules };
  switch (event.type) {
    case "incident.opened":
    case "incident.extended":
    case "memory.recalled":
    case "diagnosis.reached":
    case "diagnosis.reviewed":
      return requestWhenReady(turn);
    case "remediation.proposed":
      return stillAsked(incident) ? [] : chooseOption(turn);
    case "remediation.denied":
      return chooseOption(turn);
    case "action.succeeded":
      return ofThisAttempt(event, incident) ? [verification(turn)] : [];
    case "action.failed":
      return ofThisAttempt(event, incident) ? requestAgain(turn) : [];
    case "action.conflicted":
      return ofThisAttempt(event, incident) ? [escalation(incident, "conflict", event.data.failure.message)] : [];
    case "action.outcome-unknown":
      return ofThisAttempt(event, incident) ? [undoOrder(turn, "outcome-unknown")] : [];
    case "recovery.confirmed":
      return ofThisAttempt(event, incident) ? [resolved(incident, moment, event.data.says)] : [];
    case "recovery.failed":
      return ofThisAttempt(event, incident) ? [undoOrder(turn, "recovery-failed")] : [];
    case "recovery.inconclusive":
      return ofThisAttempt(event, incident) ? [escalation(incident, "recovery_inconclusive", event.data.says)] : [];
    case "undo.done":
      return ofThisAttempt(event, incident) ? afterUndo(turn) : [];
    case "undo.failed":
    case "undo.conflicted":
      return ofThisAttempt(event, incident) ? [escalation(incident, "undo_failed", event.data.failure.message)] : [];
    case "deadline.passed":
      return deadlinePassed(event, turn);
    default:
      return [];
  }
}

interface Turn {
  readonly incident: Incident;
  readonly state: State;
  readonly moment: Moment;
  readonly rules: Rules;
}

function ofThisAttempt(event: { readonly data: { readonly actionId: string } }, incident: Incident): boolean {
  return incident.attempt?.actionId === event.data.actionId;
}

/** Asks for repairs once the diagnosis is in and recall has answered or is overdue, and the storm has settled or is known from before. */
function requestWhenReady(turn: Turn): Draft[] {
  const { incident, moment, rules } = turn;
  if (incident.phase !== "gathering") return [];
  const open = new Set(incident.waits.map((wait) => wait.awaited));
  if (open.has("diagnosis") || open.has("recall") || open.has("review")) return [];
  if (incident.verdict === "healthy") return subsidedIfQuiet(incident, moment);
  if (incident.verdict !== "cause" || incident.cause === undefined) {
    return [escalation(incident, "no_cause", "The diagnosis is inconclusive; the evidence is on diagnosis.reached.")];
  }
  if (open.has("settling") && !knownFromBefore(incident, rules)) return [];
  return [request(incident)];
}

/** Memory holds an incident like this whose fix was verified: gathering more of the storm would teach nothing. */
function knownFromBefore(incident: Incident, rules: Rules): boolean {
  return (incident.recalled ?? []).some(
    (match) =>
      match.similarity >= rules.similarityMin &&
      match.fixes.some((fix) => fix.outcome === "verified") &&
      match.fixes.every((fix) => fix.outcome !== "undone"),
  );
}

function request(incident: Incident): Draft {
  const { cause } = incident;
  if (cause === undefined) throw new Error(`incident ${incident.id} has no cause to remedy`);
  return {
    type: "remediation.requested",
    incidentid: incident.id,
    data: { cause, recalled: [...(incident.recalled ?? [])], tried: [...incident.tried] },
  };
}

function requestAgain(turn: Turn): Draft[] {
  const { incident, rules } = turn;
  if (incident.tried.length >= rules.attemptsMax) {
    return [escalation(incident, "attempts_exhausted", `${incident.tried.length} repairs were tried without success.`)];
  }
  return [request(incident)];
}

/** What a person took back, by its name or by the panic button, is not tried in another way behind their back. */
function afterUndo(turn: Turn): Draft[] {
  const { incident, state } = turn;
  if (state.frozenBy !== undefined)
    return [escalation(incident, "frozen", "The panic button was pressed, and the repair was taken back.")];
  if (incident.takenBackFor !== undefined)
    return [escalation(incident, "taken_back", `${incident.takenBackFor} had the repair taken back.`)];
  return requestAgain(turn);
}

function chooseOption(turn: Turn): Draft[] {
  const { incident, state, moment, rules } = turn;
  if (incident.phase !== "planning" && incident.phase !== "asking") return [];
  const stopped = stopOf(turn);
  if (stopped !== undefined) return [stopped];
  const option = incident.options.find((candidate) => !incident.tried.includes(keyOf(candidate)));
  if (option === undefined)
    return [escalation(incident, "no_option_left", "Every proposed option was tried, denied or refused.")];
  const { decision, reasons, policy } = authorise(option, incident, state, rules, moment.now);
  const named = {
    optionId: option.optionId,
    planHash: option.planHash,
    reasons,
    ...(policy === undefined ? {} : { policy }),
  };
  const by = { kind: "policy", name: policy?.decided[0] ?? "invariants" } as const;
  const incidentid = incident.id;
  switch (decision) {
    case "forbid":
      return [{ type: "remediation.denied", incidentid, key: `denied ${option.optionId}`, data: { ...named, by } }];
    case "ask": {
      const expiresAt = timeText(moment.now + rules.waits.approvalMs);
      return [{ type: "approval.requested", incidentid, data: { ...named, expiresAt } }];
    }
    case "escalate":
      return [escalation(incident, "budget_exhausted", reasons.join("; "))];
    case "allow":
      return [{ type: "remediation.authorized", incidentid, data: { ...named, by } }, ...orderAtOnce(option, turn)];
  }
}

/** A new proposal that holds the very plan a person is asked about changes nothing; any other voids the question. */
function stillAsked({ phase, asked, options }: Incident): boolean {
  return (
    phase === "asking" &&
    options.some(({ optionId, planHash }) => optionId === asked?.optionId && planHash === asked.planHash)
  );
}

/** What a person's answer leads to; one that does not count is refused in so many words. */
function answerOf(answer: PersonsAnswer, turn: Turn): Draft[] {
  const { incident, state, moment, rules } = turn;
  const weighed = weigh(answer, incident, state, { rules, now: moment.now });
  if (!weighed.counts) return [weighed.refusal];
  const { option } = weighed;
  const { by: name, comment } = answer.data;
  const by = { kind: "person", name } as const;
  const named = { optionId: option.optionId, planHash: option.planHash, by };
  if (answer.type === "approval.denied") {
    return [
      { type: "remediation.denied", incidentid: incident.id, data: { ...named, reasons: [comment ?? "denied"] } },
    ];
  }
  const stopped = stopOf(turn);
  if (stopped !== undefined) return [stopped];
  const data = { ...named, reasons: [comment ?? "approved"] };
  return [{ type: "remediation.authorized", incidentid: incident.id, data }, ...orderAtOnce(option, turn)];
}

/** What stops every action, whoever wants it. */
function stopOf({ incident, state }: Turn): Draft | undefined {
  if (state.frozenBy !== undefined) return escalation(incident, "frozen", "Omega is frozen by the panic button.");
  const alarm = state.auditAlarms.at(-1);
  if (alarm === undefined) return undefined;
  return escalation(incident, "audit_alarm", `The audit log alarms (${alarm.code}): ${alarm.says}`);
}

/** In strict mode the order waits until the intent is on record. */
function orderAtOnce(option: RepairOption, turn: Turn): Draft[] {
  return turn.rules.audit.strict ? [] : [order(option, turn)];
}

/** Strict mode: the plans whose authorisation is now inside a checkpoint may run, if nothing has stopped them meanwhile. */
function recordedOrders(event: EventOf<"audit.checkpointed">, state: State, moment: Moment, rules: Rules): Draft[] {
  return event.data.intents.flatMap(({ incidentId, planHash }) => {
    const incident = state.incidents[incidentId];
    const option = incident?.attempt?.option;
    if (incident?.phase !== "recording" || option?.planHash !== planHash) return [];
    const turn: Turn = { incident, state, moment, rules };
    return [stopOf(turn) ?? order(option, turn)];
  });
}

function order(option: RepairOption, turn: Turn): Draft {
  const { incident, moment, rules } = turn;
  const attempt = incident.tried.length + 1;
  return {
    type: "action.ordered",
    incidentid: incident.id,
    data: {
      actionId: `act-${deriveId(incident.id, `${option.optionId} ${attempt}`).slice(0, 12)}`,
      optionId: option.optionId,
      actionType: option.actionType,
      target: option.target,
      plan: option.plan,
      planHash: option.planHash,
      fence: moment.fence,
      notAfter: timeText(moment.now + rules.waits.actionMs),
    },
  };
}

function verification(turn: Turn): Draft {
  const { incident, moment, rules } = turn;
  const checks = [{ service: incident.service, operation: incident.operation }];
  const { cause } = incident;
  if (
    cause?.operation !== undefined &&
    (cause.service !== incident.service || cause.operation !== incident.operation)
  ) {
    checks.unshift({ service: cause.service, operation: cause.operation });
  }
  return {
    type: "verification.requested",
    incidentid: incident.id,
    data: {
      actionId: incident.attempt?.actionId ?? "",
      checks,
      after: timeText(moment.now),
      terms: rules.verification,
    },
  };
}

function undoOrder(turn: Turn, reason: "recovery-failed" | "outcome-unknown"): Draft {
  return {
    type: "undo.ordered",
    incidentid: turn.incident.id,
    data: {
      actionId: turn.incident.attempt?.actionId ?? "",
      fence: turn.moment.fence,
      reason,
      by: { kind: "process", name: "coordinator" },
    },
  };
}

function deadlinePassed(event: EventOf<"deadline.passed">, turn: Turn): Draft[] {
  const { incident } = turn;
  switch (event.data.awaited) {
    case "settling":
    case "recall":
    case "review":
      return requestWhenReady(turn);
    case "diagnosis":
      return [escalation(incident, "no_diagnosis", "Scout gave no diagnosis in time.")];
    case "proposal":
      return [escalation(incident, "no_proposal", "Surgeon proposed nothing in time.")];
    case "approval":
      return [escalation(incident, "approval_expired", "Nobody answered in time; the plan is void.")];
    case "record":
      return [escalation(incident, "intent_not_recorded", "Scribe did not say in time that the plan is on record.")];
    case "action":
      return [escalation(incident, "action_silent", "Surgeon did not say how the action ended.")];
    case "verification":
      return [escalation(incident, "no_verdict", "Scout did not say whether the service recovered.")];
    case "undo":
      return [escalation(incident, "undo_silent", "Surgeon did not say how the undo ended.")];
    default:
      return [];
  }
}

function escalation(incident: Incident, reason: string, says: string): Draft {
  return { type: "incident.escalated", incidentid: incident.id, data: { reason, says: says.slice(0, 1024) } };
}
