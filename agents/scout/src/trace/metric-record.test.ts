import assert from "node:assert/strict";
import { test } from "node:test";
import { metricRecordSchema } from "@omega/bus-schemas/metric-record.ts";
import fc from "fast-check";
import type { Outcome } from "../window/operation-log.ts";
import { metricRecord } from "./metric-record.ts";

const startMs = Date.parse("2026-11-24T03:00:00.000Z");
const payments = { service: "payments", name: "POST /charges" };

function outcome(atMs: number, durationMs: number, failed: boolean): Outcome {
  const startMs_ = startMs + atMs;
  const ids = { traceId: "a", spanId: "b", version: undefined, instance: undefined };
  return { ...ids, startMs: startMs_, endMs: startMs_ + durationMs, durationMs, failed };
}

const within =
  (outcomes: readonly Outcome[]) =>
  (_operation: unknown, fromMs: number, toMs: number): Outcome[] =>
    outcomes.filter((each) => each.startMs >= fromMs && each.startMs < toMs);

test("counts requests, failures and the 95th percentile in each step", () => {
  const outcomes = [
    ...Array.from({ length: 20 }, (_, number) => outcome(number, number + 1, false)),
    outcome(1500, 40.123, true),
    outcome(3999, 7, true),
    outcome(4000, 99, true),
  ];
  const record = metricRecord([payments, payments], within(outcomes), [startMs, startMs + 4000]);
  assert.deepEqual(record, {
    from: "2026-11-24T03:00:00.000Z",
    stepMs: 1000,
    operations: [
      {
        service: "payments",
        operation: "POST /charges",
        requests: [20, 1, 0, 1],
        failures: [0, 1, 0, 1],
        p95Ms: [19, 40.12, null, 7],
      },
    ],
  });
});

test("tells nothing where nothing was requested, or no step is over yet", () => {
  assert.equal(metricRecord([payments], within([]), [startMs, startMs + 60_000]), undefined);
  assert.equal(metricRecord([payments], within([outcome(1, 1, false)]), [startMs, startMs + 900]), undefined);
  assert.equal(metricRecord([], within([outcome(1, 1, false)]), [startMs, startMs + 60_000]), undefined);
});

test("of any time it tells every request of its whole steps once, in a record of bounded size", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 100_000_000 }), { minLength: 1, maxLength: 50 }),
      fc.integer({ min: 1000, max: 100_000_000 }),
      (starts, lastsMs) => {
        const outcomes = starts.map((at) => outcome(at, 5, at % 3 === 0));
        const range = [startMs, startMs + lastsMs] as const;
        const record = metricRecord([payments], within(outcomes), range);
        if (record === undefined) return;
        assert.ok(metricRecordSchema.safeParse(record).success);
        const told = within(outcomes)(payments, Date.parse(record.from), range[1]);
        const [series] = record.operations;
        const sum = (numbers: readonly number[] = []): number => numbers.reduce((total, each) => total + each, 0);
        assert.equal(sum(series?.requests), told.length);
        assert.equal(sum(series?.failures), told.filter(({ failed }) => failed).length);
      },
    ),
  );
});
