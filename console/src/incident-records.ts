import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { changesBy, opened } from "@omega/shared/incident-view.ts";
import type { IncidentCard } from "./wire.ts";

/** An event with its place in the stream. */
export interface Recorded {
  readonly seq: number;
  readonly storedAt: number;
  readonly event: OmegaEvent;
}

/** One incident: what is said of it, and its events, which may have been let go of to be read from the stream again. */
interface IncidentRecord {
  card: Omit<IncidentCard, "doing">;
  doing: string | undefined;
  readonly firstSeq: number;
  lastSeq: number;
  count: number;
  events: Recorded[] | undefined;
}

/** Events that are held in memory for incidents that are over; beyond, the oldest incidents' are read again when somebody looks. */
const endedEventsKept = 20_000;

/** The incidents as the fold of the stream. The caller hands over each event once, in order. */
export class IncidentRecords {
  readonly #records = new Map<string, IncidentRecord>();
  #held = 0;

  take(recorded: Recorded): void {
    const { event, seq, storedAt } = recorded;
    const id = event.incidentid;
    if (id === undefined) return;
    let record = this.#records.get(id);
    if (record === undefined) {
      if (event.type !== "incident.opened") return;
      const { events: _none, ...view } = opened(id, event);
      record = {
        card: { ...view, movedAt: storedAt },
        doing: undefined,
        firstSeq: seq,
        lastSeq: seq,
        count: 0,
        events: [],
      };
      this.#records.set(id, record);
    }
    const { events: _events, ...changes } = changesBy(event, record.card);
    record.card = { ...record.card, ...changes, movedAt: storedAt };
    record.doing = doingAfter(event) ?? record.doing;
    record.lastSeq = seq;
    record.count += 1;
    if (record.events === undefined) return;
    record.events.push(recorded);
    this.#held += 1;
    if (this.#held > endedEventsKept) this.#letGo();
  }

  /** The newest first. */
  cards(limit: number): IncidentCard[] {
    return [...this.#records.values()].slice(-limit).toReversed().map(cardOf);
  }

  card(id: string): IncidentCard | undefined {
    const record = this.#records.get(id);
    return record === undefined ? undefined : cardOf(record);
  }

  /** Where its newest event stands in the stream. */
  lastSeqOf(id: string): number | undefined {
    return this.#records.get(id)?.lastSeq;
  }

  /** Its events, or where in the stream they lie. */
  eventsOf(id: string): { events: readonly Recorded[] } | { firstSeq: number; lastSeq: number } | undefined {
    const record = this.#records.get(id);
    if (record === undefined) return undefined;
    if (record.events !== undefined) return { events: record.events };
    return { firstSeq: record.firstSeq, lastSeq: record.lastSeq };
  }

  #letGo(): void {
    for (const record of this.#records.values()) {
      if (this.#held <= endedEventsKept / 2) return;
      const over = record.card.status === "resolved" || record.card.status === "escalated";
      if (!over || record.events === undefined) continue;
      this.#held -= record.events.length;
      record.events = undefined;
    }
  }
}

function cardOf({ card, doing }: IncidentRecord): IncidentCard {
  const over = card.status === "resolved" || card.status === "escalated";
  return over || doing === undefined ? card : { ...card, doing };
}

/** What Omega turns to after this event; nothing where the event changes nothing in that. */
function doingAfter(event: OmegaEvent): string | undefined {
  switch (event.type) {
    case "incident.opened":
      return "Diagnosing, and looking for similar incidents";
    case "diagnosis.reached":
      return event.data.verdict === "cause" ? "Cause found; waiting for the storm to settle" : "Looking for a cause";
    case "remediation.requested":
      return "Planning repairs, each with a dry-run";
    case "remediation.proposed":
      return "Asking policy";
    case "approval.requested":
      return "Waiting for a person";
    case "approval.granted":
    case "remediation.authorized":
      return "Ordering the repair";
    case "action.ordered":
    case "action.started":
      return `Running ${event.data.actionType}`;
    case "action.succeeded":
    case "verification.requested":
      return "Verifying with fresh telemetry";
    case "undo.ordered":
    case "undo.started":
      return "Taking the repair back";
    case "undo.done":
    case "action.failed":
    case "approval.denied":
      return "Choosing what to try next";
    default:
      return undefined;
  }
}
