import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { duration } from "@omega/shared/durations.ts";
import { printable, table, type Paint, type Tone } from "@omega/shared/terminal.ts";

/** One incident of the demo, by its own events. */
export interface IncidentSummary {
  readonly id: string;
  readonly service: string;
  readonly location: { readonly file: string; readonly line: number } | null;
  readonly action: string | null;
  readonly outcome: string;
  /** Onset to detection, detection to diagnosis, onset to resolution. */
  readonly detectMs: number | null;
  readonly diagnoseMs: number | null;
  readonly resolveMs: number | null;
  readonly decidedWithoutModel: boolean | null;
  /** From the change that was made through the Kubernetes API to the resolution. */
  readonly faultToResolvedMs: number | null;
  /** Similar incidents that memory found. */
  readonly recalled: number;
  readonly verified: string | null;
  readonly postmortem: string | null;
}

export interface ProcessSummary {
  readonly name: string;
  readonly pid: number;
  /** The most that was seen, in MiB. */
  readonly rssMb: number;
}

export interface DemoSummary {
  readonly incidents: readonly IncidentSummary[];
  readonly processes: readonly ProcessSummary[];
  readonly ok: boolean;
  readonly error?: string;
  readonly logs: string;
}

export function incidentSummary(
  id: string,
  events: readonly OmegaEvent[],
  faultAt: number,
  postmortem: string | null,
): IncidentSummary {
  const resolved = last(events, "incident.resolved");
  const escalated = last(events, "incident.escalated");
  const cause = last(events, "diagnosis.reached")?.data.candidates[0];
  const opened = last(events, "incident.opened");
  const place = resolved?.data.location ?? cause?.location;
  return {
    id,
    service: resolved?.data.service ?? cause?.service ?? opened?.data.signal.service ?? "",
    location:
      place?.file === undefined || place.lineStart === undefined ? null : { file: place.file, line: place.lineStart },
    action: resolved?.data.actionType ?? last(events, "action.ordered")?.data.actionType ?? null,
    outcome: resolved?.data.outcome ?? (escalated === undefined ? "open" : `escalated: ${escalated.data.reason}`),
    detectMs: resolved?.data.detectMs ?? null,
    diagnoseMs: resolved?.data.diagnoseMs ?? null,
    resolveMs: resolved?.data.resolveMs ?? null,
    decidedWithoutModel: resolved?.data.decidedWithoutModel ?? null,
    faultToResolvedMs: resolved === undefined ? null : Math.max(0, Date.parse(resolved.time) - faultAt),
    recalled: last(events, "memory.recalled")?.data.matches.length ?? 0,
    verified: last(events, "recovery.confirmed")?.data.says ?? null,
    postmortem,
  };
}

function last<Type extends OmegaEvent["type"]>(events: readonly OmegaEvent[], type: Type): EventOf<Type> | undefined {
  // The predicate compares the discriminant, which the compiler can't follow through a type parameter.
  return events.findLast((event) => event.type === type) as EventOf<Type> | undefined;
}

/** What memory was worth, where it was worth something. */
export function memoryGain([first, second]: readonly IncidentSummary[]): string | undefined {
  const [before, after] = [first?.faultToResolvedMs ?? 0, second?.faultToResolvedMs ?? Infinity];
  if ((second?.recalled ?? 0) === 0 || after >= before) return undefined;
  return `Memory knew the second one: it was over ${duration(before - after)} sooner.`;
}

/** The summary as a person reads it: one column per incident. */
export function summaryTable(incidents: readonly IncidentSummary[], paint: Paint): string[] {
  const time = (ms: number | null): string => (ms === null ? "-" : duration(ms));
  const row = (name: string, cell: (incident: IncidentSummary) => string): string[] => [name, ...incidents.map(cell)];
  const rows = [
    row("detected after", ({ detectMs }) => time(detectMs)),
    row("diagnosed in", ({ diagnoseMs }) => time(diagnoseMs)),
    row("diagnosed as", ({ service, location }) =>
      printable(location === null ? service : `${location.file}:${location.line}`, 60),
    ),
    row("memory", ({ recalled }) => (recalled === 0 ? "none yet" : `${recalled} similar`)),
    row("did", ({ action }) => printable(action ?? "nothing", 40)),
    row("verified", ({ verified }) => (verified === null ? "no" : (/^\d+ of \d+ \w+/.exec(verified)?.[0] ?? "yes"))),
    row("outcome", ({ outcome }) => printable(outcome, 40)),
    row("onset to resolved", ({ resolveMs }) => time(resolveMs)),
    row("fault to resolved", ({ faultToResolvedMs }) => time(faultToResolvedMs)),
  ];
  const toneOf = (index: number, column: number): Tone => {
    if (column === 0) return "dim";
    if (index !== 6) return "plain";
    return incidents[column - 1]?.outcome === "healed" ? "good" : "bad";
  };
  return table(["", ...incidents.map(({ id }) => id)], rows, paint, toneOf);
}
