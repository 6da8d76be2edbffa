import { milliseconds, percent } from "../detect/signal.ts";
import type { Outcome } from "../window/operation-log.ts";

/** How recovery is judged, in the terms of Argo Rollouts' AnalysisTemplate. */
export interface RecoveryTerms {
  readonly intervalMs: number;
  /** Successful measurements that confirm recovery. */
  readonly count: number;
  /** Failed measurements tolerated before the verdict is "failed". */
  readonly failureLimit: number;
  /** Inconclusive measurements tolerated before the verdict is "inconclusive". */
  readonly inconclusiveLimit: number;
}

export interface Measurement {
  readonly atMs: number;
  readonly verdict: "successful" | "failed" | "inconclusive";
  readonly requests: number;
  readonly failures: number;
}

/** One operation whose recovery is asked about. */
export interface RecoveryCheck {
  readonly service: string;
  readonly operation: string;
  /** Requests that began after the action. */
  readonly fresh: readonly Outcome[];
  /** Ratio of failures in the incident, and the one that is normal. */
  readonly ratioBefore: number;
  readonly ratioNormal: number;
  /** In an incident of slowness: what took longer than this counts as failed here. */
  readonly slowFromMs?: number;
}

export interface Recovery {
  readonly verdict: "pending" | "confirmed" | "failed" | "inconclusive";
  readonly measurements: readonly Measurement[];
  readonly says: string;
}

/** Chance, at most, that a fault as it was before would have shown no more failures than were seen. */
const luckMax = 0.01;
/** Spans of an interval are complete this long after its end; exporters send in batches. */
export const settleMs = 1_500;

/** Part of an incident's requests that were slow, from which on being slow is what the incident was about. */
const slowShareMin = 0.15;
const slowRequestsMin = 10;
/** Slow requests are normal now and then. */
const slowNormal = 0.02;

/** A check that counts slow requests as failed where the incident was one of slowness, so that a fix that only stops errors confirms nothing. */
export const withSlowness = (
  check: RecoveryCheck,
  inIncident: readonly Outcome[],
  slowFromMs: number,
): RecoveryCheck => {
  const slow = inIncident.filter(({ durationMs }) => durationMs > slowFromMs);
  if (inIncident.length < slowRequestsMin || slow.length < slowShareMin * inIncident.length) return check;
  const bad = ({ failed, durationMs }: Outcome): boolean => failed || durationMs > slowFromMs;
  return {
    ...check,
    fresh: check.fresh.map((outcome) => (bad(outcome) ? { ...outcome, failed: true } : outcome)),
    ratioBefore: inIncident.filter(bad).length / inIncident.length,
    ratioNormal: check.ratioNormal + slowNormal,
    slowFromMs,
  };
};

/** How much likelier the counts are if the fault is still there than if it is gone, as a natural logarithm (Wald's test). */
const logOdds = (requests: number, failures: number, check: RecoveryCheck): number => {
  const faulty = Math.min(0.999, Math.max(check.ratioBefore, 2 * check.ratioNormal, 0.02));
  const normal = Math.min(check.ratioNormal, faulty / 2);
  return failures * Math.log(faulty / normal) + (requests - failures) * Math.log((1 - faulty) / (1 - normal));
};

const countsOf = (check: RecoveryCheck, fromMs: number, toMs: number): { requests: number; failures: number } => {
  let requests = 0;
  let failures = 0;
  for (const outcome of check.fresh) {
    if (outcome.startMs < fromMs || outcome.startMs >= toMs) continue;
    requests += 1;
    if (outcome.failed) failures += 1;
  }
  return { requests, failures };
};

/**
 * Judges recovery from requests that began after the action. Each interval is one measurement: failed when its failures look
 * more like the fault than like normal, inconclusive without requests, successful otherwise. Recovery is confirmed by `count`
 * successful measurements and, over all of these, enough requests that luck cannot explain them (a sequential probability-ratio
 * test against the ratio of the incident), so a fault of 2 % takes longer to rule out than one of 30 %.
 */
export const judgeRecovery = (
  checks: readonly RecoveryCheck[],
  terms: RecoveryTerms,
  afterMs: number,
  nowMs: number,
): Recovery => {
  const measurements: Measurement[] = [];
  let successful = 0;
  let failedOnes = 0;
  let inconclusive = 0;
  const evidence = new Map<RecoveryCheck, number>();
  const hurt = checks.filter((check) => check.ratioBefore > 2 * check.ratioNormal);
  // What did not fail before can't recover; it may only not begin to fail.
  const suffering = hurt.length > 0 ? hurt : checks;
  for (let fromMs = afterMs; fromMs + terms.intervalMs + settleMs <= nowMs; fromMs += terms.intervalMs) {
    const toMs = fromMs + terms.intervalMs;
    const counts = checks.map((check) => ({ check, ...countsOf(check, fromMs, toMs) }));
    const requests = counts.reduce((sum, of) => sum + of.requests, 0);
    const failures = counts.reduce((sum, of) => sum + of.failures, 0);
    const bad = counts.some((of) => of.failures > 0 && logOdds(of.requests, of.failures, of.check) > 0);
    const verdict = bad ? "failed" : requests === 0 ? "inconclusive" : "successful";
    if (verdict === "failed") failedOnes += 1;
    else if (verdict === "inconclusive") inconclusive += 1;
    else {
      successful += 1;
      for (const { check, ...of } of counts) {
        if (of.requests === 0 || !suffering.includes(check)) continue;
        evidence.set(check, (evidence.get(check) ?? 0) + logOdds(of.requests, of.failures, check));
      }
    }
    measurements.push({ atMs: toMs, verdict, requests, failures });
    if (failedOnes > terms.failureLimit) return told("failed", measurements, checks);
    if (inconclusive > terms.inconclusiveLimit) return told("inconclusive", measurements, checks);
    if (successful >= terms.count && sureOfRecovery(evidence)) return told("confirmed", measurements, checks);
    // Successful, but never enough requests to be sure: the same limit ends it.
    if (measurements.length >= terms.count + terms.failureLimit + terms.inconclusiveLimit) {
      return told("inconclusive", measurements, checks);
    }
  }
  return told("pending", measurements, checks);
};

/**
 * Every suffering check that had traffic must be sure by itself, by its successful measurements; failed ones have the limit that was set
 * for them.
 */
const sureOfRecovery = (evidence: ReadonlyMap<RecoveryCheck, number>): boolean =>
  evidence.size > 0 && [...evidence.values()].every((odds) => odds < Math.log(luckMax));

const wrongOf = (checks: readonly RecoveryCheck[]): string => {
  const slowFromMs = checks.find((check) => check.slowFromMs !== undefined)?.slowFromMs;
  return slowFromMs === undefined ? "failed" : `failed or took longer than ${milliseconds(slowFromMs)}`;
};

const told = (
  verdict: Recovery["verdict"],
  measurements: readonly Measurement[],
  checks: readonly RecoveryCheck[],
): Recovery => {
  const requests = measurements.reduce((sum, of) => sum + of.requests, 0);
  const failures = measurements.reduce((sum, of) => sum + of.failures, 0);
  const names = checks.map((check) => `${check.service} ${check.operation}`).join(", ");
  const before = checks.map((check) => percent(check.ratioBefore)).join(", ");
  const says =
    requests === 0
      ? `No request to ${names} was seen in ${measurements.length} measurements after the action.`
      : `${failures} of ${requests} requests to ${names} ${wrongOf(checks)} in ${measurements.length} measurements after the action ` +
        `(${percent(failures / requests)}; in the incident ${before}).`;
  return { verdict, measurements, says: says.slice(0, 1024) };
};
