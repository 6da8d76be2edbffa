import { definitionOf, type DataOf, type EventType, type OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { timeText } from "@omega/shared/clock.ts";
import { deriveId } from "@omega/shared/ids.ts";

/** The onset of the fixture, 2026-11-24 03:00:00 UTC. */
export const onsetMs = Date.parse("2026-11-24T03:00:00.000Z");

/** An event as the fold sees it: the sample of its catalogue entry with these fields changed, said `atMs` after the onset. */
export function said<Type extends EventType>(
  type: Type,
  atMs: number,
  data: Partial<DataOf<Type>> = {},
  incidentid = "inc-1",
): OmegaEvent {
  const definition = definitionOf(type);
  if (definition === undefined) throw new Error(`no event type '${type}' exists`);
  const speaker = definition.saidBy[0] ?? "operator";
  return {
    specversion: "1.0",
    id: deriveId(`${incidentid}:${atMs}`, type),
    source: `/omega/${speaker}/${speaker}-1`,
    type,
    subject: incidentid,
    time: timeText(onsetMs + atMs),
    datacontenttype: "application/json",
    dataversion: 1,
    ...(definition.scope === "incident" ? { incidentid } : {}),
    data: { ...(definition.example as object), ...data },
    keyid: `${speaker}-0000000000000000`,
    sig: "A".repeat(86),
    // A sample with some fields of its own type changed is of that type.
  } as unknown as OmegaEvent;
}

/** The incident of the issue: payments 1.5.0 throws, is rolled back, and recovers. */
export function healedIncident(incidentid = "inc-1"): OmegaEvent[] {
  const none = { verdict: "none" as const, matches: [], says: "None yet: memory is empty." };
  return [
    said("incident.opened", 5200, {}, incidentid),
    said("incident.extended", 5300, {}, incidentid),
    said("memory.recalled", 5310, none, incidentid),
    said("diagnosis.reached", 5500, {}, incidentid),
    said("remediation.requested", 5510, {}, incidentid),
    said("remediation.proposed", 5600, {}, incidentid),
    said("remediation.authorized", 5610, {}, incidentid),
    said("action.ordered", 5620, {}, incidentid),
    said("action.started", 5640, {}, incidentid),
    said("action.succeeded", 11_840, {}, incidentid),
    said("verification.requested", 11_860, { after: "2026-11-24T03:00:11.840Z" }, incidentid),
    said("recovery.confirmed", 20_900, {}, incidentid),
    said("incident.resolved", 21_000, {}, incidentid),
  ];
}

/** Tried, found wanting, taken back, given to a person. */
export function escalatedIncident(incidentid = "inc-1"): OmegaEvent[] {
  return [
    ...healedIncident(incidentid).slice(0, 11),
    said("recovery.failed", 18_000, {}, incidentid),
    said("undo.ordered", 18_010, {}, incidentid),
    said("undo.started", 18_030, {}, incidentid),
    said("undo.done", 23_000, {}, incidentid),
    said("incident.escalated", 23_020, {}, incidentid),
  ];
}
