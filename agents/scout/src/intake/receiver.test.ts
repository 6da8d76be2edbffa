import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { after, suite, test } from "node:test";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as JsonTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { AlwaysOnSampler, BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { exceptionOfLog, exceptionsOfSpan, failed } from "../telemetry/conventions.ts";
import type { LogRecord, MetricPoint, Span } from "../telemetry/model.ts";
import { listen } from "./receiver.ts";

const spans: Span[] = [];
const logs: LogRecord[] = [];
const points: MetricPoint[] = [];
const receiver = await listen({
  host: "127.0.0.1",
  port: 0,
  limits: { bodyBytesMax: 1024 * 1024, inFlightBytesMax: 2 * 1024 * 1024 },
  sink: (harvest) => {
    spans.push(...harvest.spans);
    logs.push(...harvest.logs);
    points.push(...harvest.points);
  },
});
after(() => receiver.close());

const url = `http://127.0.0.1:${receiver.port}`;
const resource = resourceFromAttributes({
  "service.name": "payments",
  "service.version": "1.5.0",
  "service.instance.id": "payments-7",
});
const startTime = 1_795_000_000_123.25;

const post = async (path: string, type: string, body: string | Buffer, headers: Record<string, string> = {}) => {
  const answer = await fetch(url + path, {
    method: "POST",
    headers: { "content-type": type, ...headers },
    body: typeof body === "string" ? body : new Uint8Array(body),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};

/** Sends one span of every feature by a real SDK and gives what arrived. */
const exported = async (exporter: ProtobufTraceExporter): Promise<Span[]> => {
  spans.length = 0;
  const provider = new TracerProvider({
    resource,
    sampler: new AlwaysOnSampler(),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  const tracer = provider.getTracer("test");
  const attributes = {
    "http.request.method": "POST",
    "http.route": "/charges",
    "http.response.status_code": 500,
    tries: 3,
    ratio: 0.5,
    yes: true,
    tags: ["a", "b"],
    "user.token": "hunter2hunter2",
    note: "größer",
  };
  const span = tracer.startSpan("POST /charges", { kind: SpanKind.SERVER, attributes, startTime });
  span.recordException(new TypeError("no rate; password=hunter2hunter2"), startTime + 5);
  span.setStatus({ code: SpanStatusCode.ERROR, message: "Bearer abcdefgh12345678" });
  span.end(startTime + 12.5);
  await provider.forceFlush();
  await provider.shutdown();
  return [...spans];
};

/** Everything but what differs from one run to the next: ids and stacks. */
const comparable = (span: Span | undefined) => ({
  ...span,
  traceId: span?.traceId.length,
  spanId: span?.spanId.length,
  startMs: span?.startMs.toFixed(3),
  events: span?.events.map(({ name, attributes }) => [name, attributes.text("exception.type", "exception.message")]),
  attributes: span?.attributes.toJSON(),
  resource: { ...span?.resource, attributes: span?.resource.attributes.toJSON() },
});

suite("what a real SDK sends", () => {
  test("protobuf and JSON, plain and gzip, arrive as the same span", async () => {
    const exporters = [
      new ProtobufTraceExporter({ url: `${url}/v1/traces` }),
      new JsonTraceExporter({ url: `${url}/v1/traces` }),
      new ProtobufTraceExporter({ url: `${url}/v1/traces`, compression: "gzip" as never }),
    ];
    const arrived = [];
    for (const exporter of exporters) arrived.push(await exported(exporter));
    const [first, ...others] = arrived.map((list) => list[0]);
    assert.ok(first !== undefined);
    for (const other of others) assert.deepEqual(comparable(other), comparable(first));
    assert.deepEqual(
      [first.name, first.kind, first.status, first.durationMs],
      ["POST /charges", "server", "error", 12.5],
    );
    assert.ok(Math.abs(first.startMs - startTime) < 0.001);
    assert.deepEqual(first.attributes.get("tags"), ["a", "b"]);
    assert.deepEqual(
      [
        first.attributes.get("tries"),
        first.attributes.get("ratio"),
        first.attributes.get("yes"),
        first.attributes.get("note"),
      ],
      [3, 0.5, true, "größer"],
    );
    assert.deepEqual(
      [first.resource.service, first.resource.version, first.resource.instance],
      ["payments", "1.5.0", "payments-7"],
    );
    assert.ok(failed(first));
    assert.equal(exceptionsOfSpan(first)[0]?.type, "TypeError");
  });

  test("no secret passes", async () => {
    const [span] = await exported(new ProtobufTraceExporter({ url: `${url}/v1/traces` }));
    assert.ok(!JSON.stringify(span).includes("hunter2"));
    assert.ok(!JSON.stringify(span).includes("abcdefgh12345678"));
    assert.equal(span?.attributes.get("user.token"), "[redacted]");
  });

  test("log records with their exceptions, and metrics", async () => {
    const provider = new LoggerProvider({
      resource,
      processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${url}/v1/logs` }) })],
    });
    const attributes = {
      "exception.type": "TypeError",
      "exception.message": "no rate",
      "exception.stacktrace": "TypeError: no rate\n    at f (/app/a.ts:1:2)",
    };
    provider.getLogger("test").emit({ severityNumber: 17, body: "charge failed", attributes });
    await provider.forceFlush();
    await provider.shutdown();
    assert.equal(logs.length, 1);
    assert.equal(logs[0]?.body, "charge failed");
    assert.equal(logs[0] === undefined ? undefined : exceptionOfLog(logs[0])?.type, "TypeError");

    const reader = new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ url: `${url}/v1/metrics` }),
      exportIntervalMillis: 60_000,
      exportTimeoutMillis: 5_000,
    });
    const meters = new MeterProvider({ resource, readers: [reader] });
    const meter = meters.getMeter("test");
    meter.createCounter("orders").add(3, { kind: "card" });
    meter.createHistogram("duration", { unit: "ms" }).record(12.5);
    meter.createGauge("memory").record(-1.5);
    await meters.forceFlush();
    await meters.shutdown();
    const seen = new Map(points.map((point) => [point.name, point.value]));
    assert.deepEqual(Object.fromEntries(seen), { orders: 3, "duration.count": 1, "duration.sum": 12.5, memory: -1.5 });
    assert.equal(points.find(({ name }) => name === "orders")?.attributes.get("kind"), "card");
  });
});

suite("what no receiver should take", () => {
  const json = "application/json";
  const span = {
    traceId: "5b8efff798038103d269b633813fc60c",
    spanId: "eee19b7ec3c1b174",
    name: "ok",
    startTimeUnixNano: "1795000000000000000",
    endTimeUnixNano: "1795000000001000000",
  };
  const traces = (...list: object[]) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: list }] }] });

  test("spans that can't be used are counted and named, the others are taken", async () => {
    spans.length = 0;
    const answer = await post("/v1/traces", json, traces(span, { ...span, spanId: "00", name: "bad" }));
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.text), {
      partialSuccess: { rejectedSpans: "1", errorMessage: 'span "bad": span_id must be 8 bytes and not all zero' },
    });
    assert.equal(spans.length, 1);
  });

  test("a negative duration is an instant, NaN and infinity are no values", async () => {
    spans.length = 0;
    assert.equal((await post("/v1/traces", json, traces({ ...span, endTimeUnixNano: "1" }))).status, 200);
    assert.equal(spans[0]?.durationMs, 0);
    const metric = { name: "m", gauge: { dataPoints: [{ timeUnixNano: "1", asDouble: "NaN" }] } };
    const answer = await post(
      "/v1/metrics",
      json,
      JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] }),
    );
    assert.match(answer.text, /a point's value must be a finite number/);
  });

  for (const [name, path, type, body, headers, status, says] of [
    ["an unknown path", "/v1/trace", json, "{}", {}, 404, /\/v1\/traces/],
    ["another content type", "/v1/traces", "text/plain", "{}", {}, 415, /application\/x-protobuf or application\/json/],
    ["another packing", "/v1/traces", json, "{}", { "content-encoding": "br" }, 415, /br.+ is not supported/],
    ["text that is no JSON", "/v1/traces", json, "{", {}, 400, /not an OTLP traces request in json/],
    [
      "JSON of another shape",
      "/v1/traces",
      json,
      '{"resourceSpans":[{"scopeSpans":{}}]}',
      {},
      400,
      /resourceSpans\[0\]\.scopeSpans must be an array/,
    ],
    [
      "a time that is none",
      "/v1/traces",
      json,
      traces({ ...span, startTimeUnixNano: "soon" }),
      {},
      400,
      /spans\[0\]\.startTimeUnixNano must be nanoseconds/,
    ],
    [
      "bytes that are no protobuf",
      "/v1/traces",
      "application/x-protobuf",
      "\n\u0005a",
      {},
      400,
      /runs past its message at byte 2 of 3/,
    ],
    ["what is not gzip", "/v1/traces", json, "{}", { "content-encoding": "gzip" }, 400, /cannot be read/],
    ["a body over the limit", "/v1/traces", json, Buffer.alloc(1024 * 1024 + 1), {}, 413, /larger than 1048576 bytes/],
    [
      "a body that unpacks to over the limit",
      "/v1/traces",
      json,
      gzipSync(Buffer.alloc(100 * 1024 * 1024)),
      { "content-encoding": "gzip" },
      413,
      /larger than 1048576 bytes/,
    ],
  ] as const) {
    test(`${name} is answered ${status} in words`, async () => {
      const answer = await post(path, type, body, headers);
      assert.equal(answer.status, status);
      assert.match(answer.text, says);
    });
  }

  test("other methods are answered 405", async () => {
    assert.equal((await fetch(`${url}/v1/traces`)).status, 405);
  });

  test("when too much is in flight, senders are told when to come again", async () => {
    // Bodies that never end hold their reckoned share.
    const stop = new AbortController();
    const endless = () =>
      new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("{")) });
    const hanging = Array.from({ length: 9 }, () =>
      fetch(`${url}/v1/traces`, {
        method: "POST",
        headers: { "content-type": json },
        body: endless(),
        duplex: "half",
        signal: stop.signal,
      } as RequestInit).catch(() => undefined),
    );
    let answer = await post("/v1/traces", json, "{}");
    for (let tries = 0; tries < 200 && answer.status !== 429; tries += 1) answer = await post("/v1/traces", json, "{}");
    stop.abort();
    await Promise.all(hanging);
    assert.equal(answer.status, 429);
    assert.equal(answer.headers.get("retry-after"), "1");
    for (let tries = 0; tries < 200 && answer.status !== 200; tries += 1) answer = await post("/v1/traces", json, "{}");
    assert.equal(answer.status, 200);
  });
});
