import type { Waterfall } from "@omega/bus-schemas/waterfall.ts";
import type { Diagnosis } from "../diagnose/diagnosis.ts";
import type { Trace } from "../telemetry/trace.ts";
import { waterfallOf } from "./waterfall.ts";

const spanRef = /^trace:([0-9a-f]{32})\/span:([0-9a-f]{16})$/;

/**
 * The trace that shows a diagnosis's first candidate, with the span that its evidence refers to as the culprit; else, without one,
 * a trace that the diagnosis was found in. `undefined` when none of them is at hand any more.
 */
export const shownTrace = (
  { candidates, traceIds, says }: Diagnosis,
  traceOf: (traceId: string) => Trace | undefined,
): Waterfall | undefined => {
  const [top] = candidates;
  for (const { ref } of top?.evidence ?? []) {
    const [, traceId, spanId] = spanRef.exec(ref) ?? [];
    const trace = traceId === undefined ? undefined : traceOf(traceId);
    if (trace === undefined || spanId === undefined || !trace.nodes.has(spanId)) continue;
    const location = top?.location;
    return waterfallOf(trace, { spanId, says, ...(location === undefined ? {} : { location }) });
  }
  for (const traceId of traceIds) {
    const trace = traceOf(traceId);
    if (trace !== undefined) return waterfallOf(trace);
  }
  return undefined;
};
