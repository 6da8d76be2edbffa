import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seeded, telemetryOf } from "../../test/trace-builder.ts";
import { failed, operationOf } from "./conventions.ts";
import { Attributes } from "./attributes.ts";
import type { Span } from "./model.ts";
import { assemble, depthFirst } from "./trace.ts";

const shop = telemetryOf(
  {
    service: "storefront",
    operation: "POST /orders",
    ms: 100,
    calls: [
      {
        service: "checkout",
        operation: "POST /orders",
        ms: 80,
        skewMs: 2000,
        calls: [{ service: "payments", operation: "POST /charges", ms: 40, skewMs: -2000 }],
      },
    ],
  },
  1_795_000_000_000,
).spans;

const shape = (spans: readonly Span[]): string[] =>
  [...depthFirst(assemble("t", spans).roots)].map((node) => `${node.parent?.span.spanId ?? "-"}>${node.span.spanId}`);

test("the tree is the same whatever the order, and duplicates change nothing", () => {
  const noise = seeded(3);
  for (let round = 0; round < 20; round += 1) {
    assert.deepEqual(shape([...shop, ...shop].sort(() => noise() - 0.5)), shape(shop));
  }
});

test("clocks two seconds apart are put right: every callee lies within its caller", () => {
  for (const node of depthFirst(assemble("t", shop).roots)) {
    if (node.parent === undefined) continue;
    const parentEnd = node.parent.startMs + node.parent.span.durationMs;
    assert.ok(node.startMs >= node.parent.startMs && node.startMs + node.span.durationMs <= parentEnd, node.span.name);
  }
});

test("every span is in the tree once, with parents that are missing, their own, or in cycles", () => {
  const template = shop[0];
  assert.ok(template !== undefined);
  const parents = fc.array(fc.integer({ min: -1, max: 12 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(parents, (of) => {
      const spans = of.map((parent, at) => ({
        ...template,
        spanId: `s${at}`,
        parentSpanId: parent < 0 ? "" : `s${parent}`,
        startMs: at,
      }));
      const seen = [...depthFirst(assemble("t", spans).roots)].map((node) => node.span.spanId);
      assert.deepEqual(seen.toSorted(), spans.map(({ spanId }) => spanId).toSorted());
    }),
  );
});

test("a chain of a hundred thousand spans is walked without a deep stack", () => {
  const template = shop[0];
  assert.ok(template !== undefined);
  const chain = Array.from({ length: 100_000 }, (_, at) => ({
    ...template,
    spanId: `${at}`,
    parentSpanId: at === 0 ? "" : `${at - 1}`,
  }));
  assert.equal([...depthFirst(assemble("t", chain).roots)].length, chain.length);
});

test("operations have few names: routes, else paths without their ids", () => {
  const template = shop[0];
  assert.ok(template !== undefined);
  const named = (name: string, attributes: Record<string, string | number>) =>
    operationOf({ ...template, name, attributes: Attributes.of(attributes) });
  assert.equal(named("GET", { "http.request.method": "GET", "http.route": "/orders/:id" }), "GET /orders/:id");
  assert.equal(
    named("GET", { "http.method": "GET", "http.target": "/orders/4711/items?x=1" }),
    "GET /orders/{id}/items",
  );
  assert.equal(
    named("GET", { "http.request.method": "GET", "url.full": "http://a:1/u/0af76519-16cd-43dd-8448-eb211c80319c" }),
    "GET /u/{id}",
  );
  assert.equal(named("order.place", {}), "order.place");
});

test("a 5xx without a status fails, an explicit ok does not", () => {
  const template = shop[0];
  assert.ok(template !== undefined);
  const attributes = Attributes.of({ "http.status_code": 503 });
  assert.equal(failed({ ...template, attributes }), true);
  assert.equal(failed({ ...template, attributes, status: "ok" }), false);
  assert.equal(failed({ ...template, attributes: Attributes.of({ "http.status_code": 404 }) }), false);
});
