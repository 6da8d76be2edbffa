import { fisherTail, wilson } from "../detect/binomial.ts";
import { percent } from "../detect/signal.ts";
import { operationOf } from "../telemetry/conventions.ts";
import { depthFirst } from "../telemetry/trace.ts";
import type { SpanNode, Trace } from "../telemetry/trace.ts";
import type { Suspect } from "./diagnosis.ts";
import type { Location } from "./error-site.ts";
import { Statements } from "./log-template.ts";
import type { Statement } from "./log-template.ts";
import { endKey, eventsOf, spanClass, startKey } from "./span-events.ts";
import type { SpanEvent } from "./span-events.ts";

export type When = "before" | "after";

/** An event of one kind of span, and what came next after it. */
interface Point {
  readonly service: string;
  readonly operation: string;
  readonly event: string;
  readonly statement: Statement | undefined;
  readonly seen: { before: number; after: number };
  readonly next: Map<string, { before: number; after: number; statement: Statement | undefined }>;
}

/** A step that used to be taken from here and no longer is. */
interface Broken {
  readonly point: Point;
  readonly expected: string;
  readonly expectedStatement: Statement | undefined;
  readonly wasShare: number;
  readonly isShare: number;
  /** Part of all cases that now go on with a step that was hardly ever taken before. */
  readonly novelShare: number;
  readonly pValue: number;
  /** Traces in which it is the first thing to go wrong. */
  readonly first: string[];
  spanId: string;
}

const seenMin = 3;
const lossMin = 0.1;
/** Lenient, because a step that is missed is often a rare one; how sure it is goes into the confidence. */
const pValueMax = 0.05;
const tracesMax = 4_000;
/** A step taken in this part of the cases or more was usual. */
const usualFrom = 0.1;
const usualWeight = 0.01;
const endWeight = 0.3;

interface Step {
  readonly point: Point;
  readonly next: SpanEvent;
  readonly spanId: string;
}

/**
 * Contrasts, per kind of span, which event follows which: P(next | event) without the fault against now. A step that stopped
 * being taken points at the code between two events. A fault upstream changes what its callers do too, but later: of all steps
 * missing in one trace the one whose absence shows first is the cause and the others follow from it.
 */
export class TransitionContrast {
  readonly #statements = new Statements();
  readonly #points = new Map<string, Point>();
  /** Steps of traces since the onset, each trace in the order in which its steps were done. */
  readonly #traces: { traceId: string; steps: Step[] }[] = [];

  learn(trace: Trace, when: When): void {
    const steps: Step[] = [];
    for (const node of depthFirst(trace.roots)) this.#learnSpan(node, when, steps);
    if (when === "before") return;
    if (this.#traces.length >= tracesMax || steps.length === 0) return;
    steps.sort((a, b) => a.next.atMs - b.next.atMs);
    this.#traces.push({ traceId: trace.traceId, steps });
  }

  #learnSpan(node: SpanNode, when: When, steps: Step[]): void {
    const events = eventsOf(node, this.#statements);
    for (const [at, event] of events.entries()) {
      const next = events[at + 1];
      if (next === undefined) break;
      const point = this.#pointOf(node, event);
      point.seen[when] += 1;
      const counts = point.next.get(next.key) ?? { before: 0, after: 0, statement: next.statement };
      point.next.set(next.key, counts);
      counts[when] += 1;
      // A kind of span that logs nothing has one step only, which can't be missed.
      if (when === "after") steps.push({ point, next, spanId: node.span.spanId });
    }
  }

  #pointOf(node: SpanNode, event: SpanEvent): Point {
    const key = `${spanClass(node)}\n${event.key}`;
    let point = this.#points.get(key);
    if (point === undefined) {
      point = {
        service: node.span.resource.service,
        operation: operationOf(node.span),
        event: event.key,
        statement: event.statement,
        seen: { before: 0, after: 0 },
        next: new Map(),
      };
      this.#points.set(key, point);
    }
    return point;
  }

  #broken(): Map<Point, Broken> {
    const found = new Map<Point, Broken>();
    for (const point of this.#points.values()) {
      const { before, after } = point.seen;
      if (before < seenMin || after < seenMin) continue;
      for (const [expected, counts] of point.next) {
        // An error that is reported no longer is nothing to mend.
        if (counts.statement?.error === true) continue;
        const wasShare = counts.before / before;
        const isShare = counts.after / after;
        if (wasShare - isShare < lossMin || wasShare - isShare <= lossOf(found.get(point))) continue;
        const pValue = fisherTail(after - counts.after, after, before - counts.before, before);
        if (pValue > pValueMax) continue;
        const expectedStatement = counts.statement;
        const shares = { wasShare, isShare, novelShare: novelShareOf(point), pValue };
        found.set(point, { point, expected, expectedStatement, ...shares, first: [], spanId: "" });
      }
    }
    return found;
  }

  /** Missing steps by the number of traces in which they are the first, as suspects; at most eight. */
  suspects(): { suspect: Suspect; traceIds: readonly string[] }[] {
    const broken = this.#broken();
    if (broken.size === 0) return [];
    let deviating = 0;
    for (const { traceId, steps } of this.#traces) {
      const gone = steps.filter(({ point, next }) => {
        const missing = broken.get(point);
        return missing !== undefined && next.key !== missing.expected && rose(point, next.key);
      });
      // Beside a step never taken before, one that other traffic may explain is not where it began.
      const most = gone.reduce((top, { point, next }) => Math.max(top, novelty(point, next.key)), 0);
      const first = gone.find(({ point, next }) => novelty(point, next.key) >= most / 2);
      const missing = first === undefined ? undefined : broken.get(first.point);
      if (first === undefined || missing === undefined) continue;
      missing.first.push(traceId);
      missing.spanId ||= first.spanId;
      deviating += 1;
    }
    return [...broken.values()]
      .filter(({ first }) => first.length > 0)
      .map((missing) => ({ suspect: suspectOf(missing, deviating), traceIds: missing.first }))
      .sort((a, b) => b.suspect.confidence - a.suspect.confidence)
      .slice(0, 8);
  }
}

const lossOf = (broken: Broken | undefined): number => (broken === undefined ? 0 : broken.wasShare - broken.isShare);

/** What came instead came less often before. */
const rose = (point: Point, next: string): boolean => gain(point, next) > 0;

const gain = (point: Point, next: string): number => {
  const counts = point.next.get(next);
  return counts === undefined ? 0 : counts.after / point.seen.after - counts.before / point.seen.before;
};

/**
 * How much a step is unlike anything taken from here before: 1 for a new one. Where it was one of the usual ways on, other
 * traffic explains its being taken oftener, so it counts for little.
 */
const novelty = (point: Point, next: string): number => {
  const before = point.next.get(next)?.before ?? 0;
  if (before === 0) return 1;
  return Math.max(usualWeight, (1 - before / point.seen.before / usualFrom) / 2);
};

const novelShareOf = (point: Point): number => {
  let share = 0;
  for (const next of point.next.keys()) share += Math.max(0, gain(point, next)) * novelty(point, next);
  return share;
};

const named = (point: string, statement: Statement | undefined, operation: string): string => {
  if (statement === undefined) return point === endKey ? `the end of ${operation}` : operation;
  const place = statement.line === undefined ? "" : `${statement.file ?? ""}:${statement.line} `;
  return `${place}${statement.text}`;
};

const locationOf = ({ point, expected, expectedStatement }: Broken): Location => {
  const { statement, operation } = point;
  const location: Location = {
    lastSeen: named(point.event, statement, operation),
    expectedNext: named(expected, expectedStatement, operation),
  };
  const file = statement?.file ?? expectedStatement?.file;
  if (file !== undefined) location.file = file;
  const name = statement?.function ?? expectedStatement?.function;
  if (name !== undefined) location.function = name;
  if (statement?.line !== undefined) location.lineStart = statement.line;
  if (expectedStatement?.line !== undefined && expectedStatement.file === file) {
    location.lineEnd = expectedStatement.line;
    location.lineStart ??= expectedStatement.line;
    if (location.lineEnd < location.lineStart) delete location.lineEnd;
  }
  return location;
};

const suspectOf = (missing: Broken, deviating: number): Suspect => {
  const { point, first, wasShare, isShare } = missing;
  const { low } = wilson(first.length, deviating);
  const sure = Math.min(1, -Math.log10(Math.max(missing.pValue, 1e-12)) / 4);
  const location = locationOf(missing);
  // Where a span went on instead of ending, nothing is missing: that is the weaker sign.
  const gone = missing.expected === endKey ? endWeight : 1;
  const from = point.event === startKey ? `${point.operation} began` : `"${location.lastSeen ?? ""}"`;
  const says =
    `After ${from}, "${location.expectedNext ?? ""}" followed in ${percent(wasShare)} of ${point.seen.before} cases, now in ` +
    `${percent(isShare)} of ${point.seen.after}; it is the first step to go missing in ${first.length} of ${deviating} such traces.`;
  return {
    service: point.service,
    kind: "code",
    operation: point.operation,
    confidence: 0.95 * gone * Math.sqrt(low) * Math.sqrt(missing.novelShare) * sure,
    location,
    evidence: [{ kind: "log", ref: `trace:${first[0] ?? ""}/span:${missing.spanId}`, says }],
  };
};
