import { binomialTail } from "./binomial.ts";
import type { SecondBuckets } from "./second-buckets.ts";

export interface ErrorRatioSettings {
  readonly enabled: boolean;
  /** Shorter windows find an outage sooner, longer ones a smaller ratio. */
  readonly windowsSeconds: readonly number[];
  /** Largest chance of a false alarm in one test; tests are made each second for each operation. */
  readonly falseAlarmChance: number;
  readonly failuresMin: number;
  /** Failures within less than this are one hiccup, such as a connection lost while a pod was replaced. */
  readonly spreadSecondsMin: number;
  /** Before anything is known, an operation is taken to fail this often, with the weight of this many requests. */
  readonly priorRatio: number;
  readonly priorRequests: number;
  /** A ratio below this is never worth an alarm, however sure it is. */
  readonly ratioMin: number;
}

export const errorRatioSettings: ErrorRatioSettings = {
  enabled: true,
  windowsSeconds: [6, 20, 100],
  falseAlarmChance: 1e-6,
  failuresMin: 3,
  spreadSecondsMin: 1,
  priorRatio: 0.05,
  priorRequests: 20,
  ratioMin: 0.01,
};

export interface ErrorRatioFinding {
  readonly windowSeconds: number;
  readonly requests: number;
  readonly failures: number;
  readonly ratio: number;
  readonly baselineRatio: number;
  /** Chance of as many failures had nothing changed. */
  readonly pValue: number;
}

/** What an operation normally fails, never quite zero: the prior stands for what has not been seen yet. */
export const normalRatio = (
  normal: { requests: number; failures: number },
  settings: Pick<ErrorRatioSettings, "priorRatio" | "priorRequests"> = errorRatioSettings,
): number =>
  (normal.failures + settings.priorRatio * settings.priorRequests) / (normal.requests + settings.priorRequests);

/** Tests each window against what was normal before it; gives the surest finding, if any is sure enough. */
export const judgeErrorRatio = (
  buckets: SecondBuckets,
  nowSecond: number,
  settings: ErrorRatioSettings = errorRatioSettings,
): ErrorRatioFinding | undefined => {
  let surest: ErrorRatioFinding | undefined;
  for (const windowSeconds of settings.windowsSeconds) {
    const from = nowSecond - windowSeconds + 1;
    const { requests, failures, firstFailure, lastFailure } = buckets.between(from, nowSecond + 1);
    if (failures < settings.failuresMin || lastFailure - firstFailure < settings.spreadSecondsMin) continue;
    const ratio = failures / requests;
    const baselineRatio = normalRatio(buckets.baseline(from), settings);
    if (ratio < Math.max(settings.ratioMin, 2 * baselineRatio)) continue;
    const pValue = binomialTail(failures, requests, baselineRatio);
    if (pValue > settings.falseAlarmChance || (surest !== undefined && surest.pValue <= pValue)) continue;
    surest = { windowSeconds, requests, failures, ratio, baselineRatio, pValue };
  }
  return surest;
};
