import { ByOperation } from "../window/by-operation.ts";
import type { Operation } from "../window/operation-log.ts";
import type { Finding, Standing, TraceSource } from "./finding.ts";
import { leadText, milliseconds, spanText } from "./signal.ts";
import { reaches, trendOf } from "./trend.ts";
import type { Trend, TrendPoint } from "./trend.ts";
import type { Tuning } from "./tuning.ts";

export interface LatencyDriftSettings {
  readonly enabled: boolean;
  /** Durations are gathered for so long and stand for one point: their 95th percentile. */
  readonly stepSeconds: number;
  /** Requests that a step needs; with fewer it says nothing. */
  readonly requestsMin: number;
  /** Newest steps over which a trend is looked for: short ones for quick drifts, long ones for slow ones. */
  readonly windowsSteps: readonly number[];
  /** Chance that a series which does not move shows so steady a rise. */
  readonly falseAlarmChance: number;
  /** A drift is worth telling from this rise on, as a part of where it began. */
  readonly riseMin: number;
  /** Users hurt from this 95th percentile on, in milliseconds; 0 takes the bound from which on requests count as slow. */
  readonly objectiveMs: number;
  /** A drift that reaches the limit later than this is not told yet. */
  readonly horizonMs: number;
  /** Told once more, as critical, when the limit is this near. */
  readonly soonMs: number;
}

export const latencyDriftSettings: LatencyDriftSettings = {
  enabled: true,
  stepSeconds: 30,
  requestsMin: 20,
  windowsSteps: [12, 40, 120],
  falseAlarmChance: 1e-4,
  riseMin: 0.15,
  objectiveMs: 0,
  horizonMs: 2 * 3_600_000,
  soonMs: 10 * 60_000,
};

/** Durations kept of one step; of more, evenly many. */
const keptMax = 1024;
const quantile = 0.95;
const forgottenAfterMs = 2 * 3_600_000;
/** The rise must stand out from the noise of single steps this many times. */
const noiseTimes = 3;

interface Course {
  readonly operation: Operation;
  readonly steps: TrendPoint[];
  stepStartMs: number;
  durations: number[];
  seen: number;
}

/** A slow rise of an operation's latency, told while it is still far from hurting anybody. */
export class LatencyDrift {
  readonly #tuning: Tuning;
  readonly #traces: TraceSource;
  readonly #courses = new ByOperation<Course>();
  /** Operations of which a step has ended since the last look. */
  #moved = new Set<Course>();

  constructor(tuning: Tuning, traces: TraceSource) {
    this.#tuning = tuning;
    this.#traces = traces;
  }

  /** Durations of good requests that ended lately. */
  add(operation: Operation, durations: readonly number[], nowMs: number): void {
    const settings = this.#tuning.of(operation.service).latencyDrift;
    if (!settings.enabled) return;
    let course = this.#courses.get(operation.service, operation.name);
    if (course === undefined) {
      course = { operation, steps: [], stepStartMs: nowMs, durations: [], seen: 0 };
      this.#courses.set(operation.service, operation.name, course);
    }
    if (nowMs - course.stepStartMs >= settings.stepSeconds * 1000) this.#endStep(course, settings, nowMs);
    for (const duration of durations) {
      course.seen += 1;
      if (course.durations.length < keptMax) course.durations.push(duration);
      // Any fixed stride that is prime to the size passes every place once, so that early and late ones stay alike.
      else course.durations[(course.seen * 389) % keptMax] = duration;
    }
  }

  #endStep(course: Course, settings: LatencyDriftSettings, nowMs: number): void {
    if (course.durations.length >= settings.requestsMin) {
      const ascending = Float64Array.from(course.durations).sort();
      const value = ascending[Math.min(ascending.length - 1, Math.floor(quantile * ascending.length))] ?? 0;
      course.steps.push({ timeMs: (course.stepStartMs + nowMs) / 2, value });
      const most = Math.max(...settings.windowsSteps);
      if (course.steps.length > most) course.steps.splice(0, course.steps.length - most);
      this.#moved.add(course);
    }
    course.durations = [];
    course.seen = 0;
    course.stepStartMs = nowMs;
  }

  *findings(nowMs: number): Generator<Finding> {
    const moved = this.#moved;
    this.#moved = new Set();
    for (const course of moved) {
      const found = this.#judge(course, nowMs);
      if (found !== undefined) yield found;
    }
  }

  #judge({ operation, steps }: Course, nowMs: number): Finding | undefined {
    const { latencyDrift: settings, latency } = this.#tuning.of(operation.service);
    let soonest: { trend: Trend; limitMs: number; leadTimeMs: number; sinceMs: number } | undefined;
    for (const window of settings.windowsSteps) {
      if (steps.length < window) break;
      const points = steps.slice(-window);
      const trend = trendOf(points);
      if (trend === undefined || trend.slopePerMs <= 0 || trend.pValue > settings.falseAlarmChance) continue;
      const rise = trend.level - trend.start;
      if (rise < Math.max(settings.riseMin * trend.start, noiseTimes * trend.noise)) continue;
      const bound = Math.max(trend.start * latency.factor, trend.start + latency.marginMs);
      const limitMs = settings.objectiveMs > 0 ? settings.objectiveMs : bound;
      if (!reaches(trend, limitMs)) continue;
      const leadTimeMs = Math.max(0, (limitMs - trend.level) / trend.slopePerMs);
      if (leadTimeMs > settings.horizonMs || (soonest !== undefined && soonest.leadTimeMs <= leadTimeMs)) continue;
      soonest = { trend, limitMs, leadTimeMs, sinceMs: points[0]?.timeMs ?? nowMs };
    }
    if (soonest === undefined) return undefined;
    const { trend, limitMs, leadTimeMs, sinceMs } = soonest;
    const { service, name } = operation;
    const soon = leadTimeMs <= settings.soonMs;
    const perMinute = trend.slopePerMs * 60_000;
    return {
      key: `latency-drift\n${service}\n${name}`,
      stage: soon ? "soon" : "early",
      service,
      operation: name,
      kind: "latency",
      severity: soon ? "critical" : "warning",
      sinceMs,
      says:
        `The 95th percentile of ${service} ${name} rose steadily from ${milliseconds(trend.start)} to ${milliseconds(trend.level)} in the ` +
        `last ${spanText(nowMs - sinceMs)} (${milliseconds(perMinute)} a minute); at this pace it passes ${milliseconds(limitMs)} ${leadText(leadTimeMs)}.`,
      confidence: Math.min(0.999, 1 - trend.pValue),
      measures: [
        { name: "latency-drift", unit: "ms/min", value: perMinute, baseline: 0 },
        { name: "latency-p95", unit: "ms", value: trend.level, baseline: trend.start },
        { name: "latency-limit", unit: "ms", value: limitMs },
      ],
      leadTimeMs,
      traceIds: this.#traces.slowest({ service, operation: name }, nowMs - 2 * settings.stepSeconds * 1000),
    };
  }

  /** An episode is over when the newest steps are back near where it began, or have stopped rising. */
  standing(operation: Operation, startMs: number, nowMs: number): Standing {
    const { stepSeconds } = this.#tuning.of(operation.service).latencyDrift;
    const steps = this.#courses.get(operation.service, operation.name)?.steps ?? [];
    const newest = steps.slice(-8);
    const trend = trendOf(newest);
    if (trend === undefined || nowMs - (newest.at(-1)?.timeMs ?? 0) > 4 * stepSeconds * 1000) return { now: "unseen" };
    const back = trend.level <= 1.1 * startMs;
    const flat = trend.pValue > 0.2 && trend.level - trend.start < 0.05 * startMs;
    if (!back && !flat) return { now: "on" };
    const says = `The 95th percentile of ${operation.service} ${operation.name} is ${milliseconds(trend.level)} and rises no more.`;
    return { now: "over", says };
  }

  expire(nowMs: number): void {
    for (const { operation, stepStartMs } of this.#courses.values()) {
      if (nowMs - stepStartMs > forgottenAfterMs) this.#courses.delete(operation.service, operation.name);
    }
  }
}
