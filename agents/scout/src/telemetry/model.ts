import type { Attributes, AttributeValue } from "./attributes.ts";

// The one internal model that every source (OTLP protobuf, OTLP JSON, files, trace stores) is read into.
// Ids are lower-case hex. Times are milliseconds since the epoch: a double holds them to a quarter of a microsecond, and
// durations are taken from the nanoseconds before rounding, so that they keep nanosecond precision.

export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

/** What sent the telemetry: one process of one version of one service. */
export interface Resource {
  readonly service: string;
  readonly version: string | undefined;
  /** The pod or process, where known. */
  readonly instance: string | undefined;
  /** Name of the pod, where known; whatever `service.instance.id` says. */
  readonly pod: string | undefined;
  /** `telemetry.sdk.language`, which says the order of stack frames. */
  readonly language: string | undefined;
  readonly attributes: Attributes;
}

export interface SpanEvent {
  readonly name: string;
  readonly timeMs: number;
  readonly attributes: Attributes;
}

/** A weak causal edge: the linked span is related, not an ancestor. */
export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
}

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startMs: number;
  /** Never negative: a span that ends before it starts is taken as instantaneous. */
  readonly durationMs: number;
  readonly status: "unset" | "ok" | "error";
  readonly statusMessage: string;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
  readonly resource: Resource;
}

export interface LogRecord {
  readonly timeMs: number;
  /** Empty where the record belongs to no trace. */
  readonly traceId: string;
  readonly spanId: string;
  /** OpenTelemetry severity number, 0 when unspecified, 17 and above is an error. */
  readonly severity: number;
  readonly body: AttributeValue;
  readonly attributes: Attributes;
  readonly resource: Resource;
}

/** One number of one series at one time; a histogram gives its count and its sum as `<name>.count` and `<name>.sum`. */
export interface MetricPoint {
  readonly name: string;
  readonly unit: string;
  readonly kind: "gauge" | "sum" | "histogram";
  readonly timeMs: number;
  readonly value: number;
  readonly attributes: Attributes;
  readonly resource: Resource;
}

export const endMs = (span: Span): number => span.startMs + span.durationMs;
