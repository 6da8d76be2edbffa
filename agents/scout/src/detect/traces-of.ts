import type { OperationLog, Outcome } from "../window/operation-log.ts";
import type { TraceSource } from "./finding.ts";

const traceIdsMax = 16;
/** Looked through at most, newest first. */
const outcomesMax = 2_000;

/** The traces behind a finding, from the requests that the window still holds. */
export const tracesOf = (log: OperationLog): TraceSource => {
  const recent = (service: string, operation: string | undefined, fromMs: number): Outcome[] => {
    const operations = log.operations().filter((of) => of.service === service && (operation ?? of.name) === of.name);
    const each = Math.ceil(outcomesMax / Math.max(1, operations.length));
    return operations.flatMap((of) => log.outcomes(of, fromMs).slice(0, each));
  };
  const ids = (outcomes: readonly Outcome[]): string[] =>
    [...new Set(outcomes.map(({ traceId }) => traceId))].slice(0, traceIdsMax);
  return {
    slowest: ({ service, instance, operation }, fromMs) => {
      const outcomes = recent(service, operation, fromMs);
      const own = instance === undefined ? [] : outcomes.filter((outcome) => outcome.instance === instance);
      return ids((own.length > 0 ? own : outcomes).sort((a, b) => b.durationMs - a.durationMs));
    },
    failing: (service, fromMs) =>
      ids(
        recent(service, undefined, fromMs)
          .filter(({ failed }) => failed)
          .sort((a, b) => b.startMs - a.startMs),
      ),
  };
};
