import assert from "node:assert/strict";
import { test } from "node:test";
import { onsetOf } from "./detector.ts";
import { Engine } from "../engine.ts";
import { simulate, stackAt } from "../../test/shop-simulation.ts";
import { timeText } from "@omega/shared/clock.ts";

const broken =
  (fromMs: number, ratio: number, toMs = Number.POSITIVE_INFINITY) =>
  (nowMs: number, noise: () => number) =>
    nowMs >= fromMs && nowMs < toMs && noise() < ratio
      ? {
          failed: true,
          error: {
            type: "TypeError",
            message: "Cannot read properties of undefined (reading 'rate')",
            stack: stackAt("payments/loyalty.ts", 21, "loyaltyDiscount"),
          },
        }
      : {};

const startMs = Date.parse("2026-11-24T03:00:00Z");

test("a healthy half hour raises no signal, whatever the seed", (t) => {
  for (const seed of [1, 20, 300]) {
    const { changes, requests } = simulate({ seed, seconds: 1800 });
    t.diagnostic(`seed ${seed}: ${requests} requests, ${changes.length} signals`);
    assert.deepEqual(
      changes.map((change) => change.says),
      [],
    );
  }
});

test("errors that an operation always had are normal for it", () => {
  const { changes } = simulate({ seed: 5, seconds: 900, errorRatio: 0.02 });
  assert.deepEqual(
    changes.map((change) => change.says),
    [],
  );
});

test("a fault in a quarter of the charges is told within six seconds of its first failures, once, with its traces", () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const faultMs = startMs + 60_000;
    const { changes } = simulate({ seed, seconds: 100, requestsPerSecond: 20, charge: broken(faultMs, 0.3) });
    const payments = changes.filter(({ signal }) => signal.service === "payments");
    assert.equal(payments.length, 1, `seed ${seed}: ${payments.map((change) => change.says).join(" ")}`);
    const [told] = payments;
    assert.ok(told !== undefined);
    assert.equal(told.signal.operation, "POST /charges");
    assert.equal(told.signal.severity, "critical");
    const firstMs = Math.min(...changes.map(({ signal }) => signal.sinceMs));
    assert.ok(Math.min(...changes.map(({ atMs }) => atMs)) - firstMs <= 6000, `seed ${seed}: ${changes[0]?.says}`);
    assert.ok(told.signal.sinceMs >= faultMs && told.signal.sinceMs < faultMs + 10_000, timeText(told.signal.sinceMs));
    assert.ok(told.signal.traceIds.length >= 3);
    assert.match(
      told.says,
      /^\d+ of \d+ requests to payments POST \/charges failed in the last \d+ s \(\d+ %, baseline [\d.]+ %\)\.$/,
    );
  }
});

test("the episode is told to be over when the fault is gone, and the fault never becomes normal", () => {
  const faultMs = startMs + 60_000;
  const { changes } = simulate({
    seed: 9,
    seconds: 200,
    requestsPerSecond: 20,
    charge: broken(faultMs, 0.3, faultMs + 60_000),
  });
  const payments = changes.filter(({ signal }) => signal.service === "payments");
  assert.deepEqual(
    payments.map(({ change }) => change),
    ["detected", "cleared"],
  );
  assert.equal(payments[0]?.signal.signalId, payments[1]?.signal.signalId);
  assert.ok((payments[1]?.atMs ?? 0) >= faultMs + 60_000);
});

test("a charge that becomes slow is told as a shift of latency", () => {
  const faultMs = startMs + 120_000;
  const { changes } = simulate({ seed: 3, seconds: 180, charge: (nowMs) => (nowMs >= faultMs ? { ms: 400 } : {}) });
  const payments = changes.find(({ signal }) => signal.service === "payments");
  assert.equal(payments?.signal.kind, "latency");
  assert.match(payments?.says ?? "", /took longer than \d+ ms/);
});

test("three failures at once are a hiccup, not an episode", () => {
  let left = 3;
  const charge = (nowMs: number) => (nowMs >= startMs + 60_000 && left-- > 0 ? { failed: true } : {});
  const { changes } = simulate({ seed: 4, seconds: 90, requestsPerSecond: 200, charge });
  assert.deepEqual(
    changes.map((change) => change.says),
    [],
  );
});

test("an episode of an earlier process is not told again, and is told to be over", () => {
  const before = simulate({ seed: 7, seconds: 80, requestsPerSecond: 20, charge: broken(startMs + 60_000, 0.3) });
  const open = before.changes.map(({ signal }) => ({ ...signal, since: timeText(signal.sinceMs) }));
  assert.ok(open.length >= 1);
  const engine = new Engine({ sourceRoots: [] });
  engine.detector.adopt(open, before.endMs);
  const during = simulate({
    seed: 8,
    seconds: 20,
    requestsPerSecond: 20,
    startMs: before.endMs,
    engine,
    charge: broken(0, 0.3),
  });
  assert.deepEqual(
    during.changes.filter(({ change }) => change === "detected").map((change) => change.says),
    [],
  );
  const after = simulate({ seed: 9, seconds: 30, requestsPerSecond: 20, startMs: during.endMs, engine });
  const cleared = [...during.changes, ...after.changes].filter(({ change }) => change === "cleared");
  assert.deepEqual(
    new Set(cleared.map(({ signal }) => signal.signalId)),
    new Set(open.map(({ signalId }) => signalId)),
  );
});

test("a process that starts in mid-incident takes nothing of it for normal", () => {
  for (let seed = 20; seed < 40; seed += 1) {
    const before = simulate({ seed, seconds: 80, requestsPerSecond: 10, charge: broken(startMs + 60_000, 0.25) });
    const told = before.changes.map(({ signal }) => ({ ...signal, since: timeText(signal.sinceMs) }));
    const engine = new Engine({ sourceRoots: [] });
    // The new process has received for a moment when it learns from the stream what is open.
    const first = { seconds: 4, requestsPerSecond: 10, charge: broken(0, 0.25) };
    const moment = simulate({ ...first, seed: seed + 100, startMs: before.endMs, engine });
    engine.detector.adopt(told, moment.endMs);
    const still = { seconds: 60, requestsPerSecond: 10, charge: broken(0, 0.25) };
    const during = simulate({ ...still, seed: seed + 200, startMs: moment.endMs, engine });
    const cleared = during.changes.filter(({ change }) => change === "cleared").map(({ says }) => says);
    assert.deepEqual(cleared, [], `seed ${seed}: the fault is still there`);
    simulate({ seed: seed + 300, seconds: 60, requestsPerSecond: 10, startMs: during.endMs, engine });
    assert.deepEqual(engine.detector.openSignals(), [], `seed ${seed}`);
  }
});

test("an onset does not reach back over a healthy stretch into the episode before", () => {
  const stretch = (count: number, failsEvery: number): boolean[] =>
    Array.from({ length: count }, (_, at) => failsEvery > 0 && at % failsEvery === 0);
  // Newest first: ten seconds of this episode, a healthy half minute, half a minute of the one before.
  const newestFirst = [...stretch(40, 4), ...stretch(120, 0), ...stretch(120, 3)];
  const outcomes = newestFirst.map((failed, at) => ({ failed, startMs: 1_000_000 - at * 250 }));
  assert.equal(onsetOf(outcomes, 0.01, 0.25), 1_000_000 - 36 * 250);
});
