import { Engine } from "../src/engine.ts";
import type { SignalChange } from "../src/detect/signal.ts";
import { Harvest } from "../src/intake/harvest.ts";
import { Attributes } from "../src/telemetry/attributes.ts";
import { resourceOf } from "../src/telemetry/conventions.ts";
import { seeded, telemetryOf } from "./trace-builder.ts";
import type { Told } from "./trace-builder.ts";

export const stackAt = (file: string, line: number, name: string): string =>
  [
    "TypeError: Cannot read properties of undefined (reading 'rate')",
    `    at ${name} (file:///srv/shop/${file}:${line}:23)`,
    "    at charge (file:///srv/shop/payments/main.ts:9:3)",
    "    at Layer.handle (/srv/shop/node_modules/router/lib/layer.js:152:17)",
    "    at process.processTicksAndRejections (node:internal/process/task_queues:104:5)",
  ].join("\n");

/** What a visitor's order does in the shop; `payments` is how its charge goes this time. */
export const order = (payments: Partial<Told>, noise: () => number): Told => {
  const chargeMs = payments.ms ?? 20 + 40 * noise();
  const failed = payments.failed === true;
  return {
    service: "storefront",
    operation: "POST /orders",
    ms: chargeMs + 30,
    failed,
    calls: [
      {
        service: "checkout",
        operation: "POST /orders",
        at: 5,
        ms: chargeMs + 20,
        failed,
        calls: [
          { service: "inventory", operation: "POST /reservations", ms: 3 + 3 * noise() },
          { service: "payments", operation: "POST /charges", at: 10, ...payments, ms: chargeMs },
        ],
      },
    ],
  };
};

const page = (noise: () => number): Told => ({
  service: "storefront",
  operation: "GET /products",
  ms: 12 + 10 * noise() ** 4,
  calls: [
    {
      service: "inventory",
      operation: "GET /stock",
      ms: 2 + 6 * noise(),
      calls: [{ service: "shop-db", operation: "SELECT shop", database: true, ms: 1 + noise() }],
    },
  ],
});

export interface Gauge {
  readonly service: string;
  readonly name: string;
  readonly unit?: string;
  readonly value: number;
  readonly attributes?: Readonly<Record<string, string>>;
}

const pointInto = (
  harvest: Harvest,
  { service, name, unit = "1", value, attributes = {} }: Gauge,
  nowMs: number,
): void => {
  const resource = resourceOf(Attributes.of({ "service.name": service, "service.instance.id": `${service}-0` }));
  harvest.point({ name, unit, kind: "gauge" }, nowMs, value, undefined, Attributes.of(attributes), resource);
};

/**
 * A simulated shop under steady load with time at a hundred times its speed or more: Poisson arrivals, spans that come half a second
 * late and out of order, rare errors of every kind. `charge` decides how a charge goes at a time.
 */
export const simulate = (options: {
  seed: number;
  seconds: number;
  requestsPerSecond?: number;
  startMs?: number;
  engine?: Engine;
  errorRatio?: number;
  charge?: (nowMs: number, noise: () => number) => Partial<Told>;
  /** Traffic at a time, as a multiple of `requestsPerSecond`. */
  pace?: (nowMs: number) => number;
  /** Gauges of a service's only instance, asked for each fifteen seconds. */
  gauges?: (nowMs: number, noise: () => number) => readonly Gauge[];
}): { engine: Engine; changes: (SignalChange & { atMs: number })[]; endMs: number; requests: number } => {
  const noise = seeded(options.seed);
  const engine = options.engine ?? new Engine({ sourceRoots: ["/srv/shop"] });
  const startMs = options.startMs ?? Date.parse("2026-11-24T03:00:00Z");
  const endMs = startMs + options.seconds * 1000;
  const changes: (SignalChange & { atMs: number })[] = [];
  const arriving: { atMs: number; harvest: Harvest }[] = [];
  const gapMs = 1000 / (options.requestsPerSecond ?? 15);
  let nextMs = startMs;
  let requests = 0;
  for (let nowMs = startMs; nowMs < endMs; nowMs += 500) {
    if (nowMs % 15_000 < 500) {
      const piece = new Harvest();
      for (const gauge of options.gauges?.(nowMs, noise) ?? []) pointInto(piece, gauge, nowMs);
      engine.ingest(piece, nowMs);
    }
    for (; nextMs < nowMs; nextMs += (-Math.log(1 - noise()) * gapMs) / (options.pace?.(nextMs) ?? 1)) {
      requests += 1;
      const chance = options.errorRatio ?? 0.001;
      const told =
        noise() < 0.25
          ? order(noise() < chance ? { failed: true } : (options.charge?.(nextMs, noise) ?? {}), noise)
          : { ...page(noise), failed: noise() < chance };
      const harvest = telemetryOf(told, nextMs);
      // Each service exports by itself: one trace arrives in pieces.
      for (const span of harvest.spans) {
        const piece = new Harvest();
        piece.spans.push(span);
        arriving.push({ atMs: span.startMs + span.durationMs + 500 * noise(), harvest: piece });
      }
    }
    arriving.sort((a, b) => a.atMs - b.atMs);
    while (arriving[0] !== undefined && arriving[0].atMs <= nowMs) {
      const { harvest, atMs } = arriving.shift() ?? { harvest: new Harvest(), atMs: 0 };
      engine.ingest(harvest, atMs);
    }
    changes.push(...engine.tick(nowMs).map((change) => ({ ...change, atMs: nowMs })));
  }
  return { engine, changes, endMs, requests };
};
