import assert from "node:assert/strict";
import { test } from "node:test";
import { sweepCrashes, sweepFullDisk } from "./crash-sweep.ts";
import { newSigner } from "./test-keys.ts";

/** Park and Miller's generator: enough to vary cases, and the same ones every time. */
function seeded(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % n;
  };
}

test("power lost at every step, and again during recovery, loses no acknowledged entry and contradicts no signature", async () => {
  const cases = { kinds: ["before", "torn"], keeps: ["none", "some"] } as const;
  const { tried, held, failures } = await sweepCrashes(newSigner("example.com/log", "log"), cases, seeded(7));
  assert.deepEqual(failures.slice(0, 5), []);
  assert.equal(held, tried);
  assert.ok(tried > 400, `only ${tried} cases`);
});

test("a disk that fills up at any step leaves a log that verifies and can be appended to", async () => {
  const { tried, held, failures } = await sweepFullDisk(newSigner("example.com/log", "log"));
  assert.deepEqual(failures.slice(0, 5), []);
  assert.equal(held, tried);
  assert.ok(tried > 100, `only ${tried} cases`);
});
