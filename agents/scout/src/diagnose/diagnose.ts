import { failed, isEntry, operationOf } from "../telemetry/conventions.ts";
import { depthFirst } from "../telemetry/trace.ts";
import type { SpanNode, Trace } from "../telemetry/trace.ts";
import { milliseconds, percent } from "../detect/signal.ts";
import type { Operation } from "../window/operation-log.ts";
import type { TelemetryWindow } from "../window/telemetry-window.ts";
import type { Candidate, Diagnosis, Suspect } from "./diagnosis.ts";
import { errorOrigins, HandledCalls } from "./error-origin.ts";
import type { ErrorOrigin } from "./error-origin.ts";
import { Callees, errorSuspects, placeOf } from "./error-suspects.ts";
import { LatencyContrast } from "./exclusive-latency.ts";
import type { LatencyShift } from "./exclusive-latency.ts";
import { fuse } from "./fusion.ts";
import { NetworkGap } from "./network-gap.ts";
import { resourceSuspects } from "./resources.ts";
import { TransitionContrast } from "./transition-contrast.ts";
import { weighed } from "./change-evidence.ts";
import { withChanges } from "./change-list.ts";
import type { Change } from "./change-list.ts";

export interface DiagnoseRequest {
  readonly onsetMs: number;
  readonly nowMs: number;
  /** What is known to suffer; empty means whatever users see failing. */
  readonly affected: readonly Operation[];
  /** Folders that paths in stack traces are told relative to. */
  readonly sourceRoots: readonly string[];
  /** How far before the onset telemetry is taken as normal; ten minutes unless told. */
  readonly lookBackMs?: number;
  /** Until when telemetry is normal; until the onset unless told. What lies between the two counts as neither. */
  readonly normalUntilMs?: number;
  /** What was deployed, configured or switched, where it is known. */
  readonly changes?: readonly Change[];
}

/** A trace begins a little before the request inside it that set the onset. */
const onsetSlackMs = 2_000;
const lookBackMsDefault = 10 * 60_000;
const failingTracesMax = 2_000;
const traceIdsMax = 16;
const causeFrom = 0.5;

const lookBackOf = (request: DiagnoseRequest): number => request.lookBackMs ?? lookBackMsDefault;

interface Survey {
  readonly handled: HandledCalls;
  readonly callees: Callees;
  readonly latency: LatencyContrast;
  readonly transitions: TransitionContrast;
  readonly network: NetworkGap;
  /** Failing requests to explain, with their traces. */
  readonly failing: { trace: Trace; start: SpanNode }[];
  /** Traces since the onset that were looked at. */
  requests: number;
  readonly services: Set<string>;
}

/** Failing requests of a trace that no other failing request of it called: what users see. */
const outermostFailing = (trace: Trace): SpanNode[] =>
  [...depthFirst(trace.roots)].filter((node) => {
    if (!isEntry(node.span) || !failed(node.span)) return false;
    for (let above = node.parent; above !== undefined; above = above.parent) if (isEntry(above.span)) return false;
    return true;
  });

const survey = (window: TelemetryWindow, request: DiagnoseRequest, affected: readonly Operation[]): Survey => {
  const of: Survey = {
    handled: new HandledCalls(),
    callees: new Callees(),
    latency: new LatencyContrast(),
    transitions: new TransitionContrast(),
    network: new NetworkGap(),
    failing: [],
    requests: 0,
    services: new Set(),
  };
  const sinceMs = request.onsetMs - onsetSlackMs;
  const isAffected = (node: SpanNode): boolean =>
    affected.length === 0
      ? node.parent === undefined
      : affected.some(({ service, name }) => node.span.resource.service === service && operationOf(node.span) === name);
  const normalUntilMs = Math.min(sinceMs, request.normalUntilMs ?? sinceMs);
  for (const trace of window.traces(request.onsetMs - lookBackOf(request), request.nowMs)) {
    const beganMs = trace.roots[0]?.startMs ?? 0;
    if (beganMs >= request.nowMs || (beganMs >= normalUntilMs && beganMs < sinceMs)) continue;
    of.handled.learn(trace);
    for (const node of depthFirst(trace.roots)) of.callees.learn(node);
    const when = beganMs < sinceMs ? "before" : "after";
    of.transitions.learn(trace, when);
    of.network.learn(trace, when);
    if (when === "after") of.requests += 1;
    const entries = [...depthFirst(trace.roots)].filter((node) => isEntry(node.span) && isAffected(node));
    for (const entry of entries) if (!failed(entry.span)) of.latency.add(trace.traceId, entry, when);
    if (when === "before") continue;
    const starts = affected.length === 0 ? outermostFailing(trace) : entries.filter((entry) => failed(entry.span));
    // A request inside another one that is looked at anyway would be counted twice.
    const start = starts[0];
    if (start === undefined) continue;
    of.failing.push({ trace, start });
    for (const node of depthFirst(trace.roots))
      if (isEntry(node.span) && failed(node.span)) of.services.add(node.span.resource.service);
  }
  return of;
};

const latencySuspect = (shift: LatencyShift): Suspect => {
  const { service, operation, kind, peer, longest } = shift;
  const whose = peer === undefined ? "" : ` (to ${peer})`;
  const says =
    `Own time of ${operation}${whose} rose from ${milliseconds(shift.beforeMs)} to ${milliseconds(shift.afterMs)} a request, ` +
    `${percent(shift.share)} of the slow-down.`;
  const ref =
    longest === undefined ? `service:${service}` : `trace:${longest.traceId}/span:${longest.node.span.spanId}`;
  return {
    service,
    kind,
    operation,
    confidence: Math.min(0.95, shift.share) * (1 - Math.exp(-shift.z / 4)),
    evidence: [{ kind: "span", ref, says }],
  };
};

const ranked = (suspects: readonly Suspect[]): Candidate[] => {
  const total = suspects.reduce((sum, suspect) => sum + suspect.confidence, 0);
  return suspects
    .toSorted((a, b) => b.confidence - a.confidence)
    .slice(0, 8)
    .map((suspect, index) => ({
      rank: index + 1,
      ...suspect,
      confidence: round(total > 1 ? suspect.confidence / total : suspect.confidence),
    }));
};
const round = (confidence: number): number => Math.round(confidence * 1000) / 1000;

const sentenceOf = (top: Candidate): string => {
  const who = top.version === undefined ? top.service : `${top.service} ${top.version}`;
  const place = placeOf(top.location);
  const name = top.location?.function === undefined ? "" : ` (${top.location.function})`;
  const fine = top.healthyVersion === undefined ? "" : `; ${top.healthyVersion} does not`;
  const { lastSeen, expectedNext } = top.location ?? {};
  if (lastSeen !== undefined && expectedNext !== undefined)
    return `${who} no longer gets from "${lastSeen}" to "${expectedNext}"${fine}.`;
  const error = top.errorType ?? "an error";
  if (place !== undefined) return `${who} throws ${error} at ${place}${name}${fine}.`;
  const operation = top.operation === undefined ? "" : ` in ${top.operation}`;
  return `${who}: ${top.kind === "error" ? error : top.kind}${operation}${fine}.`;
};

/** Without a suspect, "healthy" is said only where most requests could be compared with earlier ones like them. */
const conclusion = (top: Candidate | undefined, seen: Survey): Pick<Diagnosis, "verdict" | "says"> => {
  if (top === undefined) {
    const healthy = seen.latency.comparable() >= 0.5;
    const says = healthy
      ? `None of ${seen.requests} traces since the onset fails or is slower than before.`
      : `None of ${seen.requests} traces since the onset fails, and too few are like earlier ones to tell whether they are slow.`;
    return { verdict: healthy ? "healthy" : "inconclusive", says };
  }
  if (top.confidence >= causeFrom) return { verdict: "cause", says: sentenceOf(top) };
  return { verdict: "inconclusive", says: `No cause is likely enough; the best guess is: ${sentenceOf(top)}` };
};

/** The traces that a candidate's evidence refers to. */
const tracesIn = (candidate: Candidate | undefined): string[] =>
  (candidate?.evidence ?? []).flatMap(({ ref }) => /^trace:([0-9a-f]{32})/.exec(ref)?.[1] ?? []);

/**
 * Finds what most likely makes the affected requests fail or slow, by traces since the onset against those before it. Reads
 * only the window, so the same window gives the same answer. Linear in the spans held.
 */
export const diagnose = (window: TelemetryWindow, request: DiagnoseRequest): Diagnosis => {
  let seen = survey(window, request, request.affected);
  if (seen.failing.length === 0 && request.affected.length > 0 && seen.latency.shifts().length === 0)
    seen = survey(window, request, []);
  const failing = seen.failing.slice(-failingTracesMax);
  const origins: ErrorOrigin[] = failing.flatMap(({ trace, start }) => errorOrigins(trace, start, seen.handled));
  const found = errorSuspects(origins, failing.length, seen.callees, request.sourceRoots);
  const shifts = seen.latency.shifts();
  const steps = seen.transitions.suspects();
  const network = seen.network.suspects();
  const slow = new Set([...network, ...shifts].map(({ service }) => service));
  const suspects = fuse({
    errors: found.map((suspect) => weighed(suspect, window, request, lookBackOf(request))),
    transitions: steps.map(({ suspect }) => suspect),
    resources: resourceSuspects(window.metrics, request.onsetMs, request.nowMs, slow),
    network,
    latency: shifts.slice(0, 4).map(latencySuspect),
  });
  const candidates = ranked(withChanges(suspects, request.changes ?? [], request.onsetMs));
  const top = candidates[0];
  const explained = [...found, ...steps].find(
    ({ suspect }) => suspect.service === top?.service && suspect.operation === top.operation,
  );
  const slowest = shifts.flatMap((shift) => (shift.longest === undefined ? [] : [shift.longest.traceId]));
  const traceIds = explained?.traceIds ?? [...slowest, ...tracesIn(top)];
  return {
    onsetMs: request.onsetMs,
    ...conclusion(top, seen),
    candidates,
    blastRadius: {
      services: [...seen.services].sort(),
      trafficShare: seen.requests === 0 ? 0 : round(Math.min(1, seen.failing.length / seen.requests)),
    },
    traceIds: [...new Set(traceIds)].reverse().slice(0, traceIdsMax),
  };
};
