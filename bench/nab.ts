import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SubCriticalDetector } from "@omega/scout/detect/sub-critical.ts";
import { z } from "zod";
import type { BenchResult, BenchSkipped, Report } from "./contract.ts";
import { dataSet, missing } from "./data/public-set.ts";
import { nabScore, probationOf, profiles, type ScoredSeries } from "./data/nab-score.ts";

export const about = "anomalies in the Numenta benchmark's series, by its own scoring in three profiles";

const windowsSchema = z.record(z.string(), z.array(z.tuple([z.string(), z.string()])));

interface Series {
  readonly file: string;
  readonly times: readonly number[];
  readonly values: readonly number[];
  /** First and last index of each. */
  readonly windows: readonly (readonly [number, number])[];
}

/** `2014-04-10 07:15:00.000000`, in whatever zone: only their order matters. */
const timeOf = (text: string): number => Date.parse(`${text.slice(0, 19).replace(" ", "T")}Z`);

function seriesIn(folder: string): Series[] {
  const windows = windowsSchema.parse(JSON.parse(readFileSync(join(folder, "windows.json"), "utf8")));
  return Object.entries(windows).map(([file, labelled]) => {
    const rows = readFileSync(join(folder, "data", file), "utf8")
      .trim()
      .split("\n")
      .slice(1);
    const times = rows.map((row) => timeOf(row.split(",")[0] ?? ""));
    return {
      file,
      times,
      values: rows.map((row) => Number(row.split(",")[1])),
      windows: labelled.map(([from, to]) => [
        times.findIndex((time) => time >= timeOf(from)),
        times.findLastIndex((time) => time <= timeOf(to)),
      ]),
    };
  });
}

/** The rule that any detector has to beat: distance from the mean of the last 300 points in their standard deviations. */
function threeSigma(values: readonly number[]): number[] {
  let [mean, square] = [0, 0];
  return values.map((value, at) => {
    const spread = Math.sqrt(Math.max(0, square - mean * mean)) + 1e-9 + 1e-3 * Math.abs(mean);
    const score = at < 10 ? 0 : Math.abs(value - mean) / spread;
    const weight = Math.max(1 / (at + 1), 1 / 300);
    mean += weight * (value - mean);
    square += weight * (value * value - square);
    return score;
  });
}

export async function run(report: Report): Promise<BenchResult | BenchSkipped> {
  const folder = dataSet("nab");
  if (folder === undefined) return { name: "nab", skipped: missing("nab") };
  const series = seriesIn(folder);
  const scored = (scores: (values: readonly number[]) => number[]): ScoredSeries[] =>
    series.map(({ values, windows }) => ({ scores: scores(values), windows, probation: probationOf(values.length) }));
  const from = performance.now();
  const ours = scored((values) => {
    const detector = new SubCriticalDetector();
    return values.map((value) => detector.next(value));
  });
  const points = series.reduce((sum, { values }) => sum + values.length, 0);
  const microsecondsPerPoint = ((performance.now() - from) * 1000) / points;
  const rule = scored(threeSigma);
  const of = (sets: readonly ScoredSeries[], profile: keyof typeof profiles): number =>
    rounded(nabScore(sets, profiles[profile]).score);
  const standard = nabScore(ours, profiles.standard);
  for (const [at, { file, windows }] of series.entries()) {
    const alarms = (ours[at]?.scores ?? []).flatMap((score, index) =>
      score >= standard.threshold && index >= probationOf(series[at]?.values.length ?? 0) ? [index] : [],
    );
    const found = windows.filter(([first, last]) => alarms.some((index) => index >= first && index <= last)).length;
    report(`${file}: ${found} of ${windows.length} windows, ${alarms.length} alarms`);
  }
  const floor = of(rule, "standard");
  return await Promise.resolve({
    name: "nab",
    figure: rounded(standard.score),
    unit: "NAB score, standard profile",
    floor,
    ratio: standard.score / Math.max(1, floor),
    standard: rounded(standard.score),
    lowFp: of(ours, "lowFp"),
    lowFn: of(ours, "lowFn"),
    threshold: rounded(standard.threshold),
    rule: { standard: floor, lowFp: of(rule, "lowFp"), lowFn: of(rule, "lowFn") },
    series: series.length,
    points,
    microsecondsPerPoint: rounded(microsecondsPerPoint),
  });
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
