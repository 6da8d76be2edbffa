import assert from "node:assert/strict";
import { test } from "node:test";
import { order, stackAt } from "../../test/shop-simulation.ts";
import { seeded, telemetryOf } from "../../test/trace-builder.ts";
import type { Told } from "../../test/trace-builder.ts";
import { Engine } from "../engine.ts";
import type { Diagnosis } from "./diagnosis.ts";

const onsetMs = Date.parse("2026-11-24T03:00:00Z");
const typeError = {
  type: "TypeError",
  message: "Cannot read properties of undefined (reading 'rate')",
  stack: stackAt("payments/loyalty.ts", 21, "loyaltyDiscount"),
};

/** Requests for a minute before the onset and `after` ones since it, told by number. */
const diagnoseStory = (
  tell: (number: number, when: "before" | "after", noise: () => number) => Told,
  options: { after?: number; affected?: { service: string; name: string }[]; lose?: number } = {},
): Diagnosis => {
  const noise = seeded(11);
  const engine = new Engine({ sourceRoots: ["/srv/shop"] });
  const take = (number: number, when: "before" | "after", atMs: number): void => {
    const harvest = telemetryOf(tell(number, when, noise), atMs);
    const kept = harvest.spans.filter(() => noise() >= (options.lose ?? 0));
    harvest.spans.splice(0, harvest.spans.length, ...kept.sort(() => noise() - 0.5));
    engine.ingest(harvest, atMs);
  };
  for (let number = 0; number < 120; number += 1) take(number, "before", onsetMs - 60_000 + number * 450);
  for (let number = 0; number < (options.after ?? 40); number += 1) take(number, "after", onsetMs + number * 200);
  return engine.diagnose(onsetMs, options.affected ?? [], onsetMs + 20_000);
};

const everyFourth = (bad: Partial<Told>) => (number: number, when: string, noise: () => number) =>
  order(when === "after" && number % 4 === 0 ? bad : {}, noise);

test("the line of an exception that a new version throws, with the old version as its contrast", () => {
  for (const logged of [false, true]) {
    const found = diagnoseStory((number, when, noise) => {
      const version = when === "after" && number % 2 === 0 ? "1.5.0" : "1.4.0";
      const bad = version === "1.5.0" && number % 4 === 0;
      return order(bad ? { failed: true, error: typeError, logged, version } : { version }, noise);
    });
    const [top] = found.candidates;
    assert.equal(found.verdict, "cause");
    assert.deepEqual(
      {
        service: top?.service,
        kind: top?.kind,
        operation: top?.operation,
        errorType: top?.errorType,
        version: top?.version,
        healthy: top?.healthyVersion,
      },
      {
        service: "payments",
        kind: "code",
        operation: "POST /charges",
        errorType: "TypeError",
        version: "1.5.0",
        healthy: "1.4.0",
      },
    );
    assert.deepEqual(top?.location, { function: "loyaltyDiscount", file: "payments/loyalty.ts", lineStart: 21 });
    assert.ok((top?.confidence ?? 0) > 0.8);
    assert.equal(found.traceIds.length, 10);
    assert.deepEqual(found.blastRadius.services, ["checkout", "payments", "storefront"]);
    assert.equal(
      found.says,
      "payments 1.5.0 throws TypeError at payments/loyalty.ts:21 (loyaltyDiscount); 1.4.0 does not.",
    );
    assert.ok(top?.evidence.some(({ kind, says }) => kind === "change" && says.includes("at the same time")));
    assert.match(top?.evidence[0]?.ref ?? "", /^trace:[0-9a-f]{32}\/span:[0-9a-f]{16}$/);
  }
});

test("a version without a difference in behaviour is not blamed, however new", () => {
  const found = diagnoseStory((number, when, noise) =>
    order(when === "after" && number % 4 === 0 ? { failed: true, error: typeError } : {}, noise),
  );
  assert.equal(found.candidates[0]?.change, undefined);
  const both = diagnoseStory((number, when, noise) => {
    const version = when === "before" ? "1.4.0" : number % 2 === 0 ? "1.5.0" : "1.4.0";
    return order(when === "after" && number % 4 < 2 ? { failed: true, error: typeError, version } : { version }, noise);
  });
  assert.equal(both.candidates[0]?.service, "payments");
  const change = both.candidates[0]?.evidence.find(({ kind }) => kind === "change")?.says ?? "none";
  assert.ok(!change.includes("at the same time"), change);
});

test("attempts that failed before one went well are no origin", () => {
  const story = (number: number, when: string): Told => ({
    service: "checkout",
    operation: "POST /orders",
    ms: 200,
    failed: when === "after" && number % 4 === 0,
    ...(when === "after" && number % 4 === 0 ? { error: typeError } : {}),
    calls: [
      { service: "inventory", operation: "POST /reservations", at: 5, ms: 20, failed: when === "after" },
      { service: "inventory", operation: "POST /reservations", at: 40, ms: 20, failed: when === "after" },
      { service: "inventory", operation: "POST /reservations", at: 80, ms: 20 },
    ],
  });
  const [top] = diagnoseStory(story).candidates;
  assert.deepEqual([top?.service, top?.kind], ["checkout", "code"]);
});

test("attempts that all failed are one origin, in the service that failed them", () => {
  const attempt = (at: number): Told => ({
    service: "inventory",
    operation: "POST /reservations",
    at,
    ms: 20,
    failed: true,
    error: { ...typeError, stack: stackAt("inventory/stock.ts", 7, "reserve") },
  });
  const story = (number: number, when: string): Told => ({
    service: "checkout",
    operation: "POST /orders",
    ms: 200,
    failed: when === "after" && number % 4 === 0,
    calls:
      when === "after" && number % 4 === 0
        ? [attempt(5), attempt(40), attempt(80)]
        : [{ service: "inventory", operation: "POST /reservations", at: 5, ms: 20 }],
  });
  const found = diagnoseStory(story);
  assert.equal(found.candidates.length, 1);
  assert.equal(found.candidates[0]?.location?.file, "inventory/stock.ts");
  assert.ok(found.candidates[0]?.evidence.some(({ says }) => says.includes("tried again in 10")));
});

test("a failing call that has a fallback does not explain its caller's failure", () => {
  const story = (number: number, when: string): Told => ({
    service: "storefront",
    operation: "GET /products",
    ms: 60,
    failed: when === "after" && number % 4 === 0,
    ...(when === "after" && number % 4 === 0
      ? { error: { ...typeError, stack: stackAt("storefront/page.ts", 33, "render") } }
      : {}),
    calls: [{ service: "recommendations", operation: "GET /ranking", ms: 10, failed: number % 2 === 0 }],
  });
  const [top] = diagnoseStory(story).candidates;
  assert.deepEqual([top?.service, top?.location?.file], ["storefront", "storefront/page.ts"]);
});

test("among calls made at once only the failing one is the origin", () => {
  const story = (number: number, when: string): Told => ({
    service: "storefront",
    operation: "GET /products",
    ms: 60,
    failed: when === "after" && number % 4 === 0,
    calls: ["cart", "inventory", "recommendations"].map((service) => ({
      service,
      operation: "GET /part",
      at: 2,
      ms: 30,
      ...(service === "inventory" && when === "after" && number % 4 === 0
        ? { failed: true, error: { ...typeError, stack: stackAt("inventory/page.ts", 5, "page") } }
        : {}),
    })),
  });
  const found = diagnoseStory(story);
  assert.deepEqual(
    found.candidates.map(({ service }) => service),
    ["inventory"],
  );
});

test("clocks that differ by two seconds, duplicates and a third of the spans lost leave the line standing", () => {
  const found = diagnoseStory(everyFourth({ failed: true, error: typeError, skewMs: -2000 }), { lose: 0.3, after: 80 });
  assert.equal(found.verdict, "cause");
  assert.equal(found.candidates[0]?.service, "payments");
  assert.equal(found.candidates[0]?.location?.lineStart, 21);
});

test("a callee that is gone is named by what others knew of it", () => {
  const found = diagnoseStory(everyFourth({ failed: true, lost: true }));
  assert.deepEqual([found.candidates[0]?.service, found.candidates[0]?.kind], ["payments", "error"]);
  assert.match(found.candidates[0]?.evidence[0]?.says ?? "", /sent no span/);
});

test("a database that fails is a dependency of the service that asked it", () => {
  const story = (number: number, when: string): Told => {
    const bad = when === "after" && number % 4 === 0;
    const query: Told = {
      service: "shop-db",
      operation: "SELECT shop",
      database: true,
      ms: 2,
      failed: bad,
      error: { type: "Error", message: "connection refused" },
    };
    return { service: "inventory", operation: "GET /stock", ms: 10, failed: bad, calls: [query] };
  };
  const [top] = diagnoseStory(story).candidates;
  assert.deepEqual([top?.service, top?.kind, top?.operation], ["inventory", "dependency", "SELECT shop"]);
});

test("who gave up waiting is to blame when the callee is as quick as before", () => {
  const found = diagnoseStory(everyFourth({ failed: true, callFailed: true, callMs: 15 }), {
    affected: [{ service: "storefront", name: "POST /orders" }],
  });
  assert.equal(found.candidates[0]?.service, "payments");
  const impatient = diagnoseStory((number, when, noise) => {
    const told = order({}, noise);
    if (when === "before" || number % 4 !== 0) return told;
    const charge: Told = {
      service: "payments",
      operation: "POST /charges",
      at: 10,
      ms: 40,
      callFailed: true,
      callMs: 15,
    };
    return {
      ...told,
      failed: true,
      calls: [{ service: "checkout", operation: "POST /orders", at: 5, ms: 60, failed: true, calls: [charge] }],
    };
  });
  assert.deepEqual(
    [impatient.candidates[0]?.service, impatient.candidates[0]?.operation],
    ["checkout", "POST /orders"],
  );
});

test("own time on the critical path finds what became slow", () => {
  const story = (_: number, when: string, noise: () => number): Told => ({
    service: "storefront",
    operation: "GET /products",
    ms: (when === "after" ? 330 : 40) + noise(),
    calls: [
      {
        service: "inventory",
        operation: "GET /stock",
        ms: (when === "after" ? 310 : 20) + 2 * noise(),
        calls: [{ service: "shop-db", operation: "SELECT shop", database: true, ms: when === "after" ? 300 : 10 }],
      },
    ],
  });
  const found = diagnoseStory(story);
  assert.equal(found.verdict, "cause");
  assert.deepEqual(
    [found.candidates[0]?.service, found.candidates[0]?.kind, found.candidates[0]?.operation],
    ["inventory", "dependency", "SELECT shop"],
  );
});

test("without a fault the verdict is healthy, and too little to go by is inconclusive", () => {
  assert.equal(diagnoseStory((_, __, noise) => order({}, noise)).verdict, "healthy");
  const one = diagnoseStory((number, when, noise) =>
    order(when === "after" && number === 7 ? { failed: true } : {}, noise),
  );
  assert.equal(one.verdict, "inconclusive");
  assert.equal(new Engine({ sourceRoots: [] }).diagnose(onsetMs, [], onsetMs + 1000).verdict, "inconclusive");
});

test("more traffic of a slow kind is no slow-down", () => {
  const found = diagnoseStory((number, when, noise) => {
    const slow = when === "after" ? number % 10 < 8 : number % 10 < 2;
    return { service: "storefront", operation: slow ? "GET /report" : "GET /", ms: (slow ? 400 : 10) + 5 * noise() };
  });
  assert.equal(found.verdict, "healthy", found.says);
});
