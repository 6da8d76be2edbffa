import type { Attributes } from "../telemetry/attributes.ts";
import type { MetricPoint } from "../telemetry/model.ts";

export interface MetricSeries {
  readonly service: string;
  /** The pod or process; empty where the sender doesn't say. */
  readonly instance: string;
  readonly name: string;
  readonly unit: string;
  readonly kind: MetricPoint["kind"];
  readonly attributes: Attributes;
  /** In order of arrival; times in milliseconds. */
  readonly points: { readonly timeMs: number; readonly value: number }[];
}

const seriesMax = 5_000;
/** Half an hour of a point a second, or a day and a quarter of one a minute. */
const pointsMax = 1_800;

/** Recent points of every series, in bounded memory: the oldest points leave first, and new series are refused beyond the limit. */
export class MetricWindow {
  readonly #series = new Map<string, MetricSeries>();
  readonly #ageMsMax: number;

  constructor(ageMsMax: number) {
    this.#ageMsMax = ageMsMax;
  }

  add(point: MetricPoint): void {
    const { service, instance = "" } = point.resource;
    // Points of one metric that differ in attributes are series of their own.
    const attributes = point.attributes.size === 0 ? "" : JSON.stringify(point.attributes);
    const key = `${service}\n${instance}\n${point.name}\n${attributes}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      if (this.#series.size >= seriesMax) return;
      const { name, unit, kind } = point;
      series = { service, instance, name, unit, kind, attributes: point.attributes, points: [] };
      this.#series.set(key, series);
    }
    series.points.push({ timeMs: point.timeMs, value: point.value });
    if (series.points.length > pointsMax * 1.25) series.points.splice(0, series.points.length - pointsMax);
  }

  expire(nowMs: number): void {
    const beforeMs = nowMs - this.#ageMsMax;
    for (const [key, { points }] of this.#series) {
      let old = 0;
      while ((points[old]?.timeMs ?? nowMs) < beforeMs) old += 1;
      if (old > 0) points.splice(0, old);
      if (points.length === 0) this.#series.delete(key);
    }
  }

  all(): Iterable<MetricSeries> {
    return this.#series.values();
  }
}
