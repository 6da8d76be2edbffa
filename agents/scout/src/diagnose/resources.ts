import { percent } from "../detect/signal.ts";
import type { MetricSeries, MetricWindow } from "../window/metric-window.ts";
import type { CandidateKind, Suspect } from "./diagnosis.ts";
import { ascending, quantileOf, robust } from "./rank-test.ts";

type ResourceKind = Extract<CandidateKind, "cpu" | "memory" | "disk">;

/** A node's measures are every pod's on it: they tell of neighbours, not of this service. */
const notOwn = /\b(?:node|host|system|cluster)\b/i;
const kinds: readonly (readonly [ResourceKind, RegExp])[] = [
  ["cpu", /cpu/i],
  ["memory", /memory|heap|rss\b/i],
  ["disk", /disk|filesystem|volume/i],
];

const pointsBeforeMin = 3;
const zMin = 5;
/** A rise by this part of the limit is as large as any. */
const fullRise = 0.3;
/** What remains of a resource's suspicion when nobody outside notices. */
const unfelt = 0.25;
const usedUpUnfelt = 0.8;

/** Whether a metric is one that resources are judged by; no other is worth keeping. */
export const tellsOfResources = (name: string): boolean => kindOf(name) !== undefined;

const kindOf = (name: string): ResourceKind | undefined =>
  notOwn.test(name) ? undefined : kinds.find(([, words]) => words.test(name))?.[0];

/** A counter that only grows is read as its rate per second, everything else as it is. */
const levels = ({ kind, points }: MetricSeries): { timeMs: number; value: number }[] => {
  const sorted = points.toSorted((a, b) => a.timeMs - b.timeMs);
  if (kind !== "sum") return sorted;
  const rates: { timeMs: number; value: number }[] = [];
  for (const [at, point] of sorted.entries()) {
    const last = sorted[at - 1];
    if (last === undefined || point.timeMs <= last.timeMs) continue;
    // It grows no more after a restart: that interval says nothing.
    if (point.value < last.value) continue;
    rates.push({ timeMs: point.timeMs, value: ((point.value - last.value) * 1000) / (point.timeMs - last.timeMs) });
  }
  return rates;
};

/** What a measure is to its limit, 1 at the limit; undefined where it has none. */
const limitOf = ({ name, unit }: MetricSeries): number | undefined =>
  /utili[sz]ation|ratio|percent/i.test(name) || unit === "%" ? (unit === "%" ? 100 : 1) : undefined;

interface Rise {
  readonly service: string;
  readonly kind: ResourceKind;
  readonly series: MetricSeries;
  readonly was: number;
  readonly is: number;
  readonly z: number;
  readonly strength: number;
  readonly limited: boolean;
}

const intervalOf = (points: readonly { timeMs: number }[]): number =>
  quantileOf(ascending(points.slice(1).map(({ timeMs }, at) => timeMs - (points[at]?.timeMs ?? timeMs))), 0.5);

const riseOf = (series: MetricSeries, kind: ResourceKind, onsetMs: number, nowMs: number): Rise | undefined => {
  const all = levels(series);
  const before = all.filter(({ timeMs }) => timeMs < onsetMs).map(({ value }) => value);
  // A point tells of the time since the one before it, so the next one after the end still does.
  const untilMs = nowMs + intervalOf(all);
  const after = all.filter(({ timeMs }) => timeMs >= onsetMs && timeMs <= untilMs).map(({ value }) => value);
  if (before.length < pointsBeforeMin || after.length === 0) return undefined;
  const { median, spread } = robust(before);
  const is = quantileOf(ascending(after), 0.5);
  const limit = limitOf(series);
  const z = (is - median) / (spread + 0.1 * Math.abs(median) + (limit ?? 0) * 0.01 + Number.EPSILON);
  if (z < zMin) return undefined;
  // Without a known limit only the growth tells, which is less: three doublings of an idle service may be nothing.
  const size =
    limit === undefined
      ? 0.6 * Math.min(1, Math.log2(is / Math.max(median, is / 64)) / 4)
      : Math.min(1, (is - median) / limit / fullRise);
  const strength = size * (1 - Math.exp(-z / 10));
  return { service: series.service, kind, series, was: median, is, z, strength, limited: limit !== undefined };
};

/** A measure that never moved before has no spread to compare with: its z is large, and how large means nothing. */
const zText = (z: number): string => (z > 999 ? "over 999" : z.toFixed(0));

const valueText = (value: number, series: MetricSeries): string => {
  const limit = limitOf(series);
  return limit === undefined ? `${Number(value.toPrecision(3))} ${series.unit}`.trim() : percent(value / limit);
};

/**
 * Services that use far more of a resource since the onset than before, by robust z. A cause shows inside (this measure) and
 * outside (`slow`: services whose callers or own spans lose time), a victim only outside.
 */
export const resourceSuspects = (
  metrics: MetricWindow,
  onsetMs: number,
  nowMs: number,
  slow: ReadonlySet<string>,
): Suspect[] => {
  const rises = new Map<string, Rise[]>();
  for (const series of metrics.all()) {
    const kind = kindOf(series.name);
    const rise = kind === undefined ? undefined : riseOf(series, kind, onsetMs, nowMs);
    if (rise === undefined) continue;
    const key = `${rise.service}\n${rise.kind}`;
    rises.set(key, [...(rises.get(key) ?? []), rise]);
  }
  const found = [...rises.values()].flatMap((of): Suspect[] => {
    // How near the limit it is says more than how much it is.
    const judged = of.some(({ limited }) => limited) ? of.filter(({ limited }) => limited) : of;
    const best = judged.toSorted((a, b) => b.strength - a.strength)[0];
    if (best === undefined) return [];
    // Where nobody outside notices, it hurts nobody, unless nothing is left to use.
    const usedUp = best.limited && best.is >= 0.9 * (limitOf(best.series) ?? 1);
    const felt = slow.has(best.service) ? 1 : usedUp ? usedUpUnfelt : unfelt;
    const evidence = of.slice(0, 4).map(({ series, was, is, z }) => ({
      kind: "metric" as const,
      ref: `metric:${series.name}@${series.instance === "" ? series.service : series.instance}`.slice(0, 512),
      says: `${series.name} of ${series.service} rose from ${valueText(was, series)} to ${valueText(is, series)} (robust z ${zText(z)}).`,
    }));
    const confidence = 0.95 * best.strength * felt;
    return [{ service: best.service, kind: best.kind, confidence, evidence }];
  });
  return found.sort((a, b) => b.confidence - a.confidence).slice(0, 5);
};
