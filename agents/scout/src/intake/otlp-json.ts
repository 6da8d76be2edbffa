import { Attributes } from "../telemetry/attributes.ts";
import type { AttributeValue } from "../telemetry/attributes.ts";
import { resourceOf } from "../telemetry/conventions.ts";
import type { MetricPoint, Resource, SpanEvent, SpanLink } from "../telemetry/model.ts";
import { Harvest, spanKinds, spanStatuses } from "./harvest.ts";
import { isSecretName, redacted, redactText } from "./redact.ts";

// OTLP/JSON (opentelemetry-proto, "JSON Protobuf encoding"): camelCase names, hex ids, 64 bit integers as decimal strings,
// enums as integers. Names of enum values and integers as JSON numbers are accepted too, since senders in use write them.

/** Thrown on JSON that is not the message it should be; names the place. Caught where a request's decoding starts. */
export class MalformedJson extends Error {}

type Fields = Readonly<Record<string, unknown>>;

const nestingMax = 32;

const fieldsAt = (value: unknown, place: string): Fields => {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw new MalformedJson(`${place} must be an object`);
  return value as Fields;
};

const listAt = (value: unknown, place: string): readonly unknown[] => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new MalformedJson(`${place} must be an array`);
  return value;
};

const textOf = (value: unknown): string => (typeof value === "string" ? redactText(value) : "");
/** An id in lower case; what is not hex is handed on too short to be one. */
const idOf = (value: unknown): string => {
  if (typeof value !== "string") return "";
  return /^[0-9a-f]*$/i.test(value) ? value.toLowerCase() : "?";
};

const numberOf = (value: unknown): number | undefined => {
  if (typeof value === "number") return value;
  if (typeof value === "string" && value !== "") {
    const number = Number(value);
    if (!Number.isNaN(number)) return number;
  }
  return undefined;
};

const enumOf = (value: unknown, prefix: string, names: readonly string[]): number => {
  if (typeof value === "string" && value.startsWith(prefix)) return names.indexOf(value.slice(prefix.length));
  return numberOf(value) ?? 0;
};
const kindNames = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const statusNames = ["UNSET", "OK", "ERROR"];

/** Nanoseconds as decimal text keep their precision when seconds and nanoseconds are read apart. */
const nanosAt = (value: unknown, place: string): { seconds: number; nanos: number } => {
  if (value === undefined || value === null || value === "") return { seconds: 0, nanos: 0 };
  const digits = typeof value === "number" ? value.toFixed(0) : value;
  if (typeof digits !== "string" || !/^-?\d{1,20}$/.test(digits)) {
    throw new MalformedJson(`${place} must be nanoseconds as a decimal string`);
  }
  // An overflown clock is one item's fault, not its request's: such a time is unknown, which OTLP writes as 0.
  if (digits.startsWith("-")) return { seconds: 0, nanos: 0 };
  return { seconds: Number(digits.slice(0, -9)), nanos: Number(digits.slice(-9)) };
};
const millis = (time: { seconds: number; nanos: number }): number => time.seconds * 1000 + time.nanos / 1e6;

const valueAt = (value: unknown, place: string, depth: number): AttributeValue => {
  if (depth > nestingMax) throw new MalformedJson(`${place} is nested deeper than ${nestingMax}`);
  const fields = fieldsAt(value, place);
  if (typeof fields["stringValue"] === "string") return redactText(fields["stringValue"]);
  if (typeof fields["boolValue"] === "boolean") return fields["boolValue"];
  if (fields["intValue"] !== undefined) return numberOf(fields["intValue"]) ?? null;
  if (fields["doubleValue"] !== undefined) return numberOf(fields["doubleValue"]) ?? null;
  if (fields["arrayValue"] !== undefined) {
    const items = listAt(fieldsAt(fields["arrayValue"], place)["values"], `${place}.arrayValue.values`);
    return items.map((item, index) => valueAt(item, `${place}[${index}]`, depth + 1));
  }
  if (fields["kvlistValue"] !== undefined) {
    return attributesAt(
      fieldsAt(fields["kvlistValue"], place)["values"],
      `${place}.kvlistValue.values`,
      depth + 1,
    ).toJSON();
  }
  return typeof fields["bytesValue"] === "string" ? fields["bytesValue"] : null;
};

const attributesAt = (value: unknown, place: string, depth = 0): Attributes => {
  const flat: AttributeValue[] = [];
  for (const [index, entry] of listAt(value, place).entries()) {
    const fields = fieldsAt(entry, `${place}[${index}]`);
    const name = fields["key"];
    if (typeof name !== "string") throw new MalformedJson(`${place}[${index}].key must be a string`);
    flat.push(name, isSecretName(name) ? redacted : valueAt(fields["value"], `${place}[${index}].value`, depth));
  }
  return flat.length === 0 ? Attributes.none : new Attributes(flat);
};

const eventAt = (value: unknown, place: string): SpanEvent => {
  const fields = fieldsAt(value, place);
  return {
    name: textOf(fields["name"]),
    timeMs: millis(nanosAt(fields["timeUnixNano"], `${place}.timeUnixNano`)),
    attributes: attributesAt(fields["attributes"], `${place}.attributes`),
  };
};

const linkAt = (value: unknown, place: string): SpanLink => {
  const fields = fieldsAt(value, place);
  return { traceId: idOf(fields["traceId"]), spanId: idOf(fields["spanId"]) };
};

const spanAt = (value: unknown, place: string, resource: Resource, harvest: Harvest): void => {
  const fields = fieldsAt(value, place);
  const status = fieldsAt(fields["status"], `${place}.status`);
  const start = nanosAt(fields["startTimeUnixNano"], `${place}.startTimeUnixNano`);
  const end = nanosAt(fields["endTimeUnixNano"], `${place}.endTimeUnixNano`);
  harvest.span({
    traceId: idOf(fields["traceId"]),
    spanId: idOf(fields["spanId"]),
    parentSpanId: idOf(fields["parentSpanId"]),
    name: textOf(fields["name"]),
    kind: spanKinds[enumOf(fields["kind"], "SPAN_KIND_", kindNames)] ?? "internal",
    startMs: millis(start),
    durationMs: Math.max(0, (end.seconds - start.seconds) * 1000 + (end.nanos - start.nanos) / 1e6),
    status: spanStatuses[enumOf(status["code"], "STATUS_CODE_", statusNames)] ?? "unset",
    statusMessage: textOf(status["message"]),
    attributes: attributesAt(fields["attributes"], `${place}.attributes`),
    events: listAt(fields["events"], `${place}.events`).map((event, index) =>
      eventAt(event, `${place}.events[${index}]`),
    ),
    links: listAt(fields["links"], `${place}.links`).map((link, index) => linkAt(link, `${place}.links[${index}]`)),
    resource,
  });
};

const logAt = (value: unknown, place: string, resource: Resource, harvest: Harvest): void => {
  const fields = fieldsAt(value, place);
  const time = millis(nanosAt(fields["timeUnixNano"], `${place}.timeUnixNano`));
  const observed = millis(nanosAt(fields["observedTimeUnixNano"], `${place}.observedTimeUnixNano`));
  harvest.log({
    timeMs: time === 0 ? observed : time,
    traceId: idOf(fields["traceId"]),
    spanId: idOf(fields["spanId"]),
    severity: numberOf(fields["severityNumber"]) ?? 0,
    body: fields["body"] === undefined ? null : valueAt(fields["body"], `${place}.body`, 0),
    attributes: attributesAt(fields["attributes"], `${place}.attributes`),
    resource,
  });
};

const seriesOf: readonly (readonly [string, MetricPoint["kind"]])[] = [
  ["gauge", "gauge"],
  ["sum", "sum"],
  ["histogram", "histogram"],
  ["exponentialHistogram", "histogram"],
  ["summary", "histogram"],
];

const metricAt = (value: unknown, place: string, resource: Resource, harvest: Harvest): void => {
  const fields = fieldsAt(value, place);
  for (const [field, kind] of seriesOf) {
    if (fields[field] === undefined) continue;
    const points = listAt(fieldsAt(fields[field], `${place}.${field}`)["dataPoints"], `${place}.${field}.dataPoints`);
    for (const [index, entry] of points.entries()) {
      const at = `${place}.${field}.dataPoints[${index}]`;
      const point = fieldsAt(entry, at);
      harvest.point(
        { name: textOf(fields["name"]), unit: textOf(fields["unit"]), kind },
        millis(nanosAt(point["timeUnixNano"], `${at}.timeUnixNano`)),
        numberOf(kind === "histogram" ? point["sum"] : (point["asDouble"] ?? point["asInt"])),
        numberOf(point["count"]),
        attributesAt(point["attributes"], `${at}.attributes`),
        resource,
      );
    }
  }
};

type Item = (value: unknown, place: string, resource: Resource, harvest: Harvest) => void;

const request = (
  text: string,
  names: readonly [resources: string, scopes: string, items: string],
  item: Item,
): Harvest => {
  const [resources, scopes, items] = names;
  const harvest = new Harvest();
  const message = fieldsAt(JSON.parse(text), "the message");
  for (const [index, entry] of listAt(message[resources], resources).entries()) {
    const place = `${resources}[${index}]`;
    const fields = fieldsAt(entry, place);
    const resource = resourceOf(
      attributesAt(fieldsAt(fields["resource"], `${place}.resource`)["attributes"], `${place}.resource.attributes`),
    );
    for (const [scopeIndex, scope] of listAt(fields[scopes], `${place}.${scopes}`).entries()) {
      const scopePlace = `${place}.${scopes}[${scopeIndex}]`;
      const list = listAt(fieldsAt(scope, scopePlace)[items], `${scopePlace}.${items}`);
      for (const [itemIndex, value] of list.entries())
        item(value, `${scopePlace}.${items}[${itemIndex}]`, resource, harvest);
    }
  }
  return harvest;
};

/** Reads one ExportTraceServiceRequest. Throws SyntaxError or MalformedJson. */
export const tracesFromJson = (text: string): Harvest =>
  request(text, ["resourceSpans", "scopeSpans", "spans"], spanAt);
/** Reads one ExportLogsServiceRequest. Throws SyntaxError or MalformedJson. */
export const logsFromJson = (text: string): Harvest =>
  request(text, ["resourceLogs", "scopeLogs", "logRecords"], logAt);
/** Reads one ExportMetricsServiceRequest. Throws SyntaxError or MalformedJson. */
export const metricsFromJson = (text: string): Harvest =>
  request(text, ["resourceMetrics", "scopeMetrics", "metrics"], metricAt);
