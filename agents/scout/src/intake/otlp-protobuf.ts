import { Attributes } from "../telemetry/attributes.ts";
import type { AttributeValue } from "../telemetry/attributes.ts";
import { resourceOf } from "../telemetry/conventions.ts";
import type { LogRecord, MetricPoint, Resource, Span, SpanEvent, SpanLink } from "../telemetry/model.ts";
import { isSecretName, redacted } from "@omega/shared/redact.ts";
import { Wire } from "./wire.ts";
import { Harvest, spanKinds, spanStatuses } from "./harvest.ts";

// OTLP's protobuf messages, read straight into the internal model. Field numbers are those of opentelemetry-proto 1.x; a field
// that is not listed is skipped, as protobuf wants. Tags are `number << 3 | wire type`, written in octal so that both show.

const nestingMax = 32;

const anyValue = (wire: Wire, depth: number): AttributeValue => {
  if (depth > nestingMax) wire.fail(`attribute values nested deeper than ${nestingMax}`);
  let value: AttributeValue = null;
  const outer = wire.enter();
  while (wire.more()) {
    const tag = wire.varint();
    if (tag === 0o12) value = wire.text();
    else if (tag === 0o20) value = wire.varint() !== 0;
    else if (tag === 0o30) value = wire.varint();
    else if (tag === 0o41) value = wire.double();
    else if (tag === 0o52) value = arrayValue(wire, depth + 1);
    else if (tag === 0o62) value = mapValue(wire, depth + 1);
    else if (tag === 0o72) value = wire.base64();
    else wire.skip(tag);
  }
  wire.leave(outer);
  return value;
};

const arrayValue = (wire: Wire, depth: number): AttributeValue[] => {
  const values: AttributeValue[] = [];
  const outer = wire.enter();
  while (wire.more()) {
    const tag = wire.varint();
    if (tag === 0o12) values.push(anyValue(wire, depth));
    else wire.skip(tag);
  }
  wire.leave(outer);
  return values;
};

const mapValue = (wire: Wire, depth: number): AttributeValue => {
  const flat: AttributeValue[] = [];
  const outer = wire.enter();
  while (wire.more()) {
    const tag = wire.varint();
    if (tag === 0o12) keyValue(wire, flat, depth);
    else wire.skip(tag);
  }
  wire.leave(outer);
  return new Attributes(flat).toJSON();
};

/** Appends one name and its value to `flat`. */
const keyValue = (wire: Wire, flat: AttributeValue[], depth = 0): void => {
  let name = "";
  let value: AttributeValue = null;
  const outer = wire.enter();
  while (wire.more()) {
    const tag = wire.varint();
    if (tag === 0o12) name = wire.name();
    else if (tag === 0o22) value = anyValue(wire, depth);
    else wire.skip(tag);
  }
  wire.leave(outer);
  flat.push(name, isSecretName(name) ? redacted : value);
};

const resource = (wire: Wire): Resource => {
  const flat: AttributeValue[] = [];
  const outer = wire.enter();
  while (wire.more()) {
    const tag = wire.varint();
    if (tag === 0o12) keyValue(wire, flat);
    else wire.skip(tag);
  }
  wire.leave(outer);
  return resourceOf(new Attributes(flat));
};

const attributesFrom = (flat: AttributeValue[]): Attributes =>
  flat.length === 0 ? Attributes.none : new Attributes(flat.slice());

const spanEvent = (wire: Wire): SpanEvent => {
  let timeMs = 0;
  let name = "";
  const flat: AttributeValue[] = [];
  const outer = wire.enter();
  while (wire.more()) {
    const tag = wire.varint();
    if (tag === 0o11) timeMs = wire.millisAt(wire.timestamp());
    else if (tag === 0o22) name = wire.text();
    else if (tag === 0o32) keyValue(wire, flat);
    else wire.skip(tag);
  }
  wire.leave(outer);
  return { name, timeMs, attributes: attributesFrom(flat) };
};

const spanLink = (wire: Wire): SpanLink => {
  let traceId = "";
  let spanId = "";
  const outer = wire.enter();
  while (wire.more()) {
    const tag = wire.varint();
    if (tag === 0o12) traceId = wire.id();
    else if (tag === 0o22) spanId = wire.id();
    else wire.skip(tag);
  }
  wire.leave(outer);
  return { traceId, spanId };
};

type SpanDraft = { -readonly [Field in keyof Span]: Span[Field] };

const statusInto = (wire: Wire, draft: SpanDraft): void => {
  const outer = wire.enter();
  while (wire.more()) {
    const tag = wire.varint();
    if (tag === 0o22) draft.statusMessage = wire.text();
    else if (tag === 0o30) draft.status = spanStatuses[wire.varint()] ?? "unset";
    else wire.skip(tag);
  }
  wire.leave(outer);
};

const nothing: readonly never[] = [];

const span = (wire: Wire, from: Resource, harvest: Harvest): void => {
  const draft: SpanDraft = {
    traceId: "",
    spanId: "",
    parentSpanId: "",
    name: "",
    kind: "internal",
    startMs: 0,
    durationMs: 0,
    status: "unset",
    statusMessage: "",
    attributes: Attributes.none,
    events: nothing,
    links: nothing,
    resource: from,
  };
  const flat: AttributeValue[] = [];
  const events: SpanEvent[] = [];
  const links: SpanLink[] = [];
  let start = -1;
  let end = -1;
  const outer = wire.enter();
  while (wire.more()) {
    const tag = wire.varint();
    if (tag === 0o112) keyValue(wire, flat);
    else if (tag === 0o12) draft.traceId = wire.id();
    else if (tag === 0o22) draft.spanId = wire.id();
    else if (tag === 0o42) draft.parentSpanId = wire.id();
    else if (tag === 0o52) draft.name = wire.text();
    else if (tag === 0o60) draft.kind = spanKinds[wire.varint()] ?? "internal";
    else if (tag === 0o71) start = wire.timestamp();
    else if (tag === 0o101) end = wire.timestamp();
    else if (tag === 0o132) events.push(spanEvent(wire));
    else if (tag === 0o152) links.push(spanLink(wire));
    else if (tag === 0o172) statusInto(wire, draft);
    else wire.skip(tag);
  }
  wire.leave(outer);
  if (start >= 0) draft.startMs = wire.millisAt(start);
  if (start >= 0 && end >= 0) draft.durationMs = Math.max(0, wire.millisBetween(start, end));
  // A copy is as long as it need be; an array that grew has room for twice as many, and would keep it for as long as the span is held.
  if (flat.length > 0) draft.attributes = new Attributes(flat.slice());
  if (events.length > 0) draft.events = events;
  if (links.length > 0) draft.links = links;
  harvest.span(draft);
};

const logRecord = (wire: Wire, from: Resource, harvest: Harvest): void => {
  let timeMs = 0;
  let observedMs = 0;
  let severity = 0;
  let body: AttributeValue = null;
  let traceId = "";
  let spanId = "";
  const flat: AttributeValue[] = [];
  const outer = wire.enter();
  while (wire.more()) {
    const tag = wire.varint();
    if (tag === 0o11) timeMs = wire.millisAt(wire.timestamp());
    else if (tag === 0o131) observedMs = wire.millisAt(wire.timestamp());
    else if (tag === 0o20) severity = wire.varint();
    else if (tag === 0o52) body = anyValue(wire, 0);
    else if (tag === 0o62) keyValue(wire, flat);
    else if (tag === 0o112) traceId = wire.id();
    else if (tag === 0o122) spanId = wire.id();
    else wire.skip(tag);
  }
  wire.leave(outer);
  const read: LogRecord = {
    timeMs: timeMs === 0 ? observedMs : timeMs,
    traceId,
    spanId,
    severity,
    body,
    attributes: attributesFrom(flat),
    resource: from,
  };
  harvest.log(read);
};

/** The messages that hold points: which field of Metric, what they become, and in which field a point has its attributes. */
const seriesByTag: ReadonlyMap<number, { kind: MetricPoint["kind"]; attributesTag: number }> = new Map([
  [0o52, { kind: "gauge", attributesTag: 0o72 }],
  [0o72, { kind: "sum", attributesTag: 0o72 }],
  [0o112, { kind: "histogram", attributesTag: 0o112 }],
  // Exponential histogram and summary.
  [0o122, { kind: "histogram", attributesTag: 0o12 }],
  [0o132, { kind: "histogram", attributesTag: 0o72 }],
]);

interface Series {
  readonly name: string;
  readonly unit: string;
  readonly kind: MetricPoint["kind"];
  readonly attributesTag: number;
}

/** One data point: numbers have their value in field 4 or 6, distributions their count in 4 and their sum in 5. */
const dataPoint = (wire: Wire, series: Series, from: Resource, harvest: Harvest): void => {
  let timeMs = 0;
  let value: number | undefined;
  let count: number | undefined;
  const flat: AttributeValue[] = [];
  const distribution = series.kind === "histogram";
  const outer = wire.enter();
  while (wire.more()) {
    const tag = wire.varint();
    if (tag === series.attributesTag) keyValue(wire, flat);
    else if (tag === 0o31) timeMs = wire.millisAt(wire.timestamp());
    else if (tag === 0o41 && distribution) count = wire.fixed64();
    else if (tag === 0o41) value = wire.double();
    else if (tag === 0o51 && distribution) value = wire.double();
    else if (tag === 0o61 && !distribution) value = wire.sfixed64();
    else wire.skip(tag);
  }
  wire.leave(outer);
  harvest.point(series, timeMs, value, count, attributesFrom(flat), from);
};

const metric = (wire: Wire, from: Resource, harvest: Harvest): void => {
  let name = "";
  let unit = "";
  // The points come after the name and the unit in every known sender, but protobuf doesn't promise it: note where, read later.
  const found: { kind: MetricPoint["kind"]; attributesTag: number; at: number; end: number }[] = [];
  const outer = wire.enter();
  while (wire.more()) {
    const tag = wire.varint();
    const series = seriesByTag.get(tag);
    if (series !== undefined) {
      const outerSeries = wire.enter();
      found.push({ ...series, at: wire.pos, end: wire.end });
      wire.leave(outerSeries);
    } else if (tag === 0o12) name = wire.text();
    else if (tag === 0o32) unit = wire.text();
    else wire.skip(tag);
  }
  const metricEnd = wire.end;
  for (const { kind, attributesTag, at, end } of found) {
    wire.pos = at;
    wire.end = end;
    while (wire.more()) {
      const tag = wire.varint();
      if (tag === 0o12) dataPoint(wire, { name, unit, kind, attributesTag }, from, harvest);
      else wire.skip(tag);
    }
  }
  wire.end = metricEnd;
  wire.leave(outer);
};

/**
 * Requests of all three signals have the same outer shape: resources (1) holding the resource (1) and scopes (2), which hold the
 * items (2). The resource may come after its scopes, so it is looked for first.
 */
const request = (bytes: Buffer, item: (wire: Wire, from: Resource, harvest: Harvest) => void): Harvest => {
  const wire = new Wire(bytes);
  const harvest = new Harvest();
  while (wire.more()) {
    const tag = wire.varint();
    if (tag !== 0o12) {
      wire.skip(tag);
      continue;
    }
    const outer = wire.enter();
    const start = wire.pos;
    let from: Resource | undefined;
    while (from === undefined && wire.more()) {
      const inner = wire.varint();
      if (inner === 0o12) from = resource(wire);
      else wire.skip(inner);
    }
    wire.pos = start;
    while (wire.more()) {
      const inner = wire.varint();
      if (inner === 0o22) scope(wire, from ?? resourceOf(Attributes.none), harvest, item);
      else wire.skip(inner);
    }
    wire.leave(outer);
  }
  return harvest;
};

const scope = (
  wire: Wire,
  from: Resource,
  harvest: Harvest,
  item: (wire: Wire, from: Resource, harvest: Harvest) => void,
) => {
  const outer = wire.enter();
  while (wire.more()) {
    const tag = wire.varint();
    if (tag === 0o22) item(wire, from, harvest);
    else wire.skip(tag);
  }
  wire.leave(outer);
};

/** Decodes an ExportTraceServiceRequest. Throws MalformedBytes. */
export const tracesFromProtobuf = (bytes: Buffer): Harvest => request(bytes, span);
/** Decodes an ExportLogsServiceRequest. Throws MalformedBytes. */
export const logsFromProtobuf = (bytes: Buffer): Harvest => request(bytes, logRecord);
/** Decodes an ExportMetricsServiceRequest. Throws MalformedBytes. */
export const metricsFromProtobuf = (bytes: Buffer): Harvest => request(bytes, metric);
