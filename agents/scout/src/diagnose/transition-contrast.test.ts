import assert from "node:assert/strict";
import { test } from "node:test";
import { tracesOf } from "../../test/logged-traces.ts";
import type { LoggedSpan } from "../../test/logged-traces.ts";
import { TransitionContrast } from "./transition-contrast.ts";

/** An order that asks for a contact: the callee returns before it has looked it up, or the caller gives up after. */
const order = (broken: boolean): LoggedSpan => ({
  service: "orders",
  name: "POST /orders",
  steps: [
    "Orders.java:10 order begins",
    {
      service: "contacts",
      name: "GET /contacts",
      steps: ["Contacts.java:31 find by id", ...(broken ? [] : ["Contacts.java:34 found"])],
    },
    ...(broken ? [] : ["Orders.java:20 contact is known"]),
  ],
});

const contrast = (before: LoggedSpan[], after: LoggedSpan[]): TransitionContrast => {
  const of = new TransitionContrast();
  for (const told of before) of.learn(tracesOf(told), "before");
  for (const told of after) of.learn(tracesOf(told), "after");
  return of;
};
const times = (count: number, told: LoggedSpan): LoggedSpan[] => Array.from({ length: count }, () => told);

test("the step that goes missing first is the cause, what its caller leaves out follows from it", () => {
  const [top, ...others] = contrast(times(20, order(false)), times(12, order(true))).suspects();
  assert.deepEqual(top?.suspect.location, {
    lastSeen: "Contacts.java:31 find by id",
    expectedNext: "Contacts.java:34 found",
    file: "Contacts.java",
    lineStart: 31,
    lineEnd: 34,
  });
  assert.equal(top?.suspect.service, "contacts");
  assert.equal(top?.traceIds.length, 12);
  assert.deepEqual(others, []);
  assert.match(top?.suspect.evidence[0]?.says ?? "", /followed in 100 % of 20 cases, now in 0 % of 12/);
});

test("statements without a line are told apart by their text, and a span's start is an event too", () => {
  const told = (text: string[]): LoggedSpan => ({ service: "price", name: "PriceController.query", steps: text });
  const before = Array.from({ length: 20 }, (_, at) => told([`price of route ${at} is asked`, `done in ${at} ms`]));
  const found = contrast(before, times(10, told([]))).suspects();
  assert.equal(found[0]?.suspect.location?.lastSeen, "PriceController.query");
  assert.match(found[0]?.suspect.location?.expectedNext ?? "", /^price of route <\*> is asked$/);
});

test("more traffic of a usual kind is no missing step", () => {
  const seat = (kind: string): LoggedSpan => ({
    service: "seats",
    name: "POST /seats",
    steps: ["Seats.java:1 asked", kind],
  });
  const [fast, slow] = [seat("Seats.java:5 express"), seat("Seats.java:9 local")];
  const found = contrast([...times(25, fast), ...times(10, slow)], [...times(8, fast), ...times(30, slow)]).suspects();
  assert.ok((found[0]?.suspect.confidence ?? 0) < 0.1, JSON.stringify(found));
});

test("an error that is reported no longer is nothing to mend", () => {
  const told = (steps: string[]): LoggedSpan => ({ service: "shop", name: "GET /", severity: 17, steps });
  assert.deepEqual(contrast(times(20, told(["Shop.java:7 it failed"])), times(20, told([]))).suspects(), []);
});

test("nothing is said of what was hardly seen before", () => {
  assert.deepEqual(contrast(times(2, order(false)), times(30, order(true))).suspects(), []);
});
