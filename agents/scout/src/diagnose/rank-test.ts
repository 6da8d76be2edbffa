/** Order statistics of samples: the quantile `q` by nearest rank of an ascending list, 0 of an empty one. */
export const quantileOf = (ascending: readonly number[], q: number): number =>
  ascending[Math.min(ascending.length - 1, Math.floor(q * ascending.length))] ?? 0;

export const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

/**
 * Standard errors by which `after` lies above `before` (Mann-Whitney U, normal approximation, ties counted half). Both ascending;
 * 0 when one is empty.
 */
export const rankShift = (before: readonly number[], after: readonly number[]): number => {
  const [n, m] = [before.length, after.length];
  if (n === 0 || m === 0) return 0;
  let u = 0;
  let below = 0;
  let notAbove = 0;
  for (const value of after) {
    while (below < n && (before[below] ?? 0) < value) below += 1;
    if (notAbove < below) notAbove = below;
    while (notAbove < n && (before[notAbove] ?? 0) <= value) notAbove += 1;
    u += (below + notAbove) / 2;
  }
  return (u - (n * m) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12);
};

/** Median and robust spread (1.4826 times the median distance from it, which is sigma for normal samples). */
export const robust = (values: readonly number[]): { median: number; spread: number } => {
  const median = quantileOf(ascending(values), 0.5);
  const spread = 1.4826 * quantileOf(ascending(values.map((value) => Math.abs(value - median))), 0.5);
  return { median, spread };
};
