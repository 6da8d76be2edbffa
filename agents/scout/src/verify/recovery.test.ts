import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outcome } from "../window/operation-log.ts";
import { judgeRecovery, withSlowness } from "./recovery.ts";

const terms = { intervalMs: 2000, count: 3, failureLimit: 1, inconclusiveLimit: 10 };
const afterMs = 1_000_000;

/** Requests at an even pace from the action on; `fails` says which. */
const requests = (
  perSecond: number,
  seconds: number,
  fails: (number: number) => boolean,
  fromMs = afterMs,
): Outcome[] =>
  Array.from({ length: perSecond * seconds }, (_, number) => {
    const startMs = fromMs + (number * 1000) / perSecond;
    return {
      traceId: "t",
      spanId: `${number}`,
      startMs,
      endMs: startMs + 20,
      durationMs: 20,
      failed: fails(number),
      version: "1",
      instance: "a",
    };
  });
const check = (fresh: Outcome[], ratioBefore = 0.28) => ({
  service: "payments",
  operation: "POST /charges",
  fresh,
  ratioBefore,
  ratioNormal: 0.002,
});
const judge = (fresh: Outcome[], seconds: number, ratioBefore?: number) =>
  judgeRecovery([check(fresh, ratioBefore)], terms, afterMs, afterMs + seconds * 1000);

test("recovery is confirmed after three good measurements, in under eight seconds at the demo's load", () => {
  const fresh = requests(4, 20, () => false);
  assert.equal(judge(fresh, 6).verdict, "pending");
  const { verdict, says, measurements } = judge(fresh, 7.6);
  assert.equal(verdict, "confirmed");
  assert.deepEqual(
    measurements.map((of) => of.verdict),
    ["successful", "successful", "successful"],
  );
  assert.equal(
    says,
    "0 of 24 requests to payments POST /charges failed in 3 measurements after the action (0 %; in the incident 28 %).",
  );
});

test("a rare fault takes more requests to rule out than a common one", () => {
  const fresh = requests(4, 60, () => false);
  assert.equal(judge(fresh, 8, 0.03).verdict, "pending");
  const patient = { ...terms, inconclusiveLimit: 100 };
  assert.equal(
    judgeRecovery(
      [check(fresh.concat(requests(4, 240, () => false, afterMs + 60_000)), 0.03)],
      patient,
      afterMs,
      afterMs + 80_000,
    ).verdict,
    "confirmed",
  );
});

test("a fault that is still there fails the verdict", () => {
  const { verdict, says } = judge(
    requests(4, 20, (number) => number % 4 === 0),
    6,
  );
  assert.equal(verdict, "failed");
  assert.match(says, /^4 of 16 requests/);
});

test("one bad measurement is tolerated, as the terms say", () => {
  assert.equal(
    judge(
      requests(4, 30, (number) => number === 1 || number === 2),
      12,
    ).verdict,
    "confirmed",
  );
});

test("without traffic the verdict is inconclusive, and says so", () => {
  const { verdict, says } = judge([], 25);
  assert.equal(verdict, "inconclusive");
  assert.match(says, /^No request to payments POST \/charges was seen in 11 measurements/);
});

test("requests that began before the action do not count", () => {
  const stale = requests(4, 20, () => true, afterMs - 20_000);
  assert.equal(judge([...stale, ...requests(4, 20, () => false)], 8).verdict, "confirmed");
});

test("every operation that has traffic must have recovered", () => {
  const checks = [
    check(requests(10, 20, () => false)),
    { ...check(requests(4, 20, (number) => number % 3 === 0)), operation: "POST /refunds" },
  ];
  assert.equal(judgeRecovery(checks, terms, afterMs, afterMs + 12_000).verdict, "failed");
});

test("an operation that did not fail before does not hold up the verdict of one that did", () => {
  const checks = [
    check(requests(4, 20, () => false)),
    {
      ...check(
        requests(1, 20, () => false),
        0,
      ),
      operation: "GET /",
    },
  ];
  assert.equal(judgeRecovery(checks, terms, afterMs, afterMs + 8000).verdict, "confirmed");
});

test("after an incident of slowness, requests that are still slow are no recovery, and quick ones are", () => {
  const took = (durationMs: number, fromMs: number): Outcome[] =>
    requests(10, 20, () => false, fromMs).map((outcome) => ({ ...outcome, durationMs }));
  const inIncident = took(900, afterMs - 20_000);
  const judgeAfter = (durationMs: number) =>
    judgeRecovery(
      [withSlowness(check(took(durationMs, afterMs), 0), inIncident, 200)],
      terms,
      afterMs,
      afterMs + 10_000,
    );
  assert.equal(judgeAfter(900).verdict, "failed");
  assert.match(judgeAfter(900).says, /requests to payments POST \/charges failed or took longer than 200 ms in/);
  assert.equal(judgeAfter(40).verdict, "confirmed");
  const quick = check(took(40, afterMs), 0);
  assert.equal(
    withSlowness(quick, took(40, afterMs - 20_000), 200),
    quick,
    "an incident of errors is judged by errors",
  );
});

for (const [name, changed, fails, verdict, count] of [
  ["count", { count: 5 }, () => false, "confirmed", 5],
  ["failureLimit", { failureLimit: 3 }, () => true, "failed", 4],
  ["intervalMs", { intervalMs: 4000 }, () => true, "failed", 2],
] as const) {
  test(`${name} is kept to as the terms say`, () => {
    const fresh = requests(4, 40, fails);
    const { verdict: told, measurements } = judgeRecovery(
      [check(fresh)],
      { ...terms, ...changed },
      afterMs,
      afterMs + 30_000,
    );
    assert.equal(told, verdict);
    assert.equal(measurements.length, count);
  });
}

test("inconclusiveLimit is kept to as the terms say", () => {
  const told = judgeRecovery([check([])], { ...terms, inconclusiveLimit: 4 }, afterMs, afterMs + 60_000);
  assert.deepEqual([told.verdict, told.measurements.length], ["inconclusive", 5]);
});
