import type { MetricSeries } from "../window/metric-window.ts";
import type { Finding, Standing, TraceSource } from "./finding.ts";
import { boundedSeries } from "./room.ts";
import type { Bounded, Room } from "./room.ts";
import { leadText, percent, spanText } from "./signal.ts";
import { reaches, trendOf } from "./trend.ts";
import type { Trend, TrendPoint } from "./trend.ts";
import type { Tuning } from "./tuning.ts";

export interface SaturationSettings {
  readonly enabled: boolean;
  /** Stretches over which a trend is looked for; each must have been seen from its beginning. */
  readonly windowsMs: readonly number[];
  /** Chance that a series which does not move shows so steady a rise. */
  readonly falseAlarmChance: number;
  /** A rise below this part of the limit is none. */
  readonly riseMin: number;
  /** The part of the limit at which it counts as reached. */
  readonly fullAt: number;
  /** What reaches its limit later than this is not told yet. */
  readonly horizonMs: number;
  /** Told once more, as critical, when the limit is this near. */
  readonly soonMs: number;
  /** Limits of metrics that report none, by the metric's name and in its unit. */
  readonly limits: Readonly<Record<string, number>>;
}

export const saturationSettings: SaturationSettings = {
  enabled: true,
  windowsMs: [10 * 60_000, 55 * 60_000],
  falseAlarmChance: 2e-4,
  riseMin: 0.03,
  fullAt: 1,
  horizonMs: 4 * 3_600_000,
  soonMs: 10 * 60_000,
  limits: {},
};

/** Points a window is reduced to. */
const buckets = 15;
/** A window counts as seen when its points cover this part of it. */
const coveredMin = 0.85;
const noiseTimes = 3;

/** What gives back room by itself is judged by its floor: a heap's low points are what a collection could not free. */
const sawtooth: ReadonlySet<Room> = new Set(["memory"]);

/** What breathes with the traffic is told only when this much of it is used: below, it swells and ebbs every day. */
const breathing: ReadonlySet<Room> = new Set(["connections", "threads", "queue"]);
const breathingFrom = 0.6;

/** At most one point for each part of the window: its floor for what saws, its median otherwise. */
const reduce = (points: readonly TrendPoint[], fromMs: number, toMs: number, floor: boolean): TrendPoint[] => {
  const parts: TrendPoint[][] = Array.from({ length: buckets }, () => []);
  for (const point of points) {
    if (point.timeMs < fromMs || point.timeMs > toMs) continue;
    parts[Math.min(buckets - 1, Math.floor(((point.timeMs - fromMs) / (toMs - fromMs)) * buckets))]?.push(point);
  }
  return parts.flatMap((part) => {
    const ascending = part.toSorted((a, b) => a.value - b.value);
    const chosen = ascending[floor ? 0 : ascending.length >> 1];
    return chosen === undefined ? [] : [chosen];
  });
};

interface Rise {
  readonly trend: Trend;
  readonly leadTimeMs: number;
  readonly sinceMs: number;
}

const keyOf = ({ service, instance, name, attributes }: MetricSeries): string =>
  `saturation\n${service}\n${instance}\n${name}\n${attributes.size === 0 ? "" : JSON.stringify(attributes)}`;

const riseTo = ({ series, room, limit }: Bounded, settings: SaturationSettings): Rise | undefined => {
  const newestMs = series.points.at(-1)?.timeMs;
  if (newestMs === undefined || room === "cpu") return undefined;
  let soonest: Rise | undefined;
  for (const windowMs of settings.windowsMs) {
    const reduced = reduce(series.points, newestMs - windowMs, newestMs, sawtooth.has(room));
    const [first] = reduced;
    if (first === undefined || newestMs - first.timeMs < coveredMin * windowMs) continue;
    const trend = trendOf(reduced);
    if (trend === undefined || trend.slopePerMs <= 0 || trend.pValue > settings.falseAlarmChance) continue;
    if (trend.level - trend.start < Math.max(settings.riseMin * limit, noiseTimes * trend.noise)) continue;
    if (breathing.has(room) && trend.level < breathingFrom * limit) continue;
    if (!reaches(trend, settings.fullAt * limit)) continue;
    const leadTimeMs = Math.max(0, (settings.fullAt * limit - trend.level) / trend.slopePerMs);
    if (leadTimeMs > settings.horizonMs || (soonest !== undefined && soonest.leadTimeMs <= leadTimeMs)) continue;
    soonest = { trend, leadTimeMs, sinceMs: first.timeMs };
  }
  return soonest;
};

const amount = (value: number, unit: string): string => {
  if (unit !== "By" || Math.abs(value) < 1024) {
    const shown = unit === "1" || unit.startsWith("{") ? "" : unit;
    return `${Number(value.toPrecision(3))} ${shown}`.trim();
  }
  const power = Math.min(4, Math.floor(Math.log2(Math.abs(value)) / 10));
  return `${Number((value / 1024 ** power).toPrecision(3))} ${["B", "KiB", "MiB", "GiB", "TiB"][power] ?? "B"}`;
};

/** Slow leaks: what fills up at a steady pace, told with the time that is left. */
export class Saturation {
  readonly #tuning: Tuning;
  readonly #traces: TraceSource;
  readonly #series: () => Iterable<MetricSeries>;

  constructor(tuning: Tuning, traces: TraceSource, series: () => Iterable<MetricSeries>) {
    this.#tuning = tuning;
    this.#traces = traces;
    this.#series = series;
  }

  *findings(nowMs: number): Generator<Finding> {
    for (const bounded of this.#bounded()) {
      const { service, instance, name, unit } = bounded.series;
      const settings = this.#tuning.of(service).saturation;
      const rise = settings.enabled ? riseTo(bounded, settings) : undefined;
      if (rise === undefined) continue;
      const { trend, leadTimeMs, sinceMs } = rise;
      const { limit, room } = bounded;
      const soon = leadTimeMs <= settings.soonMs;
      const place = instance === "" ? service : instance;
      const perHour = trend.slopePerMs * 3_600_000;
      yield {
        key: keyOf(bounded.series),
        stage: soon ? "soon" : "early",
        service,
        operation: name,
        kind: "saturation",
        severity: soon ? "critical" : "warning",
        sinceMs,
        says:
          `${name} of ${place} rose steadily from ${percent(trend.start / limit)} to ${percent(trend.level / limit)} of its limit of ` +
          `${amount(limit, unit)} in the last ${spanText(nowMs - sinceMs)} (${amount(perHour, unit)} an hour); ` +
          `at this pace ${service} runs out of ${room} ${leadText(leadTimeMs)}.`,
        confidence: Math.min(0.999, 1 - trend.pValue),
        measures: [
          { name: "saturation", unit: "1", value: trend.level / limit, baseline: trend.start / limit },
          { name, unit: unit === "" ? "1" : unit, value: trend.level, baseline: trend.start },
          { name: "rise-per-hour", unit: unit === "" ? "1" : unit, value: perHour },
        ],
        leadTimeMs,
        traceIds: this.#traces.slowest({ service, ...(instance === "" ? {} : { instance }) }, nowMs - 120_000),
      };
    }
  }

  *#bounded(): Generator<Bounded> {
    yield* boundedSeries(this.#series(), (service) => this.#tuning.of(service).saturation.limits);
  }

  /** An episode is over when the newest quarter of the shortest window no longer rises, or stands where it began. */
  standing(key: string, start: number, nowMs: number): Standing {
    for (const bounded of this.#bounded()) {
      if (keyOf(bounded.series) !== key) continue;
      const { series, room, limit } = bounded;
      const newest = series.points.at(-1);
      if (newest === undefined || nowMs - newest.timeMs > 5 * 60_000) return { now: "unseen" };
      const windowMs = this.#tuning.of(series.service).saturation.windowsMs[0] ?? 600_000;
      const trend = trendOf(reduce(series.points, newest.timeMs - windowMs, newest.timeMs, sawtooth.has(room)));
      const recent = reduce(series.points, newest.timeMs - windowMs / 4, newest.timeMs, sawtooth.has(room));
      const level = Math.min(...recent.map(({ value }) => value));
      const back = level / limit <= start + 0.02;
      const flat = trend !== undefined && trend.pValue > 0.2;
      if (!back && !flat) return { now: "on" };
      return {
        now: "over",
        says: `${series.name} of ${series.service} is at ${percent(level / limit)} of its limit and rises no more.`,
      };
    }
    return { now: "unseen" };
  }
}
