import type { Attributes } from "@omega/scout/telemetry/attributes.ts";
import type { Span, SpanKind } from "@omega/scout/telemetry/model.ts";

const kinds: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };

/** An ExportTraceServiceRequest (opentelemetry/proto/collector/trace/v1) of these spans, one ResourceSpans for each resource. */
export function encodeTraces(spans: readonly Span[]): Buffer {
  return Buffer.concat(
    [...Map.groupBy(spans, ({ resource }) => resource)].map(([resource, of]) =>
      field(1, [
        field(1, attributesField(1, resource.attributes)),
        field(
          2,
          of.map((span) => field(2, spanFields(span))),
        ),
      ]),
    ),
  );
}

function spanFields(span: Span): Buffer[] {
  return [
    field(1, [Buffer.from(span.traceId, "hex")]),
    field(2, [Buffer.from(span.spanId, "hex")]),
    ...(span.parentSpanId === "" ? [] : [field(4, [Buffer.from(span.parentSpanId, "hex")])]),
    field(5, [Buffer.from(span.name)]),
    varintField(6, kinds[span.kind]),
    fixed64Field(7, nanos(span.startMs)),
    fixed64Field(8, nanos(span.startMs) + nanos(span.durationMs)),
    ...attributesField(9, span.attributes),
  ];
}

function attributesField(number: number, attributes: Attributes): Buffer[] {
  return [...attributes.entries()].map(([key, value]) => {
    const any =
      typeof value === "number"
        ? varintField(3, value)
        : field(1, [Buffer.from(typeof value === "string" ? value : JSON.stringify(value))]);
    return field(number, [field(1, [Buffer.from(key)]), field(2, [any])]);
  });
}

const nanos = (ms: number): bigint => BigInt(Math.round(ms * 1000)) * 1000n;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** A length-delimited field: bytes, text or a message. */
function field(number: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([varint(number * 8 + 2), varint(body.length), body]);
}

const varintField = (number: number, value: number): Buffer => Buffer.concat([varint(number * 8), varint(value)]);

function fixed64Field(number: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = number * 8 + 1;
  bytes.writeBigUInt64LE(value, 1);
  return bytes;
}
