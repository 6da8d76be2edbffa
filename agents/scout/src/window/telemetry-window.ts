import type { LogRecord, Span } from "../telemetry/model.ts";
import { assemble } from "../telemetry/trace.ts";
import type { Trace } from "../telemetry/trace.ts";
import { MetricWindow } from "./metric-window.ts";
import { OperationLog } from "./operation-log.ts";
import type { Arrival } from "./operation-log.ts";

export interface WindowLimits {
  readonly tracesMax: number;
  /** By our own reckoning of what a span holds in memory; the process's resident size is about this much more than when empty. */
  readonly bytesMax: number;
  readonly ageMsMax: number;
  readonly spansPerTraceMax: number;
  readonly logsPerTraceMax: number;
}

export const windowLimits: WindowLimits = {
  tracesMax: 20_000,
  bytesMax: 48 * 1024 * 1024,
  ageMsMax: 10 * 60_000,
  spansPerTraceMax: 5_000,
  logsPerTraceMax: 1_000,
};

/** Metrics come once a minute or so: telling normal takes longer than it does with requests. */
const metricAgeMsMin = 60 * 60_000;

interface Held {
  readonly spans: Span[];
  /** Ids of the spans, once there are so many that looking through them takes longer. */
  ids: Set<string> | undefined;
  readonly logs: LogRecord[];
  readonly firstSeenMs: number;
  lastSeenMs: number;
  bytes: number;
}

const lookedThroughMax = 24;

const isKnown = (held: Held, spanId: string): boolean => {
  if (held.ids !== undefined) return held.ids.has(spanId);
  if (held.spans.length >= lookedThroughMax) {
    held.ids = new Set(held.spans.map((span) => span.spanId));
    return held.ids.has(spanId);
  }
  for (const span of held.spans) if (span.spanId === spanId) return true;
  return false;
};

/** Strings up to this length are mostly shared between spans; longer ones (stacks, statements) are each their own. */
const sharedLength = 64;

const bytesOf = (item: Span | LogRecord): number => {
  let bytes = 320 + 24 * item.attributes.size + item.attributes.longText(sharedLength);
  if ("body" in item) return bytes + (typeof item.body === "string" ? item.body.length : 0);
  for (const event of item.events) bytes += 96 + 24 * event.attributes.size + event.attributes.longText(sharedLength);
  return bytes;
};

/**
 * The recent past of the system, by trace, in bounded memory: the oldest traces leave when there are too many, when they take
 * too much, or when their time is over. Spans may come late, twice, in any order and without their parents.
 */
export class TelemetryWindow {
  readonly operations: OperationLog;
  readonly metrics: MetricWindow;
  readonly #limits: WindowLimits;
  readonly #held = new Map<string, Held>();
  /** Trace ids from `#head` on, oldest first. A Map's own order would do, but finding its first entry passes all deleted ones. */
  #order: string[] = [];
  #head = 0;
  #bytes = 0;
  #spans = 0;
  /** Spans that were not kept because their trace was at its limit. */
  spansDropped = 0;

  constructor(limits: Partial<WindowLimits> = {}) {
    this.#limits = { ...windowLimits, ...limits };
    this.operations = new OperationLog(this.#limits.ageMsMax);
    this.metrics = new MetricWindow(Math.max(metricAgeMsMin, this.#limits.ageMsMax));
  }

  get size(): { traces: number; spans: number; bytes: number } {
    return { traces: this.#held.size, spans: this.#spans, bytes: this.#bytes };
  }

  /** Keeps the span and tells of it when it is a request that was not known yet. */
  addSpan(span: Span, nowMs: number): Arrival | undefined {
    const held = this.#hold(span.traceId, nowMs);
    if (isKnown(held, span.spanId)) return undefined;
    if (held.spans.length >= this.#limits.spansPerTraceMax) {
      this.spansDropped += 1;
      return undefined;
    }
    held.spans.push(span);
    held.ids?.add(span.spanId);
    this.#spans += 1;
    this.#grow(held, bytesOf(span));
    return this.operations.add(span);
  }

  /** Records outside any trace are not kept: nothing asks for them yet. */
  addLog(log: LogRecord, nowMs: number): void {
    if (log.traceId === "") return;
    const held = this.#hold(log.traceId, nowMs);
    if (held.logs.length >= this.#limits.logsPerTraceMax) return;
    held.logs.push(log);
    this.#grow(held, bytesOf(log));
  }

  #hold(traceId: string, nowMs: number): Held {
    const known = this.#held.get(traceId);
    if (known !== undefined) {
      known.lastSeenMs = nowMs;
      return known;
    }
    const held: Held = { spans: [], ids: undefined, logs: [], firstSeenMs: nowMs, lastSeenMs: nowMs, bytes: 0 };
    this.#held.set(traceId, held);
    this.#order.push(traceId);
    if (this.#held.size > this.#limits.tracesMax) this.#dropOldest();
    return held;
  }

  #grow(held: Held, bytes: number): void {
    held.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#limits.bytesMax && this.#held.size > 1) this.#dropOldest();
  }

  #dropOldest(): void {
    const traceId = this.#order[this.#head];
    if (traceId === undefined) return;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#head);
      this.#head = 0;
    }
    const held = this.#held.get(traceId);
    this.#held.delete(traceId);
    this.#bytes -= held?.bytes ?? 0;
    this.#spans -= held?.spans.length ?? 0;
  }

  /** Lets go of what is older than the window. Call it every second or so. */
  expire(nowMs: number): void {
    this.operations.expire(nowMs);
    this.metrics.expire(nowMs);
    const beforeMs = nowMs - this.#limits.ageMsMax;
    for (;;) {
      const oldest = this.#held.get(this.#order[this.#head] ?? "");
      if (oldest === undefined || oldest.firstSeenMs >= beforeMs) return;
      this.#dropOldest();
    }
  }

  trace(traceId: string): Trace | undefined {
    const held = this.#held.get(traceId);
    return held === undefined || held.spans.length === 0 ? undefined : assemble(traceId, held.spans, held.logs);
  }

  /** Whether the trace's root is here and nothing has been added to it for `quietMs`. */
  settled(traceId: string, nowMs: number, quietMs: number): boolean {
    const held = this.#held.get(traceId);
    if (held === undefined) return true;
    if (nowMs - held.lastSeenMs < quietMs) return false;
    for (const span of held.spans) if (span.parentSpanId === "") return true;
    return false;
  }

  /** Traces of which some span began in [fromMs, toMs), oldest first. */
  *traces(fromMs: number, toMs: number): Generator<Trace> {
    for (const [traceId, held] of this.#held) {
      for (const span of held.spans) {
        if (span.startMs < fromMs || span.startMs >= toMs) continue;
        yield assemble(traceId, held.spans, held.logs);
        break;
      }
    }
  }
}
