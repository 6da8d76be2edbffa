import { ByOperation } from "../window/by-operation.ts";
import type { MetricSeries } from "../window/metric-window.ts";
import type { Operation } from "../window/operation-log.ts";
import type { Finding, Standing, TraceSource } from "./finding.ts";
import { roomOf } from "./room.ts";
import { milliseconds } from "./signal.ts";
import { SubCriticalDetector } from "./sub-critical.ts";
import type { Tuning } from "./tuning.ts";

export interface AnomalySettings {
  readonly enabled: boolean;
  /** Told from this score on: the excess over what is usual, in units of the series' own exponential tail. */
  readonly threshold: number;
  /** Points that a series is watched before anything is told of it. */
  readonly probationPoints: number;
  /** Requests of one operation are gathered for so long and stand for one point: their median and their number. */
  readonly stepSeconds: number;
  /** Requests that a step's median needs. */
  readonly requestsMin: number;
  /** A point this near to what was usual, as a part of it, is never an anomaly, however quiet the series was. */
  readonly changeMin: number;
}

export const anomalySettings: AnomalySettings = {
  enabled: true,
  threshold: 12,
  probationPoints: 120,
  stepSeconds: 20,
  requestsMin: 10,
  changeMin: 0.25,
};

/** Points after which the new level counts as the usual one, and the episode is closed. */
const newNormalPoints = 60;
const calmPoints = 3;
const usualMemory = 60;
const courseMax = 4_000;

interface Course {
  readonly detector: SubCriticalDetector;
  seen: number;
  /** What is usual, by an average that an anomaly does not move. */
  usual: number;
  value: number;
  lastMs: number;
  /** The anomaly under way: what was usual before it, and how many points ago it began. */
  episode: { readonly usual: number; readonly value: number; points: number; calm: number } | undefined;
}

interface OperationCourse {
  readonly operation: Operation;
  stepStartMs: number;
  durations: number[];
  requests: number;
}

const fresh = (): Course => ({
  detector: new SubCriticalDetector(),
  seen: 0,
  usual: 0,
  value: 0,
  lastMs: 0,
  episode: undefined,
});

/**
 * Jumps and shifts of any series, without a threshold in its own unit: the median duration and the number of requests of each
 * operation, and each gauge of a resource. They are told as warnings without a lead time, so that by themselves they open no incident.
 */
export class Anomalies {
  readonly #tuning: Tuning;
  readonly #traces: TraceSource;
  readonly #operations = new ByOperation<OperationCourse>();
  readonly #courses = new Map<string, Course>();
  #found: Finding[] = [];

  constructor(tuning: Tuning, traces: TraceSource) {
    this.#tuning = tuning;
    this.#traces = traces;
  }

  /** What an operation did since the last call. */
  requests(operation: Operation, requests: number, durations: readonly number[], nowMs: number): void {
    const { service, name } = operation;
    const settings = this.#tuning.of(service).anomaly;
    if (!settings.enabled) return;
    let course = this.#operations.get(service, name);
    if (course === undefined) {
      course = { operation, stepStartMs: nowMs, durations: [], requests: 0 };
      this.#operations.set(service, name, course);
    }
    course.requests += requests;
    if (course.durations.length < 1024) course.durations.push(...durations.slice(0, 256));
    if (nowMs - course.stepStartMs < settings.stepSeconds * 1000) return;
    const seconds = (nowMs - course.stepStartMs) / 1000;
    const { durations: gathered, requests: count } = course;
    course.stepStartMs = nowMs;
    course.durations = [];
    course.requests = 0;
    const of = { service, operation: name, instance: "" };
    // The square root of a count has the same spread whatever the traffic.
    this.#point(
      `requests\n${service}\n${name}`,
      { ...of, what: "requests a second", unit: "{request}/s" },
      Math.sqrt(count / seconds),
      nowMs,
      settings,
      (value) => value * value,
    );
    if (gathered.length < settings.requestsMin) return;
    const median = Float64Array.from(gathered).sort()[gathered.length >> 1] ?? 0;
    this.#point(
      `median\n${service}\n${name}`,
      { ...of, what: "median duration", unit: "ms" },
      Math.log(Math.max(median, 0.01)),
      nowMs,
      settings,
      Math.exp,
    );
  }

  /** New points of a series of a resource; only levels can be judged as they are. */
  metric(series: MetricSeries): void {
    if (series.kind !== "gauge" || roomOf(series.name) === undefined) return;
    const { service, instance, name, unit, attributes } = series;
    const settings = this.#tuning.of(service).anomaly;
    if (!settings.enabled) return;
    const key = `gauge\n${service}\n${instance}\n${name}\n${attributes.size === 0 ? "" : JSON.stringify(attributes)}`;
    const course = this.#courses.get(key);
    for (const point of series.points.slice(-32)) {
      if (course !== undefined && point.timeMs <= course.lastMs) continue;
      this.#point(
        key,
        { service, operation: name, instance, what: name, unit },
        point.value,
        point.timeMs,
        settings,
        (value) => value,
      );
    }
  }

  #point(
    key: string,
    of: { service: string; operation: string; instance: string; what: string; unit: string },
    value: number,
    timeMs: number,
    settings: AnomalySettings,
    shown: (value: number) => number,
  ): void {
    let course = this.#courses.get(key);
    if (course === undefined) {
      if (this.#courses.size >= courseMax) return;
      course = fresh();
      this.#courses.set(key, course);
    }
    const score = course.detector.next(value);
    course.seen += 1;
    course.lastMs = timeMs;
    course.value = shown(value);
    if (course.episode !== undefined) {
      this.#follow(course, course.episode);
      return;
    }
    const { usual } = course;
    const change = Math.abs(course.value - usual) / Math.max(Math.abs(usual), Number.EPSILON);
    const isAnomaly =
      course.seen > settings.probationPoints && score >= settings.threshold && change >= settings.changeMin;
    if (!isAnomaly) {
      course.usual += Math.max(1 / course.seen, 1 / usualMemory) * (course.value - usual);
      return;
    }
    course.episode = { usual, value: course.value, points: 0, calm: 0 };
    this.#found.push(this.#finding(key, of, course.value, usual, score, timeMs));
  }

  #follow(course: Course, episode: NonNullable<Course["episode"]>): void {
    episode.points += 1;
    const back = Math.abs(course.value - episode.usual) < Math.abs(episode.value - episode.usual) / 3;
    episode.calm = back ? episode.calm + 1 : 0;
  }

  #finding(
    key: string,
    {
      service,
      operation,
      instance,
      what,
      unit,
    }: { service: string; operation: string; instance: string; what: string; unit: string },
    value: number,
    usual: number,
    score: number,
    timeMs: number,
  ): Finding {
    const text = (of: number): string =>
      unit === "ms"
        ? milliseconds(of)
        : `${Number(of.toPrecision(3))}${unit === "" || unit === "1" || unit.startsWith("{") ? "" : ` ${unit}`}`;
    const where =
      what === operation
        ? `${what} of ${instance === "" ? service : instance}`
        : `The ${what} of ${service} ${operation}`;
    const verb = value > usual ? "jumped to" : "fell to";
    return {
      key: `anomaly\n${key}`,
      stage: "early",
      service,
      operation,
      kind: "anomaly",
      severity: "warning",
      sinceMs: timeMs,
      says: `${where} ${verb} ${text(value)}, where ${text(usual)} was usual (${Number(score.toPrecision(2))} times its own tail beyond what is rare).`,
      confidence: Math.min(0.999, 1 - 0.03 * Math.exp(-Math.min(score, 20) / 3)),
      measures: [
        { name: what.replaceAll(" ", "-"), unit: unit === "" ? "1" : unit, value, baseline: usual },
        { name: "tail-score", unit: "1", value: score },
      ],
      traceIds: this.#traces.slowest(
        what === operation ? { service, ...(instance === "" ? {} : { instance }) } : { service, operation },
        timeMs - 120_000,
      ),
    };
  }

  /** Anomalies since the last call. */
  takeFindings(): Finding[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  /** An episode is over when three points are near what was usual before it, or when the new level has lasted. */
  standing(key: string, nowMs: number): Standing {
    const course = this.#courses.get(key.replace(/^anomaly\n/, ""));
    if (course?.episode === undefined || nowMs - course.lastMs > 10 * 60_000) return { now: "unseen" };
    const { episode } = course;
    const back = episode.calm >= calmPoints;
    if (!back && episode.points < newNormalPoints) return { now: "on" };
    const value = Number(course.value.toPrecision(3));
    return {
      now: "over",
      says: back
        ? `Back at ${value}, near the ${Number(episode.usual.toPrecision(3))} from before.`
        : `${value} has lasted for ${newNormalPoints} points and counts as usual from now on.`,
    };
  }

  /** Its episode has been told to be over: what is now is usual. */
  ended(key: string): void {
    const course = this.#courses.get(key.replace(/^anomaly\n/, ""));
    if (course === undefined) return;
    course.usual = course.value;
    course.episode = undefined;
  }

  expire(nowMs: number): void {
    for (const [key, { lastMs, episode }] of this.#courses) {
      if (episode === undefined && nowMs - lastMs > 3_600_000) this.#courses.delete(key);
    }
    for (const { operation, stepStartMs } of this.#operations.values()) {
      if (nowMs - stepStartMs > 3_600_000) this.#operations.delete(operation.service, operation.name);
    }
  }
}
