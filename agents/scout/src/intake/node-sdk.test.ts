import assert from "node:assert/strict";
import { test } from "node:test";
import { logs, metrics, SeverityNumber, SpanStatusCode, trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { Engine } from "../engine.ts";
import { depthFirst } from "../telemetry/trace.ts";
import { listen } from "./receiver.ts";

// Configured as operators do it, by environment variables and nothing else.
for (const [protocol, compression] of [
  ["http/protobuf", "gzip"],
  ["http/json", "none"],
  ["http/json", "gzip"],
] as const) {
  test(`@opentelemetry/sdk-node sends traces, logs and metrics by ${protocol}, compression ${compression}`, async (t) => {
    const engine = new Engine({ sourceRoots: [] });
    const seen = { spans: 0, logs: 0, metrics: new Set<string>() };
    const receiver = await listen({
      host: "127.0.0.1",
      port: 0,
      sink: (harvest) => {
        seen.spans += harvest.spans.length;
        seen.logs += harvest.logs.length;
        for (const { name } of harvest.points) seen.metrics.add(name);
        engine.ingest(harvest, Date.now());
      },
    });
    t.after(() => receiver.close());
    Object.assign(process.env, {
      OTEL_SERVICE_NAME: "payments",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_COMPRESSION: compression,
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_LOGS_EXPORTER: "otlp",
      OTEL_METRICS_EXPORTER: "otlp",
    });
    const sdk = new NodeSDK({ instrumentations: [] });
    sdk.start();
    const traceId = trace.getTracer("test").startActiveSpan("POST /charges", (span) => {
      logs.getLogger("test").emit({ severityNumber: SeverityNumber.ERROR, body: "charge failed" });
      span.recordException(new TypeError("no rate"));
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
      return span.spanContext().traceId;
    });
    metrics.getMeter("test").createGauge("app.memory.sessions").record(7);
    await sdk.shutdown();
    for (const api of [trace, metrics, logs]) api.disable();
    assert.deepEqual([seen.spans, seen.logs, [...seen.metrics]], [1, 1, ["app.memory.sessions"]]);
    assert.deepEqual([receiver.counts.rejected, receiver.counts.refusedRequests], [0, 0]);
    const [root] = depthFirst(engine.window.trace(traceId)?.roots ?? []);
    assert.equal(root?.span.resource.service, "payments");
    assert.equal(root?.span.status, "error");
    assert.equal([...engine.window.metrics.all()][0]?.points[0]?.value, 7);
  });
}
