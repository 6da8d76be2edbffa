import { tellsOfResources } from "./diagnose/resources.ts";
import { timeText } from "@omega/shared/clock.ts";
import { fail, ok } from "@omega/shared/outcome.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import { readChanges } from "./diagnose/change-list.ts";
import { diagnose } from "./diagnose/diagnose.ts";
import type { Diagnosis } from "./diagnose/diagnosis.ts";
import { surest } from "./diagnose/onset-cut.ts";
import { Engine } from "./engine.ts";
import { Harvest } from "./intake/harvest.ts";
import { readTelemetry } from "./intake/otlp-files.ts";
import { endMs } from "./telemetry/model.ts";

export interface FilesToDiagnose {
  /** Folder of `{traces,logs,metrics}.otlp.jsonl[.gz]`. */
  readonly incidentDir: string;
  /** The same of a time without the fault. */
  readonly baselineDir?: string;
  /** When it began; without it the detectors say, as they would have then. */
  readonly onsetMs?: number;
  /** What began later is left out. */
  readonly untilMs?: number;
  /** A JSON list of changes. */
  readonly changesFile?: string;
  readonly sourceRoots?: readonly string[];
}

/** What `omega diagnose --json` prints. */
export interface FileDiagnosis extends Omit<Diagnosis, "onsetMs"> {
  readonly onset: string;
  readonly tookMs: number;
}

const unlimited = {
  tracesMax: Number.POSITIVE_INFINITY,
  bytesMax: Number.POSITIVE_INFINITY,
  ageMsMax: Number.POSITIVE_INFINITY,
};

/**
 * Diagnoses recorded telemetry by the very code that runs live: the recording is replayed at the speed of reading, in the order in
 * which spans ended. `nowMs` is a monotonic clock for `tookMs`. Failures are those of readTelemetry and
 * readChanges, and `terminal/telemetry_empty`.
 */
export const diagnoseFiles = async (files: FilesToDiagnose, nowMs: () => number): Promise<Outcome<FileDiagnosis>> => {
  const startedMs = nowMs();
  const { baselineDir, sourceRoots = [] } = files;
  const engine = new Engine({ window: unlimited, sourceRoots });
  const changes = files.changesFile === undefined ? ok([]) : await readChanges(files.changesFile);
  if (!changes.ok) return changes;
  const incident = await readTelemetry(files.incidentDir);
  if (!incident.ok) return incident;
  if (incident.value.spans.length === 0) {
    return fail(
      "terminal",
      "telemetry_empty",
      `${files.incidentDir}: its traces hold no usable span; ${incident.value.reason}`,
    );
  }
  const { firstMs, lastMs } = extentOf(incident.value);
  if (baselineDir !== undefined) {
    const baseline = await readTelemetry(baselineDir);
    if (!baseline.ok) return baseline;
    replay(engine, before(baseline.value, firstMs));
  }
  const signalled = replay(engine, incident.value);
  // With a baseline apart the whole recording is of the incident.
  const onsetMs = files.onsetMs ?? signalled ?? (baselineDir === undefined ? undefined : firstMs);
  if (onsetMs === undefined) return ok(nothingUnusual(firstMs, incident.value, Math.round(nowMs() - startedMs)));
  const untilMs = Math.min(lastMs + 1, files.untilMs ?? Number.POSITIVE_INFINITY);
  const from = (sinceMs: number): Diagnosis =>
    diagnose(engine.window, {
      onsetMs: sinceMs,
      nowMs: untilMs,
      affected: [],
      sourceRoots,
      changes: changes.value,
      lookBackMs: Number.POSITIVE_INFINITY,
      // An onset told by a person may be late: with a baseline apart, nothing near it has to be taken as normal.
      ...(baselineDir === undefined ? {} : { normalUntilMs: firstMs }),
    });
  // And it may be early. Without a baseline apart, what lies between a wrong cut and the onset would count as normal.
  const found = baselineDir === undefined ? from(onsetMs) : surest(onsetMs, untilMs, from);
  const { verdict, candidates, blastRadius, traceIds, says } = found;
  const tookMs = Math.round(nowMs() - startedMs);
  return ok({ onset: timeText(found.onsetMs), verdict, candidates, blastRadius, traceIds, says, tookMs });
};

const nothingUnusual = (firstMs: number, recording: Harvest, tookMs: number): FileDiagnosis => ({
  onset: timeText(firstMs),
  verdict: "healthy",
  candidates: [],
  blastRadius: { services: [], trafficShare: 0 },
  traceIds: [],
  says: `The detectors find nothing unusual in ${recording.spans.length} spans.`,
  tookMs,
});

const extentOf = ({ spans, points }: Harvest): { firstMs: number; lastMs: number } => ({
  firstMs: spans.reduce((first, span) => Math.min(first, span.startMs), Number.POSITIVE_INFINITY),
  // The last point of a metric tells of the time up to it, in which the last requests may have been under way still.
  lastMs: points.reduce(
    (last, { timeMs }) => Math.max(last, timeMs),
    spans.reduce((last, span) => Math.max(last, endMs(span)), 0),
  ),
});

const quietMs = 60_000;

/** The baseline as if it had been recorded before the incident, wherever it was: all that follows tells them apart by time. */
const before = (baseline: Harvest, incidentMs: number): Harvest => {
  const { firstMs, lastMs } = extentOf(baseline);
  if (lastMs < incidentMs - quietMs || firstMs > lastMs) return baseline;
  const byMs = lastMs - incidentMs + quietMs;
  const shifted = new Harvest();
  for (const span of baseline.spans) {
    const events = span.events.map((event) => ({ ...event, timeMs: event.timeMs - byMs }));
    shifted.spans.push({ ...span, startMs: span.startMs - byMs, events });
  }
  for (const log of baseline.logs) shifted.logs.push({ ...log, timeMs: log.timeMs - byMs });
  for (const point of baseline.points) shifted.points.push({ ...point, timeMs: point.timeMs - byMs });
  return shifted;
};

/** Feeds a recording to the engine second by second; gives the earliest onset that a detector told. */
const replay = (engine: Engine, recording: Harvest): number | undefined => {
  const spans = recording.spans.toSorted((a, b) => endMs(a) - endMs(b));
  for (const log of recording.logs) engine.window.addLog(log, log.timeMs);
  for (const point of recording.points) if (tellsOfResources(point.name)) engine.window.metrics.add(point);
  let onsetMs: number | undefined;
  let tickMs = Math.floor((spans[0] === undefined ? 0 : endMs(spans[0])) / 1000) * 1000 + 1000;
  for (const span of spans) {
    const atMs = endMs(span);
    while (atMs >= tickMs) {
      for (const { change, signal } of engine.detector.tick(tickMs)) {
        if (change === "detected") onsetMs = Math.min(onsetMs ?? signal.sinceMs, signal.sinceMs);
      }
      // Nothing changes in a gap: the next tick is where spans go on.
      tickMs = Math.max(tickMs + 1000, Math.floor(atMs / 1000) * 1000);
    }
    const piece = new Harvest();
    piece.spans.push(span);
    engine.ingest(piece, atMs);
  }
  return onsetMs;
};
