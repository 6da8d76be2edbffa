export type SignalKind = "error-ratio" | "latency" | "burn-rate" | "saturation" | "anomaly";

/** An anomaly of one operation, as it stands when its episode begins. */
export interface Signal {
  /** The same for the whole episode, and the same if the same telemetry is judged again. */
  readonly signalId: string;
  readonly service: string;
  readonly operation: string;
  readonly kind: SignalKind;
  readonly severity: "warning" | "critical";
  /** When it began, as far as the requests show. */
  readonly sinceMs: number;
  readonly says: string;
  readonly confidence: number;
  readonly measures: readonly { name: string; unit: string; value: number; baseline?: number }[];
  /** Time until users hurt; 0 when they do, absent when nobody can say. */
  readonly leadTimeMs?: number;
  /** The newest or the slowest first, at most sixteen. */
  readonly traceIds: readonly string[];
}

export interface SignalChange {
  readonly change: "detected" | "cleared";
  readonly signal: Signal;
  /** The sentence to say now; for "detected" it is the signal's own. */
  readonly says: string;
}

/** `27 %`, `0.1 %`: two significant digits are all that these counts carry. */
export const percent = (ratio: number): string => {
  const value = ratio * 100;
  if (value === 0) return "0 %";
  return `${value >= 10 ? Math.round(value) : Number(value.toPrecision(value >= 1 ? 2 : 1))} %`;
};

/** `40 min`, `2.5 h`: how long something took, for people. */
export const spanText = (ms: number): string => {
  if (ms < 90_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 90 * 60_000) return `${Math.round(ms / 60_000)} min`;
  return `${Number((ms / 3_600_000).toFixed(1))} h`;
};

/** `in 40 min`, or `now`. */
export const leadText = (leadTimeMs: number): string => (leadTimeMs <= 0 ? "now" : `in ${spanText(leadTimeMs)}`);

export const milliseconds = (value: number): string =>
  value >= 10_000
    ? `${(value / 1000).toFixed(1)} s`
    : value >= 10
      ? `${Math.round(value)} ms`
      : `${value.toFixed(1)} ms`;
