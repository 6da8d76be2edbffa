import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { MetricSeries } from "./wire.ts";

const pointsMax = 400;
const verifiedSays = "measured to verify";

type Point = MetricSeries["points"][number];

interface Draft {
  readonly unit: string;
  baseline?: number;
  readonly points: Map<number, Point>;
}

/**
 * Each measure as a line over time. Where Scout kept how an operation's requests went, that is shown, from before the onset on, with the
 * baselines that its signals named; where it did not, the signals' own measures and what verification counted. Those of the service that is
 * blamed come first, for a page shows the first few: which service was the first to be seen is a matter of chance.
 */
export function metricsOf(events: readonly OmegaEvent[], blamed?: string): MetricSeries[] {
  const drafts = new Map<string, Draft>();
  const draftOf = (name: string, unit: string): Draft => {
    const known = drafts.get(name) ?? { unit, points: new Map() };
    drafts.set(name, known);
    return known;
  };
  const recorded = new Set<string>();
  for (const event of events) {
    if (event.type !== "metrics.recorded") continue;
    for (const { service, operation } of event.data.operations) recorded.add(`${service} ${operation}`);
    takeRecord(event, draftOf);
  }
  for (const event of events) if (event.type === "signal.detected") takeSignal(event, recorded, draftOf);
  takeVerifications(events, recorded, draftOf);
  const series = [...drafts].flatMap(([name, { points, ...rest }]) => {
    const shown = [...points.values()].toSorted((one, other) => one.at - other.at).slice(-pointsMax);
    return shown.length === 0 ? [] : [{ name, ...rest, points: shown }];
  });
  const isBlamed = ({ name }: MetricSeries): boolean => blamed !== undefined && name.startsWith(`${blamed} `);
  return [...series.filter(isBlamed), ...series.filter((one) => !isBlamed(one))];
}

type DraftOf = (name: string, unit: string) => Draft;

/** A later record of the same steps counts the requests that had not arrived before; of other steps it adds to them. */
function takeRecord({ data: { from, stepMs, operations } }: EventOf<"metrics.recorded">, draftOf: DraftOf): void {
  const firstAt = Date.parse(from);
  const lastAt = firstAt + stepMs * (operations[0]?.requests.length ?? 0);
  for (const { service, operation, requests, failures, p95Ms } of operations) {
    const what = `${service} ${operation}`;
    const [ratio, p95, rate] = [
      draftOf(`${what}: error-ratio`, "1"),
      draftOf(`${what}: p95`, "ms"),
      draftOf(`${what}: requests`, "requests/s"),
    ];
    for (const { points } of [ratio, p95, rate])
      for (const at of points.keys()) if (at >= firstAt && at < lastAt) points.delete(at);
    requests.forEach((count, step) => {
      const at = firstAt + (step + 0.5) * stepMs;
      const failed = failures[step] ?? 0;
      const says = `${failed} of ${count} requests failed in ${stepMs / 1000} s`;
      rate.points.set(at, { at, value: (count * 1000) / stepMs, says });
      if (count > 0) ratio.points.set(at, { at, value: failed / count, says });
      const slow = p95Ms[step] ?? null;
      if (slow !== null) p95.points.set(at, { at, value: slow, says });
    });
  }
}

function takeSignal({ data, time }: EventOf<"signal.detected">, recorded: ReadonlySet<string>, draftOf: DraftOf): void {
  const what = `${data.service} ${data.operation}`;
  const at = Date.parse(time);
  for (const { name, unit, value, baseline } of data.measures) {
    // A number of requests is read beside a ratio; alone, one point of it says nothing.
    if (unit === "{request}") continue;
    const draft = draftOf(`${what}: ${name}`, unit);
    if (baseline !== undefined) draft.baseline = baseline;
    if (!recorded.has(what)) draft.points.set(at, { at, value, says: data.says });
  }
}

function takeVerifications(events: readonly OmegaEvent[], recorded: ReadonlySet<string>, draftOf: DraftOf): void {
  const checked = new Map<string, string>();
  for (const event of events) {
    if (event.type === "verification.requested") {
      const { actionId, checks } = event.data;
      checked.set(actionId, checks.map(({ service, operation }) => `${service} ${operation}`).join(", "));
    }
    if (event.type !== "recovery.confirmed" && event.type !== "recovery.failed") continue;
    const what = checked.get(event.data.actionId) ?? "verification";
    if (recorded.has(what)) continue;
    for (const { at: time, requests, failures, p95Ms } of event.data.measurements) {
      const at = Date.parse(time);
      const says = `${failures} of ${requests} requests failed, ${verifiedSays}`;
      if (requests > 0) draftOf(`${what}: error-ratio`, "1").points.set(at, { at, value: failures / requests, says });
      if (p95Ms !== undefined) draftOf(`${what}: p95`, "ms").points.set(at, { at, value: p95Ms, says });
    }
  }
}
