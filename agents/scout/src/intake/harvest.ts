import type { Attributes } from "../telemetry/attributes.ts";
import type { LogRecord, MetricPoint, Resource, Span, SpanKind } from "../telemetry/model.ts";

/** By the number OTLP gives each; unspecified counts as internal, as the specification says. */
export const spanKinds: readonly SpanKind[] = ["internal", "internal", "server", "client", "producer", "consumer"];
export const spanStatuses: readonly Span["status"][] = ["unset", "ok", "error"];

const noTraceId = "0".repeat(32);
const noSpanId = "0".repeat(16);
/** Both readers hand over hex only, so that the length says it all. */
const isTraceId = (id: string): boolean => id.length === 32 && id !== noTraceId;
const isSpanId = (id: string): boolean => id.length === 16 && id !== noSpanId;

/**
 * What one request brought: the items that can be used, how many could not, and why. It is the same for protobuf and JSON, so
 * both refuse the same things.
 */
export class Harvest {
  readonly spans: Span[] = [];
  readonly logs: LogRecord[] = [];
  readonly points: MetricPoint[] = [];
  rejected = 0;
  /** Why the first rejected item was rejected; empty when none was. */
  reason = "";

  get accepted(): number {
    return this.spans.length + this.logs.length + this.points.length;
  }

  reject(reason: string): void {
    this.rejected += 1;
    if (this.reason === "") this.reason = reason;
  }

  span(span: Span): void {
    if (!isTraceId(span.traceId)) this.reject(`span "${span.name}": trace_id must be 16 bytes and not all zero`);
    else if (!isSpanId(span.spanId)) this.reject(`span "${span.name}": span_id must be 8 bytes and not all zero`);
    else if (span.startMs === 0) this.reject(`span "${span.name}": start_time_unix_nano is missing`);
    else this.spans.push(span);
  }

  log(log: LogRecord): void {
    if (log.traceId !== "" && !isTraceId(log.traceId)) this.reject("log record: trace_id must be 16 bytes or absent");
    else this.logs.push(log);
  }

  point(
    metric: Pick<MetricPoint, "name" | "unit" | "kind">,
    timeMs: number,
    value: number | undefined,
    count: number | undefined,
    attributes: Attributes,
    resource: Resource,
  ): void {
    const { name, unit, kind } = metric;
    if (name === "") {
      this.reject("metric: its name is missing");
      return;
    }
    if (kind === "histogram") {
      if (count !== undefined)
        this.points.push({ name: `${name}.count`, unit, kind, timeMs, value: count, attributes, resource });
      if (value === undefined || !Number.isFinite(value)) return;
      this.points.push({ name: `${name}.sum`, unit, kind, timeMs, value, attributes, resource });
    } else if (value !== undefined && Number.isFinite(value)) {
      this.points.push({ name, unit, kind, timeMs, value, attributes, resource });
    } else this.reject(`metric "${name}": a point's value must be a finite number`);
  }
}
