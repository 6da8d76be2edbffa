import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { builtPage } from "@omega/console/built-page.ts";
import { systemClock } from "@omega/shared/clock.ts";
import type { Browser } from "playwright-core";
import { chromiumPath, openBrowser } from "../test/e2e/console/browser.ts";
import { until } from "../test/agent-processes.ts";
import type { BenchResult, BenchSkipped, Report } from "./contract.ts";
import { longTasksOf, signedIn, usefulPaintMs, type SignedIn } from "./data/console-in-browser.ts";
import { Visitor } from "./data/console-visitors.ts";
import { BenchWorld, residentMb, type Served } from "./data/console-world.ts";

export const about =
  "first useful paint of the console beside a bare page's; its size, long tasks, memory with 50 open";

const events = 10_000;
const more = 500;
const visitorsMax = 50;
const paints = 9;
/** A page reads its incident again when events have settled for so long. */
const settleMs = 150;

export async function run(report: Report): Promise<BenchResult | BenchSkipped> {
  if (chromiumPath === undefined)
    return { name: "console", skipped: "there is no Chromium; install it or name one in OMEGA_TEST_CHROMIUM" };
  const size = sizeOf(await builtPage(report));
  report(`the page: ${size.gzipKb} kB of JavaScript, gzipped`);
  const [world, browser] = await Promise.all([BenchWorld.start(), openBrowser()]);
  try {
    const [served, bare] = await Promise.all([world.console(), world.bare()]);
    const { origin } = new URL(served.said);
    const state = await signedIn(browser, served.said);
    const emptyMb = residentMb(served.process).now;
    const paint = await paintOf(browser, origin, bare.said, state);
    report(`first useful paint: ${paint.paintMs} ms, of a bare page ${paint.floorMs} ms`);
    await world.say(events - 1);
    const tasks = await longTasksOf(browser, `${origin}/incident/${world.incidentId}`, state, {
      events,
      more: async () => {
        await world.say(more);
        return more;
      },
    });
    report(`${events} events in one incident, then ${more} live: ${tasks.count} tasks over 100 ms`);
    const memory = await memoryOf(served, bare, world, state);
    report(`${visitorsMax} pages open: ${memory.serverMb} MB, a bare server ${memory.serverFloorMb} MB`);
    return {
      name: "console",
      figure: paint.paintMs,
      unit: "ms to the first useful paint, p50",
      floor: paint.floorMs,
      ratio: paint.paintMs / paint.floorMs,
      ...size,
      paintMs: paint.paintMs,
      events: events + more,
      longTasks: tasks.count,
      longestTaskMs: Math.round(tasks.longestMs),
      visitors: visitorsMax,
      emptyServerMb: Math.round(emptyMb),
      ...memory,
    };
  } finally {
    await browser.close();
    await world.close();
  }
}

/** All of the built page, as a server that gzips sends it, in kB of 1000 bytes. */
function sizeOf(folder: string): { gzipKb: number; wholePageGzipKb: number } {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => extname(path) !== "");
  const kilobytes = (paths: readonly string[]): number =>
    Math.round(paths.reduce((sum, path) => sum + gzipSync(readFileSync(join(folder, path))).length, 0) / 100) / 10;
  return { gzipKb: kilobytes(files.filter((path) => extname(path) === ".js")), wholePageGzipKb: kilobytes(files) };
}

/** In turns, so that both see the same machine. */
async function paintOf(
  browser: Browser,
  origin: string,
  bare: string,
  state: SignedIn,
): Promise<{ paintMs: number; floorMs: number }> {
  const [own, floor]: [number[], number[]] = [[], []];
  for (let round = 0; round < paints; round += 1) {
    own.push(await usefulPaintMs(browser, `${origin}/`, state));
    floor.push(await usefulPaintMs(browser, bare, undefined));
  }
  return { paintMs: median(own), floorMs: median(floor) };
}

/** Fifty people open the long incident at once, stay while it goes on, and read it again each time it has moved. */
async function memoryOf(
  served: Served,
  bare: Served,
  world: BenchWorld,
  state: SignedIn,
): Promise<{ serverMb: number; serverPeakMb: number; serverFloorMb: number }> {
  const cookie = state.cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  const visitors = Array.from({ length: visitorsMax }, () => new Visitor(new URL(served.said).origin, cookie));
  const strangers = Array.from({ length: visitorsMax }, () => new Visitor(bare.said, ""));
  const incident = `/api/incidents/${world.incidentId}`;
  try {
    await Promise.all(strangers.map((stranger) => stranger.follow(0)));
    await Promise.all(
      visitors.map(async (visitor) => {
        await visitor.follow(1 + events + more - 1);
        await Promise.all(["/api/now", incident, `${incident}/timeline`].map((path) => visitor.read(path)));
      }),
    );
    for (let round = 1; round <= 5; round += 1) {
      await world.say(more / 5);
      await until("every page has every event", () => visitors.every(({ frames }) => frames >= (round * more) / 5));
      await systemClock.sleep(settleMs);
      await Promise.all(visitors.map((visitor) => visitor.read(incident)));
    }
    const { now, peak } = residentMb(served.process);
    return {
      serverMb: Math.round(now),
      serverPeakMb: Math.round(peak),
      serverFloorMb: Math.round(residentMb(bare.process).now),
    };
  } finally {
    for (const visitor of [...visitors, ...strangers]) visitor.leave();
  }
}

function median(values: readonly number[]): number {
  return Math.round(values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN);
}
