/** An open-model load generator: visitors arrive by themselves, however slowly the shop answers those before them. */
import { setTimeout as elapse } from "node:timers/promises";
import { drawJourney, type Journey, meanSteps, type Step } from "./journeys.ts";
import { LoadLedger, type LoadReport } from "./load-report.ts";
import { between, seededRandom } from "./seeded-random.ts";

export interface LoadOptions {
  /** The storefront, e.g. `http://127.0.0.1:8080`. */
  url: string;
  /** Requests a second over all visitors; arrivals are a Poisson process. */
  ratePerSecond: number;
  /** The same seed draws the same visitors and the same gaps between them. */
  seed: number;
  /** Ends the arrivals; requests under way are still awaited. */
  signal?: AbortSignal;
  /** A request that takes longer has failed. Milliseconds, 10 s unless told. */
  requestTimeoutMs?: number;
}

export interface Load {
  /** What happened so far. */
  snapshot(): LoadReport;
  /** What happened in all, once the signal was given and the last visitor has left. Never rejects. */
  done: Promise<LoadReport>;
}

/** Visitors at the same time; one who comes when the shop is this full is counted as turned away. */
const visitorsMax = 500;

/** Starts at once. Throws a RangeError for a rate that is not positive. */
export function startLoad(options: LoadOptions): Load {
  if (!(options.ratePerSecond > 0))
    throw new RangeError(`ratePerSecond must be positive, not ${options.ratePerSecond}`);
  const ledger = new LoadLedger();
  return { snapshot: () => ledger.report(), done: run(options, ledger) };
}

async function run(options: LoadOptions, ledger: LoadLedger): Promise<LoadReport> {
  const random = seededRandom(options.seed);
  const meanGapMs = (1_000 * meanSteps) / options.ratePerSecond;
  const visiting = new Set<Promise<void>>();
  let arrivesAt = performance.now();
  for (let ordinal = 0; options.signal?.aborted !== true; ordinal++) {
    const journey = drawJourney(random, ordinal);
    const thinkMs = between(random, 20, 120);
    if (visiting.size >= visitorsMax) ledger.turnedAway();
    else {
      const visit = walk(journey, thinkMs, options, ledger).finally(() => visiting.delete(visit));
      visiting.add(visit);
    }
    arrivesAt += -Math.log(1 - random()) * meanGapMs;
    const gapMs = arrivesAt - performance.now();
    // An aborted wait is how the load is told to end; the loop's condition sees it.
    if (gapMs > 0) await elapse(gapMs, undefined, { signal: options.signal }).catch(() => undefined);
  }
  await Promise.all(visiting);
  return ledger.report();
}

/** One visitor, who gives up at the first step that goes wrong. */
async function walk(journey: Journey, thinkMs: number, options: LoadOptions, ledger: LoadLedger): Promise<void> {
  for (const [index, step] of journey.steps.entries()) {
    if (index > 0) await elapse(thinkMs);
    const sentAt = performance.now();
    const status = await send(step, journey.visitor, options);
    ledger.note(journey.name, step, status, performance.now() - sentAt);
    if (status !== step.expected) return;
  }
}

/** The status of the answer, or why there was none. */
async function send(step: Step, visitor: string, options: LoadOptions): Promise<number | string> {
  const request: RequestInit = {
    method: step.method,
    headers: { "x-visitor": visitor, "content-type": "application/json" },
    signal: AbortSignal.timeout(options.requestTimeoutMs ?? 10_000),
  };
  if (step.body !== undefined) request.body = JSON.stringify(step.body);
  try {
    const answer = await fetch(new URL(step.path, options.url), request);
    await answer.arrayBuffer();
    return answer.status;
  } catch (failure) {
    if (!(failure instanceof Error)) return String(failure);
    const { cause } = failure;
    return cause instanceof Error && "code" in cause ? String(cause.code) : failure.name;
  }
}
