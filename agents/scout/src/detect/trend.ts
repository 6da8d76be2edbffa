export interface TrendPoint {
  readonly timeMs: number;
  readonly value: number;
}

export interface Trend {
  /** Theil-Sen slope: the median of the slopes of all pairs, in units a millisecond. */
  readonly slopePerMs: number;
  /** Rises of the median from the first third to the second, and from that to the last: alike when the rise is steady. */
  readonly rises: readonly [number, number];
  /** Whether one step between two levels explains the points better than the line does. */
  readonly stepwise: boolean;
  /** Where the line stands at the newest point. */
  readonly level: number;
  /** Where it stood at the oldest. */
  readonly start: number;
  /** Typical distance of a point from the line (1.4826 × median absolute residual). */
  readonly noise: number;
  /** Chance of so steady a rise in a series that does not move (one-sided Mann-Kendall). */
  readonly pValue: number;
}

const median = (ascending: Float64Array): number => {
  const middle = ascending.length >> 1;
  if (ascending.length === 0) return 0;
  return ascending.length % 2 === 1
    ? (ascending[middle] ?? 0)
    : ((ascending[middle - 1] ?? 0) + (ascending[middle] ?? 0)) / 2;
};

const medianOf = (values: readonly number[]): number => median(Float64Array.from(values).sort());

/** The median slope of all pairs. Up to 29 % of the points may be anything (Theil 1950, Sen 1968). */
const theilSen = (points: readonly TrendPoint[]): number => {
  const slopes: number[] = [];
  for (const [at, point] of points.entries()) {
    for (let other = 0; other < at; other += 1) {
      const from = points[other];
      if (from === undefined || from.timeMs === point.timeMs) continue;
      slopes.push((point.value - from.value) / (point.timeMs - from.timeMs));
    }
  }
  return medianOf(slopes);
};

/** P(X >= z) of a standard normal, by Abramowitz and Stegun 7.1.26 (absolute error below 1.5e-7). */
export const normalTail = (z: number): number => {
  if (z < 0) return 1 - normalTail(-z);
  const x = z / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return 0.5 * series * Math.exp(-x * x);
};

/** One-sided p-value of the Mann-Kendall test for a rise, with the correction for ties and for continuity (Mann 1945, Kendall 1975). */
const mannKendall = (values: readonly number[]): number => {
  const n = values.length;
  let score = 0;
  const ties = new Map<number, number>();
  for (const [at, value] of values.entries()) {
    ties.set(value, (ties.get(value) ?? 0) + 1);
    for (let other = 0; other < at; other += 1) score += Math.sign(value - (values[other] ?? value));
  }
  let variance = n * (n - 1) * (2 * n + 5);
  for (const count of ties.values()) variance -= count * (count - 1) * (2 * count + 5);
  return variance <= 0 || score <= 0 ? 1 : normalTail((score - 1) / Math.sqrt(variance / 18));
};

/** Sum of squares that the best single step between two means leaves. */
const bestStep = (values: readonly number[]): number => {
  const [shift = 0] = values;
  let [rest, restSquares] = [0, 0];
  for (const value of values) {
    rest += value - shift;
    restSquares += (value - shift) ** 2;
  }
  let best = Number.POSITIVE_INFINITY;
  let [sum, squares] = [0, 0];
  for (const [at, value] of values.slice(0, -1).entries()) {
    sum += value - shift;
    squares += (value - shift) ** 2;
    const left = at + 1;
    const right = values.length - left;
    const [after, afterSquares] = [rest - sum, restSquares - squares];
    best = Math.min(best, squares - (sum * sum) / left + afterSquares - (after * after) / right);
  }
  return best;
};

/** The trend of points in order of time; undefined with fewer than eight, of which nothing can be said. */
export const trendOf = (points: readonly TrendPoint[]): Trend | undefined => {
  const newest = points.at(-1);
  const [oldest] = points;
  if (newest === undefined || oldest === undefined || points.length < 8) return undefined;
  const slopePerMs = theilSen(points);
  const base = medianOf(points.map(({ timeMs, value }) => value - slopePerMs * (timeMs - newest.timeMs)));
  const third = Math.floor(points.length / 3);
  const values = points.map(({ value }) => value);
  const early = medianOf(values.slice(0, third));
  const middle = medianOf(values.slice(third, points.length - third));
  const late = medianOf(values.slice(points.length - third));
  const residuals = points.map(({ timeMs, value }) => Math.abs(value - base - slopePerMs * (timeMs - newest.timeMs)));
  return {
    slopePerMs,
    stepwise: bestStep(values) <= residuals.reduce((sum, residual) => sum + residual * residual, 0),
    rises: [middle - early, late - middle],
    level: base,
    start: base + slopePerMs * (oldest.timeMs - newest.timeMs),
    noise: 1.4826 * medianOf(residuals),
    pValue: mannKendall(values),
  };
};

/** Each half of a steady rise has half of it; of what has nearly levelled off, the second has almost nothing. */
const halfShareMin = 0.38;
/** From this ratio of the second rise to the first on, nobody can tell whether it slows down. */
const slowingBelow = 0.9;

/**
 * Whether this rise is steady and goes on to `limit`. One that slows down is followed to where it ends by Aitken's extrapolation: what
 * warms up rises quickly at first and never gets there.
 */
export const reaches = ({ rises: [first, second], level, stepwise }: Trend, limit: number): boolean => {
  if (stepwise || Math.min(first, second) < halfShareMin * (first + second)) return false;
  const ratio = second / first;
  return ratio >= slowingBelow || level >= limit || level + (second * ratio) / (1 - ratio) >= limit;
};
