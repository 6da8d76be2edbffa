import type { Waterfall } from "@omega/bus-schemas/waterfall.ts";
import { timeText } from "@omega/shared/clock.ts";
import { codeOf, exceptionOfLog, exceptionsOfSpan, failed, operationOf } from "../telemetry/conventions.ts";
import { depthFirst } from "../telemetry/trace.ts";
import type { SpanNode, Trace } from "../telemetry/trace.ts";
import type { Location } from "../diagnose/error-site.ts";
import { milliseconds } from "../detect/signal.ts";

/** Where the fault is in a trace. */
export interface Culprit {
  readonly spanId: string;
  readonly location?: Location;
  readonly says: string;
}

type Bar = Waterfall["spans"][number];

const spansMax = 256;
const notesMax = 16;
/** Clocks of hosts that agree to this are as good as equal. */
const skewMsMin = 5;

/**
 * A trace as a person reads it, in bounded size: of more than `spansMax` spans those stay that fail, take long or lead to the
 * culprit, with their callers.
 */
export const waterfallOf = (trace: Trace, culprit?: Culprit): Waterfall | undefined => {
  const all = [...depthFirst(trace.roots)];
  if (all.length === 0) return undefined;
  const startMs = all.reduce((first, node) => Math.min(first, node.startMs), Number.POSITIVE_INFINITY);
  const endMs = all.reduce((last, node) => Math.max(last, node.startMs + node.span.durationMs), startMs);
  const kept = all.length <= spansMax ? new Set(all) : mostTelling(all, culprit?.spanId);
  const depths = new Map<SpanNode, number>();
  const spans: Bar[] = [];
  for (const node of all) {
    const depth = node.parent === undefined ? 0 : (depths.get(node.parent) ?? 0) + 1;
    depths.set(node, depth);
    if (kept.has(node)) spans.push(barOf(node, depth, startMs));
  }
  const shown = culprit !== undefined && spans.some(({ spanId }) => spanId === culprit.spanId) ? culprit : undefined;
  return {
    traceId: trace.traceId,
    startedAt: timeText(startMs),
    durationMs: rounded(endMs - startMs),
    spans,
    omitted: all.length - spans.length,
    ...(shown === undefined ? {} : { culprit: { ...shown, says: shown.says.slice(0, 1024) } }),
    notes: notesOf(all, spans.length),
  };
};

const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;

const mostTelling = (all: readonly SpanNode[], culpritId: string | undefined): Set<SpanNode> => {
  const weight = ({ span }: SpanNode): number =>
    (span.spanId === culpritId ? 1e12 : 0) + (failed(span) ? 1e9 : 0) + span.durationMs;
  const kept = new Set<SpanNode>();
  for (const node of all.toSorted((a, b) => weight(b) - weight(a))) {
    const way: SpanNode[] = [];
    for (let at: SpanNode | undefined = node; at !== undefined && !kept.has(at); at = at.parent) way.push(at);
    // A chain longer than all there is room for keeps its lower end, which is where the fault is.
    if (kept.size + way.length > spansMax) way.length = kept.size === 0 ? spansMax : 0;
    for (const step of way) kept.add(step);
    if (kept.size >= spansMax) break;
  }
  return kept;
};

const skewOf = (node: SpanNode): number => node.span.startMs - node.startMs;

const errorOf = (node: SpanNode): string | undefined => {
  const logged = node.logs.map(exceptionOfLog).find((seen) => seen !== undefined);
  const seen = exceptionsOfSpan(node.span).at(-1) ?? logged;
  const told = seen === undefined ? "" : [seen.type, seen.message].filter((part) => part !== undefined).join(": ");
  if (told !== "") return told.slice(0, 300);
  if (!failed(node.span)) return undefined;
  const named = node.span.statusMessage || (node.span.attributes.text("error.type") ?? "");
  return named === "" ? undefined : named.slice(0, 300);
};

const barOf = (node: SpanNode, depth: number, traceStartMs: number): Bar => {
  const { span } = node;
  const error = errorOf(node);
  const code = codeOf(span.attributes);
  const place = code === undefined ? undefined : `${code.file}${code.line === undefined ? "" : `:${code.line}`}`;
  const skewMs = rounded(skewOf(node));
  return {
    spanId: span.spanId,
    ...(node.parent === undefined ? {} : { parentSpanId: node.parent.span.spanId }),
    depth,
    service: span.resource.service.slice(0, 256),
    operation: operationOf(span).slice(0, 256),
    kind: span.kind,
    startMs: rounded(node.startMs - traceStartMs),
    durationMs: rounded(span.durationMs),
    failed: failed(span),
    ...(error === undefined ? {} : { error }),
    ...(place === undefined ? {} : { place: place.slice(0, 300) }),
    ...(Math.abs(skewMs) < skewMsMin ? {} : { skewMs }),
    ...(node.orphan ? { orphan: true as const } : {}),
  };
};

const notesOf = (all: readonly SpanNode[], shown: number): string[] => {
  const notes: string[] = [];
  const clocks = new Map<string, number>();
  for (const node of all) {
    const { service } = node.span.resource;
    if (Math.abs(skewOf(node)) > Math.abs(clocks.get(service) ?? 0)) clocks.set(service, skewOf(node));
  }
  for (const [service, skewMs] of clocks) {
    if (Math.abs(skewMs) < skewMsMin) continue;
    notes.push(`The clock of ${service} was ${milliseconds(Math.abs(skewMs))} ${skewMs > 0 ? "ahead" : "behind"}.`);
  }
  const orphans = all.filter(({ orphan }) => orphan).length;
  if (orphans > 0) notes.push(`${orphans} of ${all.length} spans name a parent that never arrived.`);
  if (shown < all.length) notes.push(`${all.length - shown} of ${all.length} spans are left out.`);
  return notes.slice(0, notesMax).map((note) => note.slice(0, 512));
};
