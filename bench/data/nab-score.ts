/** One labelled series with the detector's score of every point. */
export interface ScoredSeries {
  readonly scores: readonly number[];
  /** First and last index of each window in which a detection counts as true. */
  readonly windows: readonly (readonly [number, number])[];
  /** Points at the start that are not judged. */
  readonly probation: number;
}

export interface Profile {
  readonly tp: number;
  readonly fn: number;
  readonly fp: number;
}

/** NAB's application profiles (Lavin and Ahmad, ICMLA 2015; config/profiles.json). */
export const profiles = {
  standard: { tp: 1, fn: 1, fp: 0.11 },
  lowFp: { tp: 1, fn: 1, fp: 0.22 },
  lowFn: { tp: 1, fn: 2, fp: 0.11 },
} as const satisfies Record<string, Profile>;

export const probationOf = (points: number): number => Math.floor(Math.min(0.15 * points, 750));

const scaledSigmoid = (x: number): number => (x > 3 ? -1 : 2 / (1 + Math.exp(5 * x)) - 1);

/** What one detection is worth: positive inside a window, the more the earlier; negative after one, the more the farther. */
interface Worth {
  readonly score: number;
  readonly window: number;
  readonly worth: number;
}

function worthsOf({ scores, windows, probation }: ScoredSeries, offset: number): Worth[] {
  const found: Worth[] = [];
  let last: readonly [number, number] | undefined;
  let at = 0;
  for (let index = 0; index < scores.length; index += 1) {
    while ((windows[at]?.[1] ?? Number.POSITIVE_INFINITY) < index) last = windows[at++];
    const score = scores[index] ?? 0;
    const inside = windows[at] !== undefined && index >= (windows[at]?.[0] ?? 0);
    if (index < probation) continue;
    if (inside) {
      const [first, end] = windows[at] ?? [0, 0];
      const width = end - first + 1;
      found.push({ score, window: offset + at, worth: scaledSigmoid(-(end - index + 1) / width) / scaledSigmoid(-1) });
    } else {
      const width = last === undefined ? 0 : last[1] - last[0];
      const worth = last === undefined || width === 0 ? -1 : scaledSigmoid((index - last[1]) / width);
      found.push({ score, window: -1, worth });
    }
  }
  return found;
}

export interface NabScore {
  /** 0 is a detector that says nothing, 100 a perfect one. */
  readonly score: number;
  readonly threshold: number;
}

/**
 * NAB's score at the best single threshold for the whole set, as NAB's own optimiser picks it: every window counts its best detection,
 * a missed one costs fn, a detection outside costs fp × (0…1).
 */
export function nabScore(series: readonly ScoredSeries[], { tp, fn, fp }: Profile): NabScore {
  let windows = 0;
  const worths: Worth[] = [];
  for (const one of series) {
    for (const worth of worthsOf(one, windows)) worths.push(worth);
    windows += one.windows.length;
  }
  worths.sort((a, b) => b.score - a.score);
  const best = Array.from({ length: windows }, () => Number.NEGATIVE_INFINITY);
  let raw = -fn * windows;
  let top = { raw, threshold: Number.POSITIVE_INFINITY };
  for (const [index, { score, window, worth }] of worths.entries()) {
    if (window < 0) raw += fp * worth;
    else {
      const held = best[window] ?? Number.NEGATIVE_INFINITY;
      if (worth > held) {
        raw += held === Number.NEGATIVE_INFINITY ? fn + tp * worth : tp * (worth - held);
        best[window] = worth;
      }
    }
    // Points of one score are detected together or not at all.
    if (worths[index + 1]?.score !== score && raw > top.raw) top = { raw, threshold: score };
  }
  const nothing = -fn * windows;
  const perfect = tp * windows;
  return { score: (100 * (top.raw - nothing)) / (perfect - nothing), threshold: top.threshold };
}
