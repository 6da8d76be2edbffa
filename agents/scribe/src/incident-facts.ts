import type { DataOf, EventOf } from "@omega/bus-schemas/catalogue.ts";
import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import type { IncidentEvent, IncidentRecord } from "./state.ts";

export type SignalReference = DataOf<"incident.opened">["signal"];
type Verdict = EventOf<"recovery.confirmed"> | EventOf<"recovery.failed"> | EventOf<"recovery.inconclusive">;
type Ending =
  | EventOf<"action.succeeded">
  | EventOf<"action.failed">
  | EventOf<"action.conflicted">
  | EventOf<"action.outcome-unknown">;
type Undo = EventOf<"undo.done"> | EventOf<"undo.failed"> | EventOf<"undo.conflicted">;

/** One order and all that became of it. */
export interface Attempt {
  readonly order: DataOf<"action.ordered">;
  readonly option: RepairOption | undefined;
  readonly authorized: EventOf<"remediation.authorized"> | undefined;
  readonly approval: EventOf<"approval.granted"> | undefined;
  readonly ending: Ending | undefined;
  readonly verdict: Verdict | undefined;
  readonly undo: Undo | undefined;
  /** `open`: nothing is known yet of how it went. */
  readonly outcome: "verified" | "failed" | "undone" | "open";
}

/** The incident's events of these types, oldest first. */
export function eventsOf<Type extends IncidentEvent["type"]>(
  record: IncidentRecord,
  ...types: Type[]
): Extract<IncidentEvent, { type: Type }>[] {
  const wanted = new Set<string>(types);
  return record.events.filter((event): event is Extract<IncidentEvent, { type: Type }> => wanted.has(event.type));
}

/** The latest diagnosis: a second one replaces the first. */
export function diagnosisOf(record: IncidentRecord): EventOf<"diagnosis.reached"> | undefined {
  return eventsOf(record, "diagnosis.reached").at(-1);
}

/** Every signal of the incident, the one that opened it first. */
export function signalsOf(record: IncidentRecord): SignalReference[] {
  return [record.opened.data.signal, ...eventsOf(record, "incident.extended").map(({ data }) => data.signal)];
}

/** From onset to the end of Omega's work, as the resolution says it or as the clock of the last event has it. */
export function durationMs(record: IncidentRecord): number {
  const resolved = eventsOf(record, "incident.resolved").at(-1);
  if (resolved !== undefined) return resolved.data.resolveMs;
  const last = eventsOf(record, "incident.escalated").at(-1) ?? record.events.at(-1) ?? record.opened;
  return Math.max(0, Date.parse(last.time) - Date.parse(record.opened.data.onset));
}

/** What was ordered, in order, with what came of each. */
export function attemptsOf(record: IncidentRecord): Attempt[] {
  const options = eventsOf(record, "remediation.proposed").flatMap(({ data }) => data.options);
  return eventsOf(record, "action.ordered").map(({ data: order }) => {
    const ofAction = <E extends { data: { actionId: string } }>(events: readonly E[]): E | undefined =>
      events.filter(({ data }) => data.actionId === order.actionId).at(-1);
    const ofPlan = <E extends { data: { planHash: string } }>(events: readonly E[]): E | undefined =>
      events.filter(({ data }) => data.planHash === order.planHash).at(-1);
    const ending = ofAction(
      eventsOf(record, "action.succeeded", "action.failed", "action.conflicted", "action.outcome-unknown"),
    );
    const verdict = ofAction(eventsOf(record, "recovery.confirmed", "recovery.failed", "recovery.inconclusive"));
    const undo = ofAction(eventsOf(record, "undo.done", "undo.failed", "undo.conflicted"));
    return {
      order,
      option: options.find(({ planHash }) => planHash === order.planHash),
      authorized: ofPlan(eventsOf(record, "remediation.authorized")),
      approval: ofPlan(eventsOf(record, "approval.granted")),
      ending,
      verdict,
      undo,
      outcome: outcomeOf(ending, verdict, undo),
    };
  });
}

function outcomeOf(ending?: Ending, verdict?: Verdict, undo?: Undo): Attempt["outcome"] {
  if (undo?.type === "undo.done") return "undone";
  if (verdict?.type === "recovery.confirmed") return "verified";
  if (verdict !== undefined || undo !== undefined) return "failed";
  return ending === undefined || ending.type === "action.succeeded" ? "open" : "failed";
}
