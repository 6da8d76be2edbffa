import assert from "node:assert/strict";
import { test } from "node:test";
import { nabScore, profiles, probationOf } from "./nab-score.ts";

const windows = [
  [200, 299],
  [600, 699],
] as const;
const blank = (): number[] => Array.from({ length: 1000 }, () => 0);
const series = (marked: Readonly<Record<number, number>>) => {
  const scores = blank();
  for (const [at, score] of Object.entries(marked)) scores[Number(at)] = score;
  return { scores, windows, probation: probationOf(1000) };
};
const standard = (marked: Readonly<Record<number, number>>): number =>
  nabScore([series(marked)], profiles.standard).score;

test("the first point of each window is perfect, nothing is 0, one of two is half", () => {
  assert.equal(Math.round(standard({ 200: 1, 600: 1 }) * 1000) / 1000, 100);
  assert.equal(nabScore([series({})], profiles.standard).score, 0);
  assert.equal(Math.round(standard({ 200: 1 })), 50);
});

test("later in a window is worth less, a second detection in it nothing, probation is not judged", () => {
  assert.ok(standard({ 250: 1, 600: 1 }) < 100 && standard({ 250: 1, 600: 1 }) > standard({ 290: 1, 600: 1 }));
  assert.equal(standard({ 200: 1, 250: 1, 600: 1 }), standard({ 200: 1, 600: 1 }));
  assert.equal(standard({ 10: 9, 200: 1, 600: 1 }), standard({ 200: 1, 600: 1 }));
});

test("a false alarm costs its profile's price, less just after a window", () => {
  // At one threshold with the hits; 2 windows: the whole range is 4.
  const cost = (at: number): number => 100 - standard({ 200: 1, 600: 1, [at]: 1 });
  assert.equal(Math.round(cost(160) * 1000) / 1000, Math.round(((100 * 0.11) / 4) * 1000) / 1000);
  assert.ok(cost(305) < cost(400) && cost(305) > 0);
});
