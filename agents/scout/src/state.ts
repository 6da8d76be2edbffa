import type { DataOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { MemoryMatch } from "@omega/bus-schemas/vocabulary.ts";
import { nothingSpent, spentAfter, type Spent } from "@omega/shared/model/model.ts";

/** What Scout remembers of the stream: the open episodes and which requests it has answered. */
export interface State {
  readonly signals: ReadonlyMap<string, DataOf<"signal.detected">>;
  readonly incidents: ReadonlyMap<string, Incident>;
}

export interface Incident {
  readonly onsetMs: number | undefined;
  /** Operations that its signals name. */
  readonly signalIds: readonly string[];
  readonly affected: readonly { readonly service: string; readonly name: string }[];
  /** Failures before and normally, by service and operation, as the signals told them. */
  readonly ratios: ReadonlyMap<string, { readonly before: number; readonly normal: number }>;
  readonly diagnosed: boolean;
  readonly reviewed: boolean;
  /** What memory found; absent until it answered. */
  readonly recalled?: readonly MemoryMatch[];
  /** By every process that asked a model about this incident. */
  readonly spent: Spent;
  /** Actions whose recovery has been judged. */
  readonly judged: readonly string[];
  /** First pods of rollouts that were judged, by `canaryKey`. */
  readonly canaries: readonly string[];
}

export const initialState: State = { signals: new Map(), incidents: new Map() };

export const ratioKey = (service: string, operation: string): string => `${service}\n${operation}`;

export const canaryKey = ({ actionId, pod }: Pick<DataOf<"canary.held">, "actionId" | "pod">): string =>
  `${actionId}\n${pod.uid}`;

export function evolve(state: State, event: OmegaEvent): State {
  const { type, incidentid } = event;
  if (type === "signal.detected") {
    return { ...state, signals: new Map(state.signals).set(event.data.signalId, event.data) };
  }
  if (type === "signal.cleared") {
    const signals = new Map(state.signals);
    signals.delete(event.data.signalId);
    return { ...state, signals };
  }
  if (type === "incident.opened") {
    const onsetMs = Date.parse(event.data.onset);
    return withIncident(state, incidentid, (before) => ({ ...extended(state, before, event.data.signal), onsetMs }));
  }
  if (type === "incident.extended") {
    return withIncident(state, incidentid, (before) => extended(state, before, event.data.signal));
  }
  if (type === "diagnosis.reached") {
    return withIncident(state, incidentid, (before) => ({ ...before, diagnosed: true }));
  }
  if (type === "diagnosis.reviewed" && state.incidents.has(incidentid ?? "")) {
    return withIncident(state, incidentid, (before) => ({ ...before, reviewed: true }));
  }
  if (type === "memory.recalled" && state.incidents.has(incidentid ?? "")) {
    return withIncident(state, incidentid, (before) => ({ ...before, recalled: event.data.matches }));
  }
  if (type === "model.consulted" && state.incidents.has(incidentid ?? "")) {
    const { usage } = event.data;
    return withIncident(state, incidentid, (before) => ({ ...before, spent: spentAfter(before.spent, usage) }));
  }
  if (type === "recovery.confirmed" || type === "recovery.failed" || type === "recovery.inconclusive") {
    const { actionId } = event.data;
    return withIncident(state, incidentid, (before) => ({ ...before, judged: [...before.judged, actionId] }));
  }
  // What has ended by itself needs no judgement any more.
  if ((type === "canary.judged" || type === "canary.ended") && state.incidents.has(incidentid ?? "")) {
    const key = canaryKey(event.data);
    return withIncident(state, incidentid, (before) => ({ ...before, canaries: [...before.canaries, key] }));
  }
  if (type === "incident.resolved" || type === "incident.escalated") {
    const incidents = new Map(state.incidents);
    incidents.delete(incidentid ?? "");
    return { ...state, incidents };
  }
  return state;
}

const freshIncident: Incident = {
  onsetMs: undefined,
  signalIds: [],
  affected: [],
  ratios: new Map(),
  diagnosed: false,
  reviewed: false,
  spent: nothingSpent,
  judged: [],
  canaries: [],
};

function withIncident(state: State, incidentId: string | undefined, change: (before: Incident) => Incident): State {
  if (incidentId === undefined) return state;
  const before = state.incidents.get(incidentId) ?? freshIncident;
  return { ...state, incidents: new Map(state.incidents).set(incidentId, change(before)) };
}

function extended(state: State, before: Incident, signal: DataOf<"incident.opened">["signal"]): Incident {
  if (before.signalIds.includes(signal.signalId)) return before;
  const ratio = state.signals
    .get(signal.signalId)
    ?.measures.find((measure) => measure.name === "error-ratio" && measure.baseline !== undefined);
  const ratios = new Map(before.ratios);
  if (ratio !== undefined) {
    ratios.set(ratioKey(signal.service, signal.operation), { before: ratio.value, normal: ratio.baseline ?? 0 });
  }
  return {
    ...before,
    signalIds: [...before.signalIds, signal.signalId],
    affected: [...before.affected, { service: signal.service, name: signal.operation }],
    ratios,
  };
}
