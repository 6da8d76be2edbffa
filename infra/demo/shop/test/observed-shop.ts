/** The local shop with a telemetry sink beside it, and the questions that tests ask of what arrived there. */
import { setTimeout as elapse } from "node:timers/promises";
import { type LocalShop, type LocalShopOptions, startLocalShop } from "./local-shop.ts";
import { type OtlpSink, type SinkSpan, startOtlpSink } from "./otlp-sink.ts";

export const serverKind = 2;
export const clientKind = 3;

export interface ObservedShop extends AsyncDisposable {
  shop: LocalShop;
  sink: OtlpSink;
}

export async function startObservedShop(options: LocalShopOptions = {}): Promise<ObservedShop> {
  const sink = await startOtlpSink();
  try {
    const shop = await startLocalShop({ ...options, otlpEndpoint: sink.endpoint });
    return {
      shop,
      sink,
      async [Symbol.asyncDispose]() {
        await shop[Symbol.asyncDispose]();
        await sink[Symbol.asyncDispose]();
      },
    };
  } catch (failure) {
    await sink[Symbol.asyncDispose]();
    throw failure;
  }
}

/** Waits until `found` answers something; throws naming what never came. */
export async function eventually<T>(what: string, found: () => T | undefined): Promise<T> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const value = found();
    if (value !== undefined) return value;
    await elapse(50);
  }
  throw new Error(`${what} did not arrive within 10 s`);
}

export function serviceOf(span: SinkSpan): string {
  return String(span.resource["service.name"]);
}

/** A trace as edges between services, each once: `storefront>checkout`. Roots are `>storefront`. */
export function callsOf(trace: readonly SinkSpan[]): Set<string> {
  const byId = new Map(trace.map((span) => [span.spanId, span]));
  const calls = new Set<string>();
  for (const span of trace.filter(({ kind }) => kind === serverKind)) {
    const caller = span.parentSpanId === undefined ? undefined : byId.get(span.parentSpanId);
    calls.add(`${caller === undefined ? "" : serviceOf(caller)}>${serviceOf(span)}`);
  }
  return calls;
}

/** The traces that begin with `name`, e.g. `POST /orders`, and hold at least `calls`. */
export function tracesOf(sink: OtlpSink, name: string, calls: readonly string[]): SinkSpan[][] {
  const traces = Map.groupBy(sink.spans, (span) => span.traceId).values();
  return [...traces].filter((trace) => {
    const root = trace.find((span) => span.parentSpanId === undefined);
    const seen = callsOf(trace);
    return root?.name === name && calls.every((call) => seen.has(call));
  });
}

/** Sends a visitor's request and answers the status and the decoded body. */
export async function request(
  shop: LocalShop,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const post = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(shop.url + path, body === undefined ? {} : post);
  return { status: answer.status, body: await answer.json() };
}
