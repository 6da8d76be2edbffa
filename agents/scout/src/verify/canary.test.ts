import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outcome } from "../window/operation-log.ts";
import { judgeCanary, servedBy, type CanaryCheck } from "./canary.ts";

const startMs = 1_000_000;

const requests = (count: number, failing: (number: number) => boolean, durationMs = 20): Outcome[] =>
  Array.from({ length: count }, (_, number) => ({
    traceId: "t",
    spanId: `${number}`,
    startMs: startMs + number * 500,
    endMs: startMs + number * 500 + durationMs,
    durationMs: durationMs + (number % 5),
    failed: failing(number),
    version: "1.4.0",
    instance: "a",
  }));
const never = (): boolean => false;
const check = (own: Outcome[], given: Partial<CanaryCheck> = {}): CanaryCheck => ({
  service: "payments",
  operation: "POST /charges",
  own,
  others: [],
  ratioBefore: 0.28,
  ratioNormal: 0.002,
  ...given,
});
const laterMs = startMs + 60_000;

test("good requests enough to rule out the incident's ratio are a success, and too few are pending", () => {
  assert.equal(judgeCanary([check(requests(9, never))], laterMs).verdict, "pending");
  const { verdict, requests: seen, failures, says } = judgeCanary([check(requests(12, never))], laterMs);
  assert.deepEqual([verdict, seen, failures], ["success", 12, 0]);
  assert.equal(
    says,
    "0 of 12 requests to the first new pod failed (0 %; in the incident 28 %): payments POST /charges.",
  );
});

test("a pod that fails like the incident has failed, as soon as two requests say so", () => {
  assert.equal(judgeCanary([check(requests(4, (number) => number % 2 === 1))], laterMs).verdict, "failed");
  assert.equal(judgeCanary([check(requests(3, (number) => number === 1))], laterMs).verdict, "pending");
  assert.equal(
    judgeCanary([check(requests(30, (number) => number === 1))], laterMs).verdict,
    "success",
    "one failure may be anybody's",
  );
});

test("an operation that the incident did not hurt fails the canary too", () => {
  const well = check(requests(40, never));
  const broken = check(
    requests(10, (number) => number > 4),
    { operation: "GET /health", ratioBefore: 0 },
  );
  assert.equal(judgeCanary([well, broken], laterMs).verdict, "failed");
});

test("every hurt operation that it served must be well by itself; one that it did not serve is not asked", () => {
  const few = check(requests(3, never), { operation: "POST /refunds" });
  assert.equal(judgeCanary([check(requests(40, never)), few], laterMs).verdict, "pending");
  const none = check([], { operation: "POST /refunds" });
  assert.equal(judgeCanary([check(requests(40, never)), none], laterMs).verdict, "success");
});

test("where it serves nothing that was hurt, its requests are judged together", () => {
  const quiet = (operation: string, count: number): CanaryCheck =>
    check(requests(count, never), { operation, ratioBefore: 0 });
  assert.equal(judgeCanary([quiet("GET /a", 7), quiet("GET /b", 3)], laterMs).verdict, "pending");
  assert.equal(judgeCanary([quiet("GET /a", 9), quiet("GET /b", 6)], laterMs).verdict, "success");
});

test("no traffic is no verdict, and what began just now is not counted", () => {
  const silent = judgeCanary([check([])], laterMs);
  assert.deepEqual([silent.verdict, silent.says], ["pending", "No request to the first new pod was seen."]);
  assert.equal(judgeCanary([check(requests(40, never))], startMs + 1_500).requests, 0);
});

test("a pod that is clearly slower than the others has failed, and a slow start is forgiven", () => {
  const others = requests(60, never, 20);
  const slow = judgeCanary([check(requests(60, never, 90), { others })], laterMs);
  assert.equal(slow.verdict, "failed");
  assert.match(slow.says, /takes 92 ms in the first new pod and 22 ms in the others/);
  const cold = requests(60, never, 20).map((one, number) => (number < 5 ? { ...one, durationMs: 900 } : one));
  assert.equal(judgeCanary([check(cold, { others })], laterMs).verdict, "success");
});

test("a request is the pod's by its name or by an instance id that holds it", () => {
  const [any] = requests(1, never);
  assert.ok(any !== undefined);
  const pod = { name: "payments-6d5f-x2v9k", uid: "0b6b2f4e" };
  for (const own of [{ pod: pod.name }, { instance: pod.uid }, { instance: `shop.${pod.name}.main` }]) {
    assert.ok(servedBy({ ...any, ...own }, pod), JSON.stringify(own));
  }
  for (const other of [{ pod: "payments-6d5f-aaaaa" }, { instance: undefined }, { instance: "shop" }]) {
    assert.ok(!servedBy({ ...any, ...other }, pod), JSON.stringify(other));
  }
});
