import { isEntry, operationOf } from "../telemetry/conventions.ts";
import { milliseconds } from "../detect/signal.ts";
import type { Outcome } from "../window/operation-log.ts";
import type { TelemetryWindow } from "../window/telemetry-window.ts";
import type { Suspect } from "./diagnosis.ts";
import { entryOf } from "./error-origin.ts";
import type { ErrorSuspect } from "./error-suspects.ts";
import { contrastRestarts, contrastVersions } from "./version-contrast.ts";

interface Around {
  readonly before: readonly Outcome[];
  readonly after: readonly Outcome[];
}

interface Onset {
  readonly onsetMs: number;
  readonly nowMs: number;
}

const around = (
  window: TelemetryWindow,
  service: string,
  name: string,
  { onsetMs, nowMs }: Onset,
  lookBackMs: number,
): Around => ({
  before: window.operations.outcomes({ service, name }, onsetMs - lookBackMs, onsetMs),
  after: window.operations.outcomes({ service, name }, onsetMs, nowMs),
});

/** What a change explains, chance does not: the rest of the doubt is cut to this part. */
const doubtLeft = 0.3;

/**
 * Weighs a suspect by what changed about it: a version that fails where another does not, or processes that fail since they were
 * started. A change without a difference in behaviour counts for nothing, however recent it is.
 */
export const weighed = (found: ErrorSuspect, window: TelemetryWindow, onset: Onset, lookBackMs: number): Suspect => {
  const suspect = found.suspect.kind === "latency" ? whoGaveUp(found, window, onset, lookBackMs) : found.suspect;
  // Of a callee that sent no spans no version is known.
  if (found.unseen || suspect.operation === undefined) return suspect;
  const { before, after } = around(window, suspect.service, suspect.operation, onset, lookBackMs);
  const versions = contrastVersions(before, after);
  if (versions !== undefined) {
    const { version, healthyVersion } = versions;
    const says =
      `${version} failed ${versions.failures} of ${versions.requests} requests, ${healthyVersion} ${versions.healthyFailures} of ` +
      `${versions.healthyRequests} ${versions.sameTime ? "at the same time" : "before"} (p = ${versions.pValue.toExponential(1)}).`;
    return { ...changed(suspect, `${suspect.service}@${version}`, says), version, healthyVersion };
  }
  const restarts = contrastRestarts(before, after, onset.onsetMs);
  if (restarts === undefined) return suspect;
  const started = new Date(restarts.startedMs).toISOString();
  const says =
    `Processes started since ${started} failed ${restarts.failures} of ${restarts.requests} requests, those before ` +
    `${restarts.earlierFailures} of ${restarts.earlierRequests} with the same version (p = ${restarts.pValue.toExponential(1)}).`;
  return changed(suspect, `${suspect.service}@restarted-${started}`, says);
};

const changed = (suspect: Suspect, id: string, says: string): Suspect => ({
  ...suspect,
  change: { id },
  confidence: 1 - (1 - suspect.confidence) * doubtLeft,
  evidence: [...suspect.evidence, { kind: "change", ref: `change:${id}`, says }],
});

const median = (outcomes: readonly Outcome[]): number | undefined => {
  const sorted = outcomes.map((outcome) => outcome.durationMs).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
};

/** A caller gave up waiting: the callee is to blame if it became slower, else the caller, whose patience is what changed. */
const whoGaveUp = (found: ErrorSuspect, window: TelemetryWindow, onset: Onset, lookBackMs: number): Suspect => {
  const { suspect, origin } = found;
  if (origin === undefined || suspect.operation === undefined) return suspect;
  const { before, after } = around(window, suspect.service, suspect.operation, onset, lookBackMs);
  const [was, is] = [median(before), median(after)];
  if (was === undefined || is === undefined || is > 1.5 * was) return suspect;
  const entry = entryOf(origin);
  const says =
    `${suspect.service} ${suspect.operation} takes ${milliseconds(is)} in the middle, as before (${milliseconds(was)}): ` +
    `its caller waits less, or the callee was never quick enough.`;
  return {
    ...suspect,
    kind: "error",
    service: origin.span.resource.service,
    operation: isEntry(entry.span) ? operationOf(entry.span) : operationOf(origin.span),
    evidence: [...suspect.evidence, { kind: "span", ref: `service:${suspect.service}`, says }],
  };
};
