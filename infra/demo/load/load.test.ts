import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { drawJourney, meanSteps } from "./journeys.ts";
import { startLoad } from "./load.ts";
import { seededRandom } from "./seeded-random.ts";

const draw = (seed: number, count: number) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, ordinal) => drawJourney(random, ordinal));
};

test("the same seed draws the same visitors, another seed others", () => {
  assert.deepEqual(draw(7, 50), draw(7, 50));
  assert.notDeepEqual(draw(7, 50), draw(8, 50));
});

test("the mix is what it says: requests a journey, guests, currencies and vouchers", () => {
  const journeys = draw(1, 20_000);
  const steps = journeys.reduce((sum, journey) => sum + journey.steps.length, 0) / journeys.length;
  assert.ok(Math.abs(steps / meanSteps - 1) < 0.03, `${steps} steps a journey, not ${meanSteps}`);
  const orders = journeys.flatMap((journey) => journey.steps.filter((step) => step.path === "/orders"));
  const bodies = orders.map(
    (step) => step.body as { currency: string; customerId?: string; voucher?: { kind: string } },
  );
  const share = (which: (body: (typeof bodies)[number]) => boolean) => bodies.filter(which).length / bodies.length;
  assert.ok(Math.abs(share((body) => body.customerId === undefined) - 0.35) < 0.03);
  assert.ok(Math.abs(share((body) => body.voucher?.kind === "percent") - 0.31) < 0.03);
  assert.deepEqual([...new Set(bodies.map((body) => body.currency))].toSorted(), ["EUR", "GBP", "SEK", "USD"]);
});

test("counts what a visitor would: refused orders and broken connections have failed", async () => {
  const server = createServer((request, response) => {
    if (request.url?.startsWith("/products/")) return void request.socket.destroy();
    response.statusCode = request.url === "/" ? 200 : 503;
    response.end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = new AbortController();
  const { port } = server.address() as AddressInfo;
  const load = startLoad({ url: `http://127.0.0.1:${port}`, ratePerSecond: 400, seed: 3, signal: stop.signal });
  while (load.snapshot().requests < 60) await new Promise(setImmediate);
  stop.abort();
  const report = await load.done;
  server.close();

  const { "200": good = 0, ...bad } = report.outcomes;
  assert.ok(good > 0 && report.failed > 0);
  assert.equal(report.requests, good + report.failed);
  assert.equal(
    Object.values(bad).reduce((sum, count) => sum + count, 0),
    report.failed,
  );
  assert.ok((bad["UND_ERR_SOCKET"] ?? 0) + (bad["ECONNRESET"] ?? 0) > 0, JSON.stringify(report.outcomes));
});

test("a rate that is no rate is refused at once", () => {
  assert.throws(
    () => startLoad({ url: "http://127.0.0.1:1", ratePerSecond: 0, seed: 1 }),
    /ratePerSecond must be positive, not 0/,
  );
});
