export type SignalKind = "error-ratio" | "latency";

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
  /** Newest first, at most sixteen. */
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

export const milliseconds = (value: number): string =>
  value >= 10_000
    ? `${(value / 1000).toFixed(1)} s`
    : value >= 10
      ? `${Math.round(value)} ms`
      : `${value.toFixed(1)} ms`;
