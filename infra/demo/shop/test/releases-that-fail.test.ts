import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startLoad } from "@omega/demo-load/load.ts";
import { callsOf, eventually, request, serverKind, serviceOf, startObservedShop, tracesOf } from "./observed-shop.ts";

test("payments 1.5.0 fails some orders, and the trace leads to the line", async () => {
  await using observed = await startObservedShop({ versions: { payments: "1.5.0" } });
  const { shop, sink } = observed;
  const load = startLoad({ url: shop.url, ratePerSecond: 25, seed: 7, signal: AbortSignal.timeout(12_000) });
  const report = await load.done;

  const failedShare = report.orders.failed / report.orders.requests;
  assert.ok(failedShare > 0.15 && failedShare < 0.4, JSON.stringify(report));
  assert.equal(report.failed, report.orders.failed, "only orders fail");
  assert.equal(report.outcomes["500"], report.orders.failed);

  const exception = await eventually("the exception of payments", () =>
    sink.logs.find((log) => log.resource["service.name"] === "payments" && log.severity === "error"),
  );
  assert.equal(exception.attributes["exception.type"], "TypeError");
  const trace = await eventually("the failed order", () =>
    tracesOf(sink, "POST /orders", [">storefront", "storefront>checkout", "checkout>payments"]).find(
      ([span]) => span?.traceId === exception.traceId,
    ),
  );
  const failing = trace.filter((span) => span.kind === serverKind && span.status === 2);
  assert.deepEqual(failing.map(serviceOf).toSorted(), ["checkout", "payments", "storefront"]);
  const origin = failing.find((span) => serviceOf(span) === "payments");
  assert.equal(origin?.spanId, exception.spanId, "the exception belongs to the failing server span");
  assert.equal(origin?.resource["service.version"], "1.5.0");
  assert.ok(callsOf(trace).has("checkout>inventory"));

  const [, frame] = String(exception.attributes["exception.stacktrace"]).split("\n");
  const [, callee, file, line] = /at (\w+) \((file:.*\.ts):(\d+):\d+\)/.exec(frame ?? "") ?? [];
  assert.equal(callee, "campaignShare");
  const source = readFileSync(fileURLToPath(String(file)), "utf8").split("\n")[Number(line) - 1];
  assert.match(source ?? "", /voucher\.amountOff\.currency/);
});

test("a payment timeout that is too short fails orders in checkout, and gives the stock back", async () => {
  await using observed = await startObservedShop({ env: { PAYMENTS_TIMEOUT_MS: "5" } });
  const { shop, sink } = observed;
  const before = (await request(shop, "/products/p-004")).body as { available: number };
  await request(shop, "/carts/c-1/lines", { productId: "p-004", quantity: 2 });
  assert.equal((await request(shop, "/orders", { cartId: "c-1", currency: "GBP" })).status, 500);

  const exception = await eventually("checkout's exception", () =>
    sink.logs.find((log) => log.resource["service.name"] === "checkout" && log.severity === "error"),
  );
  assert.match(String(exception.attributes["exception.message"]), /on payments: no answer within 5 ms/);
  const now = (await request(shop, "/products/p-004")).body as { available: number };
  assert.equal(now.available, before.available);
});

test("inventory 2.1.0 asks the database once a product", async () => {
  await using observed = await startObservedShop({ versions: { inventory: "2.1.0" } });
  const { shop, sink } = observed;
  assert.equal((await request(shop, "/")).status, 200);
  const trace = await eventually("the page's trace", () => tracesOf(sink, "GET /", ["storefront>inventory"])[0]);
  const page = trace.find((span) => serviceOf(span) === "inventory" && span.kind === serverKind);
  const queries = () => sink.spans.filter((span) => span.parentSpanId === page?.spanId);
  assert.ok(queries().length >= 13, `${queries().length} queries`);
});
