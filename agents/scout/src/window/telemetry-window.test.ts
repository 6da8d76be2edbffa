import assert from "node:assert/strict";
import { test } from "node:test";
import { telemetryOf } from "../../test/trace-builder.ts";
import { OperationLog, operationLimits, otherOperations } from "./operation-log.ts";
import { TelemetryWindow } from "./telemetry-window.ts";

const start = 1_795_000_000_000;
const request = (atMs: number) => telemetryOf({ service: "shop", operation: "GET /", ms: 5 }, atMs).spans;

test("memory is bounded by traces, by bytes, by spans of one trace and by age", () => {
  const window = new TelemetryWindow({ tracesMax: 50, bytesMax: 1_000_000, ageMsMax: 60_000, spansPerTraceMax: 10 });
  for (let at = 0; at < 500; at += 1) for (const span of request(start + at)) window.addSpan(span, start + at);
  assert.equal(window.size.traces, 50);

  const [one] = request(start);
  assert.ok(one !== undefined);
  for (let number = 0; number < 100; number += 1) window.addSpan({ ...one, spanId: `${number}` }, start + 600);
  assert.equal(window.trace(one.traceId)?.nodes.size, 10);
  assert.equal(window.spansDropped, 90);

  window.expire(start + 60_000 + 601);
  assert.deepEqual(window.size, { traces: 0, spans: 0, bytes: 0 });
  assert.deepEqual(window.operations.outcomes({ service: "shop", name: "GET /" }, 0), []);

  const tight = new TelemetryWindow({ bytesMax: 20_000 });
  for (let at = 0; at < 500; at += 1) for (const span of request(start + at)) tight.addSpan(span, start + at);
  assert.ok(tight.size.bytes <= 20_000 && tight.size.traces > 10);
});

test("a span that comes twice counts once", () => {
  const window = new TelemetryWindow();
  const [span] = request(start);
  assert.ok(span !== undefined);
  assert.equal(window.addSpan(span, start)?.operation.name, "GET /");
  assert.equal(window.addSpan(span, start + 1), undefined);
  assert.equal(window.operations.outcomes({ service: "shop", name: "GET /" }, 0).length, 1);
});

test("a trace is settled when its root is there and nothing more came for a while", () => {
  const window = new TelemetryWindow();
  const spans = telemetryOf(
    { service: "a", operation: "GET /", ms: 9, calls: [{ service: "b", operation: "GET /", ms: 5 }] },
    start,
  ).spans;
  const [root, ...rest] = spans;
  assert.ok(root !== undefined);
  for (const span of rest) window.addSpan(span, start);
  assert.equal(window.settled(root.traceId, start + 5000, 800), false);
  window.addSpan(root, start + 5000);
  assert.equal(window.settled(root.traceId, start + 5100, 800), false);
  assert.equal(window.settled(root.traceId, start + 5900, 800), true);
});

test("operations beyond a service's limit are kept as traces and counted together", () => {
  const window = new TelemetryWindow();
  for (let at = 0; at < 3000; at += 1) {
    for (const span of telemetryOf({ service: "shop", operation: `GET /page-${at}`, ms: 5 }, start).spans)
      window.addSpan(span, start);
  }
  const { operations } = window;
  assert.equal(operations.operations().length, operationLimits.operationsPerServiceMax + 1);
  const others = operations.outcomes({ service: "shop", name: otherOperations }, 0);
  assert.equal(others.length, 3000 - operationLimits.operationsPerServiceMax);
  assert.equal(window.size.traces, 3000);
});

test("services that somebody makes up are counted together and hide no known one", () => {
  const log = new OperationLog(60_000, { servicesMax: 10 });
  for (let at = 0; at < 1000; at += 1) {
    for (const span of telemetryOf({ service: `made-up-${at}`, operation: "GET /", ms: 5 }, start).spans) log.add(span);
  }
  for (const span of telemetryOf({ service: "made-up-0", operation: "GET /", ms: 5 }, start + 1000).spans)
    log.add(span);
  assert.equal(log.operations().length, 11);
  assert.equal(log.outcomes({ service: otherOperations, name: otherOperations }, 0).length, 990);
  assert.equal(log.outcomes({ service: "made-up-0", name: "GET /" }, 0).length, 2);
});

test("outcomes of all operations together are bounded, and the busiest gives way first", () => {
  const log = new OperationLog(60_000, { outcomesMax: 100 });
  for (let at = 0; at < 5000; at += 1) {
    const name = at % 1000 === 0 ? "GET /rare" : "GET /busy";
    for (const span of telemetryOf({ service: "shop", operation: name, ms: 5 }, start + at).spans) log.add(span);
  }
  assert.ok(log.size <= 125, `${log.size} outcomes`);
  assert.equal(log.outcomes({ service: "shop", name: "GET /rare" }, 0).length, 5);
});
