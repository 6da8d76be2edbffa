import { DDSketch } from "@datadog/sketches-js";
import { binomialTail } from "./binomial.ts";
import type { SecondBuckets } from "./second-buckets.ts";

export interface LatencySettings {
  readonly enabled: boolean;
  readonly windowSeconds: number;
  /** The quantile whose crossing is counted. */
  readonly quantile: number;
  /** A request is slow beyond this multiple of the normal quantile and this much above it. */
  readonly factor: number;
  readonly marginMs: number;
  readonly requestsMin: number;
  readonly normalRequestsMin: number;
  readonly falseAlarmChance: number;
  /** It must be seen for this long without a break: a pause of one process is not a shift. */
  readonly sustainedSeconds: number;
}

export const latencySettings: LatencySettings = {
  enabled: true,
  windowSeconds: 15,
  quantile: 0.95,
  factor: 2,
  marginMs: 50,
  requestsMin: 20,
  normalRequestsMin: 100,
  falseAlarmChance: 1e-9,
  sustainedSeconds: 8,
};

export interface LatencyFinding {
  readonly windowSeconds: number;
  readonly requests: number;
  readonly slow: number;
  readonly thresholdMs: number;
  readonly baselineMs: number;
  readonly pValue: number;
}

const generationSeconds = 300;
/** Seconds are learnt as normal only when they have this age, so that a fault is seen before it can become the norm. */
const learnAfterSeconds = 30;
const accuracy = { relativeAccuracy: 0.02 };

/** The normal durations of one operation: two overlapping generations of a quantile sketch (DDSketch, VLDB 2019), 2 % accurate. */
export class LatencyBaseline {
  readonly #settings: LatencySettings;
  #older = new DDSketch(accuracy);
  #current = new DDSketch(accuracy);
  #turnedAt = Number.NEGATIVE_INFINITY;
  #slowSince = Number.POSITIVE_INFINITY;
  thresholdMs = Number.POSITIVE_INFINITY;
  baselineMs = 0;

  constructor(settings: LatencySettings = latencySettings) {
    this.#settings = settings;
  }

  /** Learns from the seconds that are old enough, sets the threshold anew, and gives the durations that it learnt from. */
  learn(buckets: SecondBuckets, nowSecond: number): readonly number[] {
    if (nowSecond - this.#turnedAt > generationSeconds) {
      this.#older = this.#current;
      this.#current = new DDSketch(accuracy);
      this.#turnedAt = nowSecond;
    }
    const durations = buckets.takeDurations(nowSecond - learnAfterSeconds);
    if (durations.length === 0) return durations;
    for (const duration of durations) this.#current.accept(duration);
    const fuller = this.#current.count >= this.#older.count ? this.#current : this.#older;
    if (fuller.count < this.#settings.normalRequestsMin) return durations;
    const { quantile, factor, marginMs } = this.#settings;
    this.baselineMs = fuller.getValueAtQuantile(quantile);
    this.thresholdMs = Math.max(this.baselineMs * factor, this.baselineMs + marginMs);
    return durations;
  }

  /** At most one request in twenty is beyond the normal 95th percentile, by its definition; many more are a shift. */
  judge(buckets: SecondBuckets, nowSecond: number): LatencyFinding | undefined {
    const { windowSeconds, quantile, requestsMin, falseAlarmChance, sustainedSeconds } = this.#settings;
    const { requests, slow } = buckets.between(nowSecond - windowSeconds + 1, nowSecond + 1);
    const pValue = requests < requestsMin ? 1 : binomialTail(slow, requests, 1 - quantile);
    if (pValue > falseAlarmChance) {
      this.#slowSince = Number.POSITIVE_INFINITY;
      return undefined;
    }
    this.#slowSince = Math.min(this.#slowSince, nowSecond);
    if (nowSecond - this.#slowSince < sustainedSeconds) return undefined;
    return { windowSeconds, requests, slow, thresholdMs: this.thresholdMs, baselineMs: this.baselineMs, pValue };
  }
}
