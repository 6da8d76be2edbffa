import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { binomialTail, fisherTail, wilson } from "./binomial.ts";

/** By Pascal's triangle, in plain arithmetic. */
const slowTail = (k: number, n: number, p: number): number => {
  let row = [1];
  for (let trial = 0; trial < n; trial += 1) {
    row = Array.from({ length: row.length + 1 }, (_, at) => (row[at] ?? 0) * (1 - p) + (row[at - 1] ?? 0) * p);
  }
  return row.slice(k).reduce((sum, chance) => sum + chance, 0);
};

test("the binomial tail is exact on both sides of the mean", () => {
  const cases = fc.record({
    n: fc.integer({ min: 1, max: 60 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    p: fc.double({ min: 0.001, max: 0.999, noNaN: true }),
  });
  fc.assert(
    fc.property(cases, ({ n, share, p }) => {
      const k = Math.round(share * n);
      assert.ok(Math.abs(binomialTail(k, n, p) - slowTail(k, n, p)) < 1e-9);
    }),
  );
});

test("the binomial tail keeps its precision where chances are tiny", () => {
  assert.ok(Math.abs(binomialTail(5, 5, 0.001) / 1e-15 - 1) < 1e-9);
  assert.equal(binomialTail(0, 10, 0.1), 1);
  assert.equal(binomialTail(11, 10, 0.1), 0);
});

test("Fisher's tail is the textbook's (lady tasting tea: 3 of 4 right)", () => {
  assert.ok(Math.abs(fisherTail(3, 4, 1, 4) - 17 / 70) < 1e-9);
  assert.ok(fisherTail(10, 40, 0, 80) < 1e-4);
});

test("a Wilson interval holds the ratio and stays within 0 and 1", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, share) => {
      const k = Math.round(share * n);
      const { low, high } = wilson(k, n);
      assert.ok(low >= 0 && low <= k / n + 1e-12 && high >= k / n - 1e-12 && high <= 1);
    }),
  );
});
