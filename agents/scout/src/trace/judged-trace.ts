import type { Waterfall } from "@omega/bus-schemas/waterfall.ts";
import { errorOrigins, HandledCalls } from "../diagnose/error-origin.ts";
import { errorSite } from "../diagnose/error-site.ts";
import { failed, operationOf } from "../telemetry/conventions.ts";
import type { Trace } from "../telemetry/trace.ts";
import { waterfallOf } from "./waterfall.ts";

/**
 * One trace with the span where its failure began, as far as the trace itself shows it: handled errors and retries that went well
 * are not the culprit, and a trace whose requests all went well has none. `others` teach which errors their callers survive.
 */
export const judgedTrace = (
  trace: Trace,
  others: Iterable<Trace> = [],
  sourceRoots: readonly string[] = [],
): Waterfall | undefined => {
  const handled = new HandledCalls();
  for (const other of others) handled.learn(other);
  for (const root of trace.roots) {
    if (!failed(root.span)) continue;
    const [origin] = errorOrigins(trace, root, handled);
    if (origin === undefined) continue;
    const { errorType, message, location, shownBy } = errorSite(origin, sourceRoots);
    const error = [errorType, message].filter((part) => part !== undefined).join(": ");
    const { service } = origin.node.span.resource;
    const tries = origin.retries === 0 ? "" : ` after ${origin.retries + 1} attempts`;
    const says = `${operationOf(origin.node.span)} of ${service} failed first${tries}${error === "" ? "" : `: ${error}`}`;
    const { spanId } = shownBy.span;
    return waterfallOf(trace, { spanId, says, ...(location === undefined ? {} : { location }) });
  }
  return waterfallOf(trace);
};
