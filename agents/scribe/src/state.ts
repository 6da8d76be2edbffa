import type { DataOf, EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";

/** An event that belongs to an incident. */
export type IncidentEvent = Extract<OmegaEvent, { type: Exclude<OmegaEvent["type"], OutsideIncidents> }>;
type OutsideIncidents =
  | "signal.detected"
  | "signal.cleared"
  | "control.panic-pressed"
  | "control.frozen"
  | "control.panic-reported"
  | "control.refused"
  | "control.resumed"
  | "agent.started"
  | "agent.faulted"
  | "policy.loaded"
  | "rules.loaded"
  | "policy.refused"
  | "autonomy.set"
  | "audit.checkpointed"
  | "audit.alarmed"
  | "audit.acknowledged"
  | "audit.erased";

/** An incident as its own events tell it, oldest first; the first one is always `incident.opened`. */
export interface IncidentRecord {
  readonly id: string;
  readonly opened: EventOf<"incident.opened">;
  readonly events: readonly IncidentEvent[];
  /** Further signals beyond `extensionsMax`, counted but not kept. */
  readonly extensionsDropped: number;
  /** True once Omega resolved it or gave it to a person. */
  readonly ended: boolean;
}

export interface MemoryRecord extends DataOf<"memory.stored"> {
  readonly incidentId: string;
}

/** What is remembered, by the service that was at fault. */
export type Remembered = ReadonlyMap<string, readonly MemoryRecord[]>;

export interface State {
  readonly incidents: ReadonlyMap<string, IncidentRecord>;
  readonly remembered: Remembered;
}

export const initialState: State = { incidents: new Map(), remembered: new Map() };

/** A storm may extend an incident hundreds of times; after so many the post-mortem gives their number. */
const extensionsMax = 64;
/** Ended incidents kept whole, because an action of theirs may still be taken back. */
const endedKept = 100;
/** Incidents remembered per service; a newer one displaces the oldest. */
const rememberedPerService = 256;

export function evolve(state: State, event: OmegaEvent): State {
  if (event.incidentid === undefined) return state;
  if (event.type === "incident.opened") return opened(state, event, event.incidentid);
  if (event.type === "memory.stored") return remember(state, { ...event.data, incidentId: event.incidentid });
  const record = state.incidents.get(event.incidentid);
  return record === undefined || !belongs(event) ? state : withRecord(state, extended(record, event));
}

function belongs(event: OmegaEvent): event is IncidentEvent {
  return !/^(signal|control|agent|policy|autonomy|audit)\./.test(event.type) && event.type !== "postmortem.written";
}

function opened(state: State, event: EventOf<"incident.opened">, id: string): State {
  if (state.incidents.has(id)) return state;
  return withRecord(state, { id, opened: event, events: [event], extensionsDropped: 0, ended: false });
}

function extended(record: IncidentRecord, event: IncidentEvent): IncidentRecord {
  if (event.type === "incident.extended") {
    const kept = record.events.filter(({ type }) => type === "incident.extended").length;
    if (kept >= extensionsMax) return { ...record, extensionsDropped: record.extensionsDropped + 1 };
  }
  const ended = record.ended || event.type === "incident.resolved" || event.type === "incident.escalated";
  return { ...record, ended, events: [...record.events, event] };
}

function withRecord(state: State, record: IncidentRecord): State {
  const incidents = new Map(state.incidents).set(record.id, record);
  const ended = [...incidents.values()].filter((each) => each.ended);
  for (const { id } of ended.slice(0, Math.max(0, ended.length - endedKept))) incidents.delete(id);
  return { ...state, incidents };
}

function remember(state: State, record: MemoryRecord): State {
  const others = (state.remembered.get(record.service) ?? []).filter((each) => each.incidentId !== record.incidentId);
  const kept = [...others, record].slice(-rememberedPerService);
  return { ...state, remembered: new Map(state.remembered).set(record.service, kept) };
}
