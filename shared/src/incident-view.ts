import type { DataOf, EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Location, RepairOption } from "@omega/bus-schemas/vocabulary.ts";

/** An incident as the stream tells it, for tables and JSON. */
export interface IncidentView {
  readonly id: string;
  readonly title: string;
  readonly severity: "warning" | "critical";
  /** Milliseconds since the epoch. */
  readonly onset: number;
  readonly status: "open" | "awaiting approval" | "resolved" | "escalated";
  readonly service: string;
  readonly location?: Location;
  /** What the latest diagnosis says. */
  readonly cause?: string;
  readonly action?: string;
  readonly outcome?: string;
  readonly resolveMs?: number;
  readonly events: readonly OmegaEvent[];
}

/** Incidents by id, in the order in which they opened. */
export function incidentsIn(events: Iterable<{ readonly event: OmegaEvent }>): Map<string, IncidentView> {
  const incidents = new Map<string, IncidentView>();
  for (const { event } of events) fold(incidents, event);
  return incidents;
}

export function fold(incidents: Map<string, IncidentView>, event: OmegaEvent): void {
  const id = event.incidentid;
  if (id === undefined) return;
  if (event.type === "incident.opened" && !incidents.has(id)) incidents.set(id, opened(id, event));
  const incident = incidents.get(id);
  if (incident === undefined || incident.events.some((each) => each.id === event.id)) return;
  incidents.set(id, { ...incident, events: [...incident.events, event], ...changesBy(event, incident) });
}

/** A new incident, without events. */
export function opened(id: string, { data }: EventOf<"incident.opened">): IncidentView {
  const { title, severity, onset, signal } = data;
  return { id, title, severity, onset: Date.parse(onset), status: "open", service: signal.service, events: [] };
}

/** What an event of the incident changes in what is said of it, but for its list of events. */
export function changesBy(event: OmegaEvent, { status }: Pick<IncidentView, "status">): Partial<IncidentView> {
  switch (event.type) {
    case "diagnosis.reached":
      return diagnosed(event.data);
    case "approval.requested":
      return { status: "awaiting approval" };
    case "approval.granted":
    case "approval.denied":
      return status === "awaiting approval" ? { status: "open" } : {};
    case "approval.refused":
      return questionStands(event) && status === "open" ? { status: "awaiting approval" } : {};
    case "deadline.passed":
      return { status: "open" };
    case "action.ordered":
      return { status: "open", action: event.data.actionType };
    case "incident.resolved": {
      const { outcome, resolveMs, service, location, actionType } = event.data;
      return {
        status: "resolved",
        outcome,
        resolveMs,
        service,
        ...(location === undefined ? {} : { location }),
        ...(actionType === undefined ? {} : { action: actionType }),
      };
    }
    case "incident.escalated":
      return { status: "escalated", outcome: event.data.reason };
    default:
      return {};
  }
}

/** Whether the question is still to be answered, by another person or for the plan that it is about. */
function questionStands({ data }: EventOf<"approval.refused">): boolean {
  return data.reason === "plan_changed" || data.reason === "proposer" || data.reason === "policy";
}

function diagnosed({ verdict, candidates, says }: DataOf<"diagnosis.reached">): Partial<IncidentView> {
  const [cause] = candidates;
  if (verdict !== "cause" || cause === undefined) return { cause: says };
  return { cause: says, service: cause.service, ...(cause.location === undefined ? {} : { location: cause.location }) };
}

/** The approval that an incident waits for, with the option that it is about; nothing once it is decided or ordered. */
export function pendingApproval(
  incident: Pick<IncidentView, "events" | "status">,
): { request: EventOf<"approval.requested">; option: RepairOption | undefined } | undefined {
  const request = incident.events.findLast((event) => event.type === "approval.requested");
  if (request === undefined) return undefined;
  const refused = new Set(
    incident.events.flatMap((event) => (event.type === "approval.refused" ? [event.causationid] : [])),
  );
  const decided = incident.events.some(
    (event) =>
      !refused.has(event.id) &&
      (event.type === "approval.granted" ||
        event.type === "approval.denied" ||
        event.type === "remediation.authorized" ||
        event.type === "remediation.denied") &&
      event.data.planHash === request.data.planHash &&
      event.data.optionId === request.data.optionId,
  );
  if (decided || incident.status === "resolved") return undefined;
  const options = incident.events.flatMap((event) => (event.type === "remediation.proposed" ? event.data.options : []));
  return { request, option: options.findLast(({ planHash }) => planHash === request.data.planHash) };
}
