import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { startLoad } from "@omega/demo-load/load.ts";
import type { LoadReport } from "@omega/demo-load/load-report.ts";
import { stop } from "./local-shop.ts";
import {
  callsOf,
  clientKind,
  eventually,
  type ObservedShop,
  request,
  serverKind,
  serviceOf,
  startObservedShop,
  tracesOf,
} from "./observed-shop.ts";

const orderCalls = [
  ">storefront",
  "storefront>checkout",
  "checkout>cart",
  "checkout>inventory",
  "checkout>payments",
] as const;

suite("a healthy shop", () => {
  let observed: ObservedShop;
  let report: LoadReport;

  before(async () => {
    observed = await startObservedShop();
    const { url } = observed.shop;
    report = await startLoad({ url, ratePerSecond: 20, seed: 7, signal: AbortSignal.timeout(10_000) }).done;
  });
  after(() => observed[Symbol.asyncDispose]());

  test("answers its visitors", () => {
    assert.ok(report.requests > 100, JSON.stringify(report));
    assert.ok(report.orders.requests > 10, JSON.stringify(report));
    assert.ok(report.successRatio >= 0.999, JSON.stringify(report));
  });

  test("tells one trace of an order, through every service that took part", async () => {
    const { sink } = observed;
    const [trace] = await eventually("a whole order", () => {
      const found = tracesOf(sink, "POST /orders", orderCalls);
      return found.length > 0 ? found : undefined;
    });
    assert.ok(trace);
    assert.deepEqual([...callsOf(trace)].toSorted(), [...orderCalls].toSorted());
    const byId = new Map(trace.map((span) => [span.spanId, span]));
    for (const span of trace) {
      if (span.kind === serverKind) assert.equal(span.name.split(" ")[1], span.attributes["http.route"]);
      if (span.kind !== serverKind || span.parentSpanId === undefined) continue;
      assert.equal(byId.get(span.parentSpanId)?.kind, clientKind, `${span.name} is called by a client span`);
    }
    const queries = trace.filter((span) => span.attributes["db.system.name"] === "postgresql");
    assert.deepEqual([...new Set(queries.map(serviceOf))].toSorted(), ["cart", "inventory"]);
    for (const query of queries) {
      assert.equal(byId.get(query.parentSpanId ?? "")?.kind, serverKind);
      assert.match(String(query.attributes["db.query.text"]), /^(SELECT|WITH|INSERT|DELETE)/);
    }
  });

  test("says of every span which version in which pod it came from", () => {
    for (const { resource } of observed.sink.spans) {
      const service = String(resource["service.name"]);
      assert.equal(resource["service.version"], observed.shop.services.get(service)?.version);
      assert.equal(resource["k8s.deployment.name"], service);
      assert.equal(resource["k8s.pod.name"], `${service}-0`);
      assert.equal(resource["k8s.namespace.name"], "shop");
    }
  });

  test("writes log records that belong to spans", async () => {
    const { sink } = observed;
    const record = await eventually("the log of a charge", () => sink.logs.find((log) => log.body === "charge booked"));
    const span = await eventually("its span", () => sink.spans.find(({ spanId }) => spanId === record.spanId));
    assert.equal(span.name, "POST /charges");
    assert.equal(span.traceId, record.traceId);
  });

  test("measures requests and its own heap", async () => {
    const { sink, shop } = observed;
    const instrumented = [...shop.services.keys()].filter((service) => service !== "shop-db");
    for (const service of instrumented) {
      for (const metric of ["http.server.request.duration", "v8js.memory.heap.used", "nodejs.eventloop.utilization"]) {
        await eventually(`${metric} of ${service}`, () => sink.metrics.get(service)?.has(metric) || undefined);
      }
    }
  });

  test("refuses what makes no sense, and calls it no error", async () => {
    const { shop, sink } = observed;
    assert.equal((await request(shop, "/products/p-999")).status, 404);
    assert.equal((await request(shop, "/orders", { cartId: "nobodys", currency: "EUR" })).status, 404);
    assert.equal((await request(shop, "/orders", { cartId: "nobodys", currency: "XXX" })).status, 400);
    const line = await request(shop, "/carts/c-1/lines", { productId: "p-001", quantity: 1e9 });
    assert.deepEqual([line.status, Object.keys(line.body as object)], [409, ["error"]]);
    assert.deepEqual(
      sink.logs.filter((log) => log.severity === "error"),
      [],
    );
  });

  test("leaves on SIGTERM, after the last answer and with its last spans sent", async () => {
    const { shop, sink } = observed;
    const storefront = shop.services.get("storefront");
    assert.ok(storefront);
    const [last] = await Promise.all([request(shop, "/products/p-007"), stop(storefront.process)]);
    assert.equal(last.status, 200);
    assert.equal(storefront.process.exitCode, 0);
    assert.ok(sink.spans.some((span) => span.name === "GET /products/:id" && serviceOf(span) === "storefront"));
    const draining = sink.logs.filter((log) => log.body === "draining").map((log) => log.resource["service.name"]);
    assert.deepEqual(draining, ["storefront"]);
  });
});
