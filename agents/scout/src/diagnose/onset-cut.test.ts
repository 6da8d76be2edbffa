import assert from "node:assert/strict";
import { test } from "node:test";
import type { Diagnosis } from "./diagnosis.ts";
import { surest } from "./onset-cut.ts";

/** A diagnosis that is surest of its cause when asked from `trueMs` on. */
const asked: number[] = [];
const from =
  (trueMs: number, most: number) =>
  (onsetMs: number): Diagnosis => {
    asked.push(onsetMs);
    const confidence = most - Math.abs(onsetMs - trueMs) / 1_000_000;
    const candidate = { rank: 1, service: "payments", kind: "code", confidence, evidence: [] } as const;
    return {
      onsetMs,
      verdict: confidence >= 0.5 ? "cause" : "inconclusive",
      candidates: [candidate],
      blastRadius: { services: [], trafficShare: 0 },
      traceIds: [],
      says: "",
    };
  };

test("an onset told a minute early is put right where the cause stands out most", () => {
  assert.equal(surest(0, 180_000, from(60_000, 0.4)).onsetMs, 60_000);
});

test("a conclusive answer stays, and too short a rest is not asked about", () => {
  asked.length = 0;
  assert.equal(surest(0, 180_000, from(60_000, 0.9)).onsetMs, 0);
  assert.deepEqual(asked, [0]);
  asked.length = 0;
  surest(0, 60_000, from(60_000, 0.4));
  assert.deepEqual(asked, [0]);
});
