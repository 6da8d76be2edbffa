import type { DataOf, EventType, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Decision } from "@omega/shared/agent.ts";
import { memoryOf } from "./memory-of.ts";
import type { Symptom } from "./ports.ts";
import { postmortem } from "./postmortem/postmortem.ts";
import type { IncidentRecord, State } from "./state.ts";

/** What Scribe does beside saying things. */
export type Effect =
  | { readonly kind: "recall"; readonly incidentId: string; readonly symptom: Symptom }
  | { readonly kind: "shelve"; readonly incidentId: string; readonly markdown: string };

const undoEndings: ReadonlySet<EventType> = new Set(["undo.done", "undo.conflicted", "undo.failed"] as const);
const nothing: Decision<Effect> = { say: [], perform: [] };

/**
 * Recalls when an incident opens; remembers and writes the post-mortem when Omega is done with it, and again when an action is taken
 * back afterwards, so that memory never recommends a fix that somebody undid. `state` holds the event already.
 */
export function decide(event: OmegaEvent, state: State): Decision<Effect> {
  const record = event.incidentid === undefined ? undefined : state.incidents.get(event.incidentid);
  if (record === undefined) return nothing;
  if (event.type === "incident.opened") return recall(record.id, event.data);
  if (event.type === "incident.resolved" || event.type === "incident.escalated") return conclude(record);
  return record.ended && undoEndings.has(event.type) ? conclude(record) : nothing;
}

function recall(incidentId: string, { signal }: DataOf<"incident.opened">): Decision<Effect> {
  const { service, operation, errorType, signature, says } = signal;
  return {
    say: [],
    perform: [{ kind: "recall", incidentId, symptom: { service, operation, errorType, signature, says } }],
  };
}

function conclude(record: IncidentRecord): Decision<Effect> {
  return {
    say: [{ type: "memory.stored", incidentid: record.id, data: memoryOf(record) }],
    perform: [{ kind: "shelve", incidentId: record.id, markdown: postmortem(record) }],
  };
}
