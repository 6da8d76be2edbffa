import { join } from "node:path";
import { wilson } from "@omega/scout/detect/binomial.ts";
import { diagnoseFiles } from "@omega/scout/diagnose-files.ts";
import type { Harvest } from "@omega/scout/intake/harvest.ts";
import { readTelemetry } from "@omega/scout/intake/otlp-files.ts";
import type { BenchResult, BenchSkipped, Report } from "./contract.ts";
import { mostAlerts } from "./data/alert-counts.ts";
import { dataSet, missing } from "./data/public-set.ts";
import { casesIn, isRight, type Guess, type IncidentCase } from "./data/incident-case.ts";

export const about = "root causes of recorded TrainTicket faults: AIS@1, AIS@3, AS@1 beside counting alerts";

/** On all 45 cases, by the data set's own authors. */
const published = { ais1: 0.867, ais3: 0.978 };
/** How far the onset that is told may be off, in milliseconds. */
const onsetErrorsMs = [-60_000, 0, 60_000];

interface Trial {
  readonly case: IncidentCase;
  /** Ranks start at 1; 0 is "not among the candidates". */
  readonly ours: Ranks;
  readonly rule: Ranks;
  readonly tookMs: number;
}
interface Ranks {
  readonly cause: number;
  readonly service: number;
}

export async function run(report: Report): Promise<BenchResult | BenchSkipped> {
  const folder = dataSet("nezha-tt");
  if (folder === undefined) return { name: "nezha", skipped: missing("nezha-tt") };
  const minute: Trial[] = [];
  const window: Trial[] = [];
  for (const incident of casesIn(folder)) {
    const { onset, scored } = incident;
    const [fromMs, toMs] = [Date.parse(scored.from), Date.parse(scored.to)];
    minute.push(await trial(folder, incident, fromMs, toMs));
    for (const errorMs of onsetErrorsMs) window.push(await trial(folder, incident, Date.parse(onset) + errorMs));
    const ranks = window.slice(-onsetErrorsMs.length).map(({ ours }) => ours.cause);
    report(
      `${incident.id}  ${incident.fault.padEnd(16)} ${incident.truth.service.padEnd(30)} rank ${minute.at(-1)?.ours.cause ?? 0} of the minute, ${ranks.join(" ")} of the window`,
    );
  }
  const cases = minute.length;
  const [of, overWindow] = [scores(minute, cases), scores(window, cases)];
  const floor = of.rule.ais1;
  return {
    name: "nezha",
    figure: of.ais1,
    unit: "AIS@1 at the scored minute",
    floor,
    // A rule that is never right counts as right once, so that there is a ratio.
    ratio: of.ais1 / Math.max(floor, 1 / cases),
    cases,
    minute: of,
    window: { onsetErrorsMs, ...overWindow },
    published,
    tookMs: Math.round(minute.reduce((sum, { tookMs }) => sum + tookMs, 0) / cases),
  };
}

async function trial(folder: string, incident: IncidentCase, onsetMs: number, untilMs?: number): Promise<Trial> {
  const incidentDir = join(folder, incident.id);
  const baselineDir = join(folder, incident.baseline);
  const found = await diagnoseFiles(
    { incidentDir, baselineDir, onsetMs, ...(untilMs === undefined ? {} : { untilMs }) },
    () => performance.now(),
  );
  if (!found.ok) throw new Error(found.failure.message);
  const rule = mostAlerts(
    await telemetry(baselineDir),
    await telemetry(incidentDir),
    onsetMs,
    untilMs ?? Number.POSITIVE_INFINITY,
  );
  const { candidates, tookMs } = found.value;
  return { case: incident, ours: ranks(candidates, incident), rule: ranks(rule, incident), tookMs };
}

async function telemetry(folder: string): Promise<Harvest> {
  const read = await readTelemetry(folder);
  if (!read.ok) throw new Error(read.failure.message);
  return read.value;
}

/** Strict: no shared places, every wrong candidate counts. */
function ranks(guesses: readonly Guess[], incident: IncidentCase): Ranks {
  const services = [...new Set(guesses.map(({ service }) => service))];
  return {
    cause: guesses.findIndex((guess) => isRight(guess, incident)) + 1,
    service: services.indexOf(incident.truth.service) + 1,
  };
}

/** Trials of one case are not independent: the intervals (Wilson, 95 %) are those of as many cases. */
function scores(trials: readonly Trial[], cases: number) {
  const both = (some: readonly Trial[], count: number) => ({
    cases: count,
    ...tally(some, count, ({ ours }) => ours),
    rule: tally(some, count, ({ rule }) => rule),
  });
  const byFault = [...Map.groupBy(trials, (of) => of.case.fault)].map(([fault, of]) => {
    return [fault, both(of, new Set(of.map((one) => one.case.id)).size)] as const;
  });
  return { ...both(trials, cases), byFault: Object.fromEntries(byFault) };
}

function tally(trials: readonly Trial[], cases: number, of: (trial: Trial) => Ranks) {
  const share = (isHit: (ranks: Ranks) => boolean): number =>
    trials.filter((one) => isHit(of(one))).length / trials.length;
  const interval = (value: number): [number, number] => {
    const { low, high } = wilson(value * cases, cases);
    return [rounded(low), rounded(high)];
  };
  const ais1 = share(({ cause }) => cause === 1);
  const ais3 = share(({ cause }) => cause >= 1 && cause <= 3);
  const as1 = share(({ service }) => service === 1);
  return {
    ais1: rounded(ais1),
    ais3: rounded(ais3),
    as1: rounded(as1),
    intervals: { ais1: interval(ais1), ais3: interval(ais3), as1: interval(as1) },
  };
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;
