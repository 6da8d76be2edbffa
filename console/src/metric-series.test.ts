import assert from "node:assert/strict";
import { test } from "node:test";
import { definitionOf, type EventType, type OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { metricsOf } from "./metric-series.ts";

/** The golden sample of a type, changed as told. */
function event(type: EventType, data: object, time = "2026-11-24T03:00:05.000Z"): OmegaEvent {
  const example = definitionOf(type)?.example as object;
  return { type, time, data: { ...example, ...data } } as unknown as OmegaEvent;
}

const payments = { service: "payments", operation: "POST /charges" };
const at = (second: number): number => Date.parse("2026-11-24T03:00:00.000Z") + second * 1000;
const record = (from: number, requests: number[], failures: number[]): OmegaEvent =>
  event("metrics.recorded", {
    from: new Date(at(from)).toISOString(),
    stepMs: 2000,
    operations: [{ ...payments, requests, failures, p95Ms: requests.map((count) => (count === 0 ? null : 12)) }],
  });
const signal = event("signal.detected", {
  ...payments,
  says: "hurts",
  measures: [
    { name: "error-ratio", value: 0.25, unit: "1", baseline: 0.01 },
    { name: "requests", value: 20, unit: "{request}" },
  ],
});

test("shows what Scout kept, with the baseline that the signal named, and no ratio where nothing was requested", () => {
  const series = metricsOf([signal, record(0, [10, 0, 10], [0, 0, 5])]);
  assert.deepEqual(
    series.map(({ name, unit, baseline, points }) => [
      name,
      unit,
      baseline,
      points.map((each) => [each.at, each.value]),
    ]),
    [
      [
        "payments POST /charges: error-ratio",
        "1",
        0.01,
        [
          [at(1), 0],
          [at(5), 0.5],
        ],
      ],
      [
        "payments POST /charges: p95",
        "ms",
        undefined,
        [
          [at(1), 12],
          [at(5), 12],
        ],
      ],
      [
        "payments POST /charges: requests",
        "requests/s",
        undefined,
        [
          [at(1), 5],
          [at(3), 0],
          [at(5), 5],
        ],
      ],
    ],
  );
});

test("a later record replaces what it counted again, and adds to the rest", () => {
  const [ratio] = metricsOf([record(0, [10, 10, 10], [0, 0, 5]), record(3, [10, 10], [5, 1])]);
  assert.deepEqual(
    ratio?.points.map((each) => [each.at, each.value]),
    [
      [at(1), 0],
      [at(4), 0.5],
      [at(6), 0.1],
    ],
  );
});

test("without a record it shows the signal's measures and what verification counted", () => {
  const series = metricsOf([
    signal,
    event("verification.requested", { actionId: "act-1", checks: [payments] }),
    event("recovery.confirmed", {
      actionId: "act-1",
      measurements: [{ at: new Date(at(20)).toISOString(), verdict: "successful", requests: 40, failures: 0 }],
    }),
  ]);
  assert.deepEqual(
    series.map(({ name, points }) => [name, points.map((each) => [each.at, each.value])]),
    [
      [
        "payments POST /charges: error-ratio",
        [
          [at(5), 0.25],
          [at(20), 0],
        ],
      ],
    ],
  );
});

test("begins with the service that is blamed, whichever was seen first", () => {
  const other = event("signal.detected", {
    service: "storefront",
    operation: "GET /",
    measures: [{ name: "error-ratio", value: 0.1, unit: "1" }],
  });
  const names = (blamed?: string): string[] => metricsOf([other, signal], blamed).map(({ name }) => name);
  assert.deepEqual(names(), ["storefront GET /: error-ratio", "payments POST /charges: error-ratio"]);
  assert.deepEqual(names("payments"), names().toReversed());
});
