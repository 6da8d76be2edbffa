import type { DataOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { duration } from "@omega/shared/durations.ts";
import { printable, type Paint } from "@omega/shared/terminal.ts";

/** One episode as the stream tells of it. */
export interface SignalView extends DataOf<"signal.detected"> {
  readonly detectedAt: string;
  /** Absent while it is on. */
  readonly clearedAt?: string;
  /** The incident that it opened or joined. */
  readonly incidentId?: string;
}

/** Takes one event in; the map keeps the order in which episodes were told. */
export function foldSignal(signals: Map<string, SignalView>, event: OmegaEvent): void {
  if (event.type === "signal.detected" && !signals.has(event.data.signalId)) {
    signals.set(event.data.signalId, { ...event.data, detectedAt: event.time });
  }
  const change = (signalId: string, fields: Partial<SignalView>): void => {
    const known = signals.get(signalId);
    if (known !== undefined) signals.set(signalId, { ...known, ...fields });
  };
  if (event.type === "signal.cleared") change(event.data.signalId, { clearedAt: event.time });
  if (event.type === "incident.opened" || event.type === "incident.extended") {
    change(event.data.signal.signalId, event.incidentid === undefined ? {} : { incidentId: event.incidentid });
  }
}

/** `now`, `in 3 h 5 min`, or `-` where nobody can say. */
export function leadOf({ leadTimeMs }: Pick<SignalView, "leadTimeMs">): string {
  if (leadTimeMs === undefined) return "-";
  return leadTimeMs === 0 ? "now" : `in ${duration(leadTimeMs)}`;
}

/** A signal event as lines for a person; nothing for any other event. */
export function signalLines(event: OmegaEvent, paint: Paint): string[] {
  const clock = paint("dim", event.time.slice(11, 19));
  if (event.type === "signal.cleared") {
    return [`${clock}  ${paint("good", "over".padEnd(8))}  ${printable(event.data.says)}`];
  }
  if (event.type !== "signal.detected") return [];
  const { severity, says, confidence, traceIds, leadTimeMs } = event.data;
  const facts = [
    `confidence ${confidence.toFixed(3)}`,
    ...(leadTimeMs === undefined ? [] : [`users hurt ${leadOf(event.data)}`]),
    ...(traceIds[0] === undefined ? [] : [`e.g. trace ${traceIds[0]}`]),
  ];
  return [
    `${clock}  ${paint(severity === "critical" ? "bad" : "warn", severity.padEnd(8))}  ${printable(says, 600)}`,
    `${" ".repeat(20)}${paint("dim", facts.join(", "))}`,
  ];
}
