import { milliseconds } from "../detect/signal.ts";
import { failed, operationOf } from "../telemetry/conventions.ts";
import { depthFirst } from "../telemetry/trace.ts";
import type { TelemetryWindow } from "../window/telemetry-window.ts";

/**
 * What a reviewer may have looked up once, and nothing else: another failing trace, how often a service logged errors, or the versions
 * of a service. All three read the window that the diagnosis was made from.
 */
export type Look =
  | { readonly kind: "trace"; readonly traceId: string }
  | { readonly kind: "error-logs"; readonly service: string }
  | { readonly kind: "versions"; readonly service: string };

/** Times of the incident that a look is about, milliseconds since the epoch. */
export interface LookTimes {
  readonly onsetMs: number;
  readonly nowMs: number;
}

/** Rows of a look: names as telemetry had them, and numbers. */
export type LookRow = Readonly<Record<string, string | number | boolean>>;

const rowsMax = 24;
const lookBackMs = 10 * 60_000;

export const lookAt = (window: TelemetryWindow, look: Look, { onsetMs, nowMs }: LookTimes): LookRow[] => {
  if (look.kind === "trace") return traceRows(window, look.traceId);
  const counts = { before: 0, since: 0 };
  const versions = new Map<string, { firstSeenMs: number; requests: number; failures: number }>();
  for (const trace of window.traces(onsetMs - lookBackMs, nowMs)) {
    const began = trace.roots[0]?.startMs ?? 0;
    const logs = [...trace.logs];
    for (const node of depthFirst(trace.roots)) {
      logs.push(...node.logs);
      const { resource } = node.span;
      if (resource.service !== look.service || resource.version === undefined) continue;
      const seen = versions.get(resource.version) ?? { firstSeenMs: began, requests: 0, failures: 0 };
      seen.firstSeenMs = Math.min(seen.firstSeenMs, began);
      seen.requests += 1;
      if (failed(node.span)) seen.failures += 1;
      versions.set(resource.version, seen);
    }
    const errors = logs.filter((log) => log.resource.service === look.service && log.severity >= 17).length;
    counts[began < onsetMs ? "before" : "since"] += errors;
  }
  if (look.kind === "error-logs") return [{ errorLogsBeforeOnset: counts.before, errorLogsSinceOnset: counts.since }];
  return [...versions].slice(0, rowsMax).map(([version, { firstSeenMs, requests, failures }]) => ({
    version,
    firstSeenBeforeOnset: firstSeenMs < onsetMs,
    spans: requests,
    failedSpans: failures,
  }));
};

function traceRows(window: TelemetryWindow, traceId: string): LookRow[] {
  const rows: LookRow[] = [];
  for (const { span } of depthFirst(window.trace(traceId)?.roots ?? [])) {
    if (rows.length === rowsMax) break;
    rows.push({
      service: span.resource.service,
      operation: operationOf(span),
      kind: span.kind,
      took: milliseconds(span.durationMs),
      failed: failed(span),
    });
  }
  return rows;
}
