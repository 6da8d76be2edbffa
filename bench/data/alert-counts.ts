import { quantileOf, robust, ascending } from "@omega/scout/diagnose/rank-test.ts";
import type { Harvest } from "@omega/scout/intake/harvest.ts";
import { operationOf } from "@omega/scout/telemetry/conventions.ts";
import type { Guess } from "./incident-case.ts";

/**
 * The rule that any diagnosis has to beat: every measure that leaves its three sigmas, every span slower than nearly all of its
 * kind and every error that is logged is an alert; the service with most alerts is the cause, of the kind that most of them have.
 */
export function mostAlerts(baseline: Harvest, incident: Harvest, fromMs: number, toMs: number): Guess[] {
  const counts = new Map<string, Map<string, number>>();
  const alert = (service: string, kind: string): void => {
    const of = counts.get(service) ?? new Map<string, number>();
    counts.set(service, of.set(kind, (of.get(kind) ?? 0) + 1));
  };
  const within = (timeMs: number): boolean => timeMs >= fromMs && timeMs < toMs;
  const slowFrom = slowLimits(baseline);
  for (const span of incident.spans) {
    const limit = slowFrom.get(`${span.resource.service}\n${operationOf(span)}`);
    if (within(span.startMs) && limit !== undefined && span.durationMs > limit) alert(span.resource.service, "network");
  }
  for (const log of incident.logs) if (within(log.timeMs) && log.severity >= 17) alert(log.resource.service, "code");
  for (const [service, points] of Map.groupBy(incident.points, ({ resource }) => resource.service)) {
    for (const [name, series] of Map.groupBy(points, (point) => point.name)) {
      const { median, spread } = robust(series.filter(({ timeMs }) => timeMs < fromMs).map(({ value }) => value));
      const above = series.filter(({ timeMs, value }) => within(timeMs) && value > median + 3 * spread);
      for (let count = 0; count < above.length; count += 1) alert(service, /cpu/.test(name) ? "cpu" : "network");
    }
  }
  return [...counts]
    .map(([service, kinds]) => ({ service, kinds: [...kinds].sort(([, a], [, b]) => b - a) }))
    .sort((a, b) => total(b.kinds) - total(a.kinds))
    .map(({ service, kinds }) => ({ service, kind: kinds[0]?.[0] ?? "" }));
}

const total = (kinds: readonly (readonly [string, number])[]): number =>
  kinds.reduce((sum, [, count]) => sum + count, 0);

function slowLimits({ spans }: Harvest): Map<string, number> {
  const of = Map.groupBy(spans, (span) => `${span.resource.service}\n${operationOf(span)}`);
  return new Map(
    [...of].map(([key, same]) => [key, quantileOf(ascending(same.map(({ durationMs }) => durationMs)), 0.99)]),
  );
}
