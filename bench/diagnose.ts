import { diagnose as diagnoseWindow } from "@omega/scout/diagnose/diagnose.ts";
import type { TelemetryWindow } from "@omega/scout/window/telemetry-window.ts";
import { TelemetryWindow as Window } from "@omega/scout/window/telemetry-window.ts";
import type { BenchResult, Report } from "./contract.ts";
import { requestAt, spansPerTrace, type Traffic } from "./data/shop-traffic.ts";

export const about = "diagnosis time from a thousand to a million spans, and how far it is from linear";

const sizes = [1_000, 10_000, 100_000, 1_000_000] as const;
const startMs = Date.parse("2026-11-24T03:00:00Z");
const lastsMs = 10 * 60_000;
const unlimited = {
  tracesMax: Number.POSITIVE_INFINITY,
  bytesMax: Number.POSITIVE_INFINITY,
  ageMsMax: Number.POSITIVE_INFINITY,
};

/** A window of `spans` spans, half of them before the payments service became slow. */
function windowOf(spans: number): { window: TelemetryWindow; onsetMs: number; endMs: number } {
  const window = new Window(unlimited);
  const traces = Math.ceil(spans / spansPerTrace);
  const gapMs = lastsMs / traces;
  for (let number = 0; number < traces; number += 1) {
    const traffic: Traffic = { spans: [], logs: [] };
    const atMs = startMs + number * gapMs;
    requestAt(number, atMs, number < traces / 2 ? 0 : 300, traffic);
    for (const span of traffic.spans) window.addSpan(span, atMs);
    for (const log of traffic.logs) window.addLog(log, atMs);
  }
  return { window, onsetMs: startMs + (traces / 2) * gapMs, endMs: startMs + traces * gapMs };
}

/** What can't be saved: visiting every span of the window once, as assembled traces. */
function visited({ window, endMs }: ReturnType<typeof windowOf>): number {
  let spans = 0;
  const from = performance.now();
  for (const trace of window.traces(startMs, endMs)) spans += trace.nodes.size;
  if (spans === 0) throw new Error("the window is empty");
  return performance.now() - from;
}

export async function run(report: Report): Promise<BenchResult> {
  const times: { spans: number; ms: number; floorMs: number }[] = [];
  for (const spans of sizes) {
    const held = windowOf(spans);
    const floorMs = visited(held);
    const from = performance.now();
    const { candidates, verdict } = diagnoseWindow(held.window, {
      onsetMs: held.onsetMs,
      nowMs: held.endMs,
      affected: [],
      sourceRoots: [],
      lookBackMs: Number.POSITIVE_INFINITY,
    });
    const ms = performance.now() - from;
    if (candidates[0]?.service !== "payments") throw new Error(`${spans} spans: ${verdict}, and not payments`);
    times.push({ spans, ms: Math.round(ms), floorMs: Math.round(floorMs) });
    report(`${spans} spans: ${Math.round(ms)} ms`);
  }
  const at = (spans: number) => times.find((time) => time.spans === spans) ?? { ms: Number.NaN, floorMs: Number.NaN };
  const [middle, largest] = [at(100_000), at(1_000_000)];
  return await Promise.resolve({
    name: "diagnose",
    figure: middle.ms,
    unit: "ms for 100,000 spans",
    floor: middle.floorMs,
    ratio: middle.ms / Math.max(1, middle.floorMs),
    times,
    // 1 is linear: ten times the spans take ten times as long.
    linearity: largest.ms / (10 * middle.ms),
  });
}
