import { metricStepsMax, type MetricRecord } from "@omega/bus-schemas/metric-record.ts";
import { timeText } from "@omega/shared/clock.ts";
import type { Operation, Outcome } from "../window/operation-log.ts";

const operationsMax = 8;
const stepsMs = [1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000] as const;
/** What is told of the time before the onset, to compare with. */
export const leadMs = 60_000;

/**
 * How the requests to some operations went in [fromMs, toMs), in steps that are as short as the record has room for. A time longer than
 * that keeps its newest part. `undefined` when nothing was requested.
 */
export function metricRecord(
  operations: readonly Operation[],
  outcomesOf: (operation: Operation, fromMs: number, toMs: number) => readonly Outcome[],
  [fromMs, toMs]: readonly [number, number],
): MetricRecord | undefined {
  const stepMs = stepsMs.find((step) => (toMs - fromMs) / step <= metricStepsMax) ?? stepsMs[stepsMs.length - 1] ?? 0;
  const steps = Math.min(metricStepsMax, Math.floor((toMs - fromMs) / stepMs));
  if (steps < 1) return undefined;
  // Whole steps that end with the last one: a step that has only begun would look like a drop.
  const firstMs = toMs - steps * stepMs;
  const unique = new Map(
    operations.map((operation) => [JSON.stringify([operation.service, operation.name]), operation]),
  );
  const told = [...unique.values()].slice(0, operationsMax).flatMap((operation) => {
    const outcomes = outcomesOf(operation, firstMs, toMs);
    if (outcomes.length === 0) return [];
    const durations: number[][] = Array.from({ length: steps }, () => []);
    const failures = durations.map(() => 0);
    for (const { startMs, durationMs, failed } of outcomes) {
      const step = Math.min(steps - 1, Math.floor((startMs - firstMs) / stepMs));
      durations[step]?.push(durationMs);
      if (failed) failures[step] = (failures[step] ?? 0) + 1;
    }
    const requests = durations.map(({ length }) => length);
    return [{ service: operation.service, operation: operation.name, requests, failures, p95Ms: durations.map(p95Of) }];
  });
  return told.length === 0 ? undefined : { from: timeText(firstMs), stepMs, operations: told };
}

/** Nearest rank, to a hundredth of a millisecond. */
function p95Of(durations: readonly number[]): number | null {
  const at = durations.toSorted((one, other) => one - other)[Math.ceil(durations.length * 0.95) - 1];
  return at === undefined ? null : Math.round(at * 100) / 100;
}
