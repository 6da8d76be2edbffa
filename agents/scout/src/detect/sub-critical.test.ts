import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seeded } from "../../test/trace-builder.ts";
import { SubCriticalDetector } from "./sub-critical.ts";

const scoresOf = (values: readonly number[]): number[] => {
  const detector = new SubCriticalDetector();
  return values.map((value) => detector.next(value));
};

/** A thousand noisy points around 50, then `then`. */
const series = (then: (at: number, noise: number) => number): number[] => {
  const noise = seeded(7);
  return Array.from({ length: 1400 }, (_, at) => (at < 1000 ? 50 + 4 * (noise() - 0.5) : then(at, noise())));
};
const alarmFrom = 4;
const alarms = (values: readonly number[]): number[] =>
  scoresOf(values).flatMap((score, at) => (at > 300 && score > alarmFrom ? [at] : []));

test("a jump is told at once, and the episode is told only once more than a few times", () => {
  const told = alarms(series((_, noise) => 80 + 4 * (noise - 0.5)));
  assert.equal(told[0], 1000);
  assert.ok(told.length < 8, String(told));
});

test("a drift that no single step shows is told long before it has doubled the value", () => {
  const rise = 0.5;
  const [first] = alarms(series((at, noise) => 50 + (at - 1000) * rise + 4 * (noise - 0.5)));
  assert.ok(first !== undefined && first > 1000 && first < 1000 + 50 / rise, String(first));
});

test("noise as before, and a series that never moves, say nothing", () => {
  assert.deepEqual(alarms(series((_, noise) => 50 + 4 * (noise - 0.5))), []);
  assert.deepEqual(new Set(scoresOf(Array.from({ length: 500 }, () => 20))), new Set([0]));
});

test("no score depends on what comes later, and none is not a number", () => {
  const values = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 2, maxLength: 200 });
  fc.assert(
    fc.property(values, fc.nat(), (all, cut) => {
      const some = all.slice(0, cut % all.length);
      const scores = scoresOf(all);
      assert.deepEqual(scoresOf(some), scores.slice(0, some.length));
      assert.ok(scores.every((score) => Number.isFinite(score) && score >= 0));
    }),
  );
  assert.equal(new SubCriticalDetector().next(Number.NaN), 0);
});
