import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { Engine } from "@omega/scout/engine.ts";
import { decode } from "@omega/scout/intake/decode.ts";
import { listen } from "@omega/scout/intake/receiver.ts";
import type { BenchResult, Report } from "./contract.ts";
import { encodeTraces } from "./data/otlp-encode.ts";
import { requestAt, spansPerTrace, type Traffic } from "./data/shop-traffic.ts";

export const about =
  "spans a second through the whole Scout (HTTP, decoding, window, detectors), as a ratio to bare decoding";

const bodiesCount = 200;
const tracesPerBody = 150;
const rounds = 3;
const startMs = Date.parse("2026-11-24T03:00:00Z");
/** Of simulated time, between two requests. */
const gapMs = 2;
const spans = bodiesCount * tracesPerBody * spansPerTrace;
const unlimited = {
  tracesMax: Number.POSITIVE_INFINITY,
  bytesMax: Number.POSITIVE_INFINITY,
  ageMsMax: Number.POSITIVE_INFINITY,
};

function bodies(): Buffer[] {
  return Array.from({ length: bodiesCount }, (_, body) => {
    const traffic: Traffic = { spans: [], logs: [] };
    for (let at = 0; at < tracesPerBody; at += 1) {
      const number = body * tracesPerBody + at;
      requestAt(number, startMs + number * gapMs, 0, traffic);
    }
    return encodeTraces(traffic.spans);
  });
}

function harvestOf(body: Buffer) {
  const decoded = decode("traces", "protobuf", body);
  if (!decoded.ok) throw new Error(decoded.message);
  return decoded.harvest;
}

/** Spans a second of nothing but reading the same bytes into the internal model, by Scout's own decoder. */
function bare(sent: readonly Buffer[]): number {
  const from = performance.now();
  let read = 0;
  for (const body of sent) read += harvestOf(body).spans.length;
  if (read !== spans) throw new Error(`${read} of ${spans} spans were read`);
  return (spans * 1000) / (performance.now() - from);
}

/** Spans a second from a sender in another thread, over loopback, until the last answer. */
async function whole(sent: readonly Buffer[]): Promise<number> {
  const engine = new Engine({ sourceRoots: [] });
  let simulatedMs = startMs;
  const receiver = await listen({
    host: "127.0.0.1",
    port: 0,
    sink: (harvest) => {
      engine.ingest(harvest, simulatedMs);
      simulatedMs += tracesPerBody * gapMs;
      engine.tick(simulatedMs);
    },
  });
  try {
    const sender = new Worker(join(import.meta.dirname, "data", "otlp-sender.ts"), {
      workerData: { port: receiver.port, bodies: sent },
    });
    const heard = (): Promise<void> =>
      new Promise((resolve, reject) => {
        sender.once("message", () => resolve());
        sender.once("error", reject);
      });
    await heard();
    const from = performance.now();
    const sentAll = heard();
    sender.postMessage("go");
    await sentAll;
    const tookMs = performance.now() - from;
    if (receiver.counts.accepted !== spans) throw new Error(`${receiver.counts.accepted} of ${spans} spans were taken`);
    await sender.terminate();
    return (spans * 1000) / tookMs;
  } finally {
    await receiver.close();
  }
}

/** Heap that a window without limits holds for these spans, scaled to a million, in MiB. */
function memoryPerMillion(sent: readonly Buffer[]): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  const engine = new Engine({ window: unlimited, sourceRoots: [] });
  for (const body of sent) engine.ingest(harvestOf(body), startMs);
  collect();
  const heldBytes = process.memoryUsage().heapUsed - before;
  return (heldBytes / engine.window.size.spans) * (1_000_000 / 1024 / 1024);
}

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

export async function run(report: Report): Promise<BenchResult> {
  const sent = bodies();
  const bytes = sent.reduce((sum, body) => sum + body.length, 0);
  bare(sent);
  const rates: { bare: number; whole: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    rates.push({ bare: bare(sent), whole: await whole(sent) });
    report(`${Math.round(rates.at(-1)?.whole ?? 0)} spans/s, decoding alone ${Math.round(rates.at(-1)?.bare ?? 0)}`);
  }
  const figure = middle(rates.map((rate) => rate.whole));
  const floor = middle(rates.map((rate) => rate.bare));
  return {
    name: "intake",
    figure: Math.round(figure),
    unit: "spans/s",
    floor: Math.round(floor),
    ratio: figure / floor,
    spans,
    bytesPerSpan: Math.round(bytes / spans),
    mebibytesPerMillionSpans: Math.round(memoryPerMillion(sent)),
  };
}
