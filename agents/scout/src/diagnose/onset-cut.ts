import type { Diagnosis } from "./diagnosis.ts";

const cutMs = 30_000;
const cutsMax = 5;
/** Less than this after a cut is too little to compare. */
const leftMsMin = 50_000;

/**
 * An onset that is told too early mixes healthy requests into the incident, and no cause stands out. Then later cuts are tried; the
 * one after which a cause stands out most is the likeliest onset. A conclusive answer is never given up for another.
 */
export const surest = (onsetMs: number, untilMs: number, from: (sinceMs: number) => Diagnosis): Diagnosis => {
  let best = from(onsetMs);
  if (best.verdict !== "inconclusive") return best;
  for (let cut = 1; cut <= cutsMax && untilMs - (onsetMs + cut * cutMs) >= leftMsMin; cut += 1) {
    const later = from(onsetMs + cut * cutMs);
    if ((later.candidates[0]?.confidence ?? 0) > (best.candidates[0]?.confidence ?? 0)) best = later;
  }
  return best;
};
