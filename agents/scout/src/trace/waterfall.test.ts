import assert from "node:assert/strict";
import { test } from "node:test";
import { waterfallSchema } from "@omega/bus-schemas/waterfall.ts";
import { telemetryOf } from "../../test/trace-builder.ts";
import type { Told } from "../../test/trace-builder.ts";
import { assemble } from "../telemetry/trace.ts";
import { waterfallOf } from "./waterfall.ts";

const startMs = Date.parse("2026-11-24T03:00:00Z");
const traceOf = (told: Told) => {
  const { spans, logs } = telemetryOf(told, startMs);
  return assemble(spans[0]?.traceId ?? "", spans, logs);
};

const broken: Told = {
  service: "payments",
  operation: "POST /charges",
  ms: 30,
  failed: true,
  skewMs: 2_000,
  error: { type: "TypeError", message: "no rate" },
};

test("callers come before callees, in corrected time, with the culprit and the clock that was off", () => {
  const trace = traceOf({ service: "checkout", operation: "POST /orders", ms: 50, failed: true, calls: [broken] });
  const server = [...trace.nodes.values()].find(({ span }) => span.resource.service === "payments");
  const spanId = server?.span.spanId ?? "";
  const shown = waterfallOf(trace, { spanId, says: "payments throws", location: { file: "a.ts", lineStart: 3 } });
  assert.deepEqual(waterfallSchema.parse(shown), shown);
  assert.deepEqual(
    shown?.spans.map(({ depth, service, kind }) => [depth, service, kind]),
    [
      [0, "checkout", "server"],
      [1, "checkout", "client"],
      [2, "payments", "server"],
    ],
  );
  const culprit = shown.spans[2];
  assert.equal(culprit?.error, "TypeError: no rate");
  assert.ok(culprit.startMs >= 1 && culprit.startMs + culprit.durationMs <= 50, "shifted into its caller");
  assert.equal(shown.culprit?.spanId, spanId);
  assert.match(shown.notes.join(), /clock of payments was 20\d\d ms ahead/);
});

test("a trace of thousands keeps what leads to the fault, within the bus's bounds", () => {
  const many: Told[] = Array.from({ length: 2_000 }, () => ({ service: "inventory", operation: "GET /stock", ms: 3 }));
  const far: Told = { service: "far", operation: "GET /", ms: 4, failed: true, calls: [{ ...broken, ms: 1 }] };
  const trace = traceOf({ service: "checkout", operation: "POST /orders", ms: 9_000, calls: [...many, far] });
  const shown = waterfallOf(trace);
  assert.deepEqual(waterfallSchema.parse(shown), shown);
  assert.equal((shown?.spans.length ?? 0) + (shown?.omitted ?? 0), trace.nodes.size);
  assert.ok(shown?.spans.some(({ service }) => service === "payments"));
  assert.match((shown?.notes ?? []).join(), /spans are left out/);
});
