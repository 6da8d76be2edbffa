import { percent } from "../detect/signal.ts";
import { ascending, quantileOf, rankShift } from "../diagnose/rank-test.ts";
import { settleMs } from "./recovery.ts";
import type { Outcome } from "../window/operation-log.ts";

/** One operation that the first new pod serves, or that the incident is about. */
export interface CanaryCheck {
  readonly service: string;
  readonly operation: string;
  /** Requests to the first new pod. */
  readonly own: readonly Outcome[];
  /** Requests to the other pods of the service at the same time. */
  readonly others: readonly Outcome[];
  /** Ratio of failures in the incident, and the one that is normal. */
  readonly ratioBefore: number;
  readonly ratioNormal: number;
}

export interface CanaryReading {
  readonly verdict: "pending" | "success" | "failed";
  readonly requests: number;
  readonly failures: number;
  readonly says: string;
}

/** Chance, at most, of a wrong verdict by luck. Recovery is verified afterwards, over all pods and by a stricter measure. */
const luckMax = 0.05;
const oddsMin = Math.log(1 / luckMax);
/**
 * A canary limits damage: it must not fail like the incident, or like something broken. A rare fault is left to the verification of
 * recovery, because one pod's share of the traffic does not show it in the time that a rollout may be held.
 */
const brokenRatio = 0.2;
const normalRatioMin = 0.005;
/** One failed request may be anybody's. */
const failuresMin = 2;
/** A new process is slow at first: connections are made and code is compiled. */
const warmUpMs = 3_000;
const slowRequestsMin = 20;
const slowSigmas = 4;
const slowFactor = 2;

/** How much likelier the counts are if the pod is at fault than if it is well, as a natural logarithm (Wald's sequential test). */
function logOdds(outcomes: readonly Outcome[], { ratioBefore, ratioNormal }: CanaryCheck): number {
  const normal = Math.max(ratioNormal, normalRatioMin);
  const faulty = Math.min(0.999, Math.max(ratioBefore, brokenRatio, 2 * normal));
  const well = Math.min(normal, faulty / 2);
  const failures = outcomes.filter(({ failed }) => failed).length;
  return failures * Math.log(faulty / well) + (outcomes.length - failures) * Math.log((1 - faulty) / (1 - well));
}

function isHurt({ ratioBefore, ratioNormal }: CanaryCheck): boolean {
  return ratioBefore > 2 * Math.max(ratioNormal, normalRatioMin);
}

/**
 * Judges the first new pod of a rollout by the requests that it served itself, while the others wait. It failed when an operation's
 * failures look like the incident's or like those of something broken, or when it is clearly slower than the other pods are at the same
 * time (Mann-Whitney, as in Kayenta). It is a success when every operation that the incident hurt and that the pod served has seen enough
 * good requests to rule that out; without any such operation, when all of its requests together have. Else it is pending: with too little
 * traffic it never ends, and whoever holds the rollout takes "not known" for no.
 */
export function judgeCanary(checks: readonly CanaryCheck[], nowMs: number): CanaryReading {
  // What began just now may still fail, and its span is not here yet.
  const settled = checks.map((check) => ({
    ...check,
    own: check.own.filter(({ startMs }) => startMs < nowMs - settleMs),
  }));
  const served = settled.filter(({ own }) => own.length > 0);
  for (const check of served) {
    const failures = check.own.filter(({ failed }) => failed).length;
    if (failures >= failuresMin && logOdds(check.own, check) > oddsMin) return told("failed", served, [check]);
    const slow = slowness(check);
    if (slow !== undefined) return { ...told("failed", served, [check]), says: slow };
  }
  const hurt = served.filter(isHurt);
  if (hurt.length > 0) {
    return told(hurt.every((check) => logOdds(check.own, check) < -oddsMin) ? "success" : "pending", served, hurt);
  }
  const together = served.reduce((sum, check) => sum + logOdds(check.own, check), 0);
  return told(together < -oddsMin ? "success" : "pending", served, served);
}

/** In words, where the pod is clearly slower than its peers; durations of failed requests say nothing. */
function slowness({ service, operation, own, others }: CanaryCheck): string | undefined {
  const bornMs = Math.min(...own.map(({ startMs }) => startMs));
  const durationsOf = (outcomes: readonly Outcome[]): number[] =>
    ascending(outcomes.filter(({ failed }) => !failed).map(({ durationMs }) => durationMs));
  const mine = durationsOf(own.filter(({ startMs }) => startMs >= bornMs + warmUpMs));
  const theirs = durationsOf(others);
  if (mine.length < slowRequestsMin || theirs.length < slowRequestsMin) return undefined;
  const [median, usual] = [quantileOf(mine, 0.5), quantileOf(theirs, 0.5)];
  if (median < slowFactor * usual || rankShift(theirs, mine) < slowSigmas) return undefined;
  return (
    `${service} ${operation} takes ${median.toFixed(0)} ms in the first new pod and ${usual.toFixed(0)} ms in the others ` +
    `(medians of ${mine.length} and ${theirs.length} requests).`
  );
}

function told(
  verdict: CanaryReading["verdict"],
  served: readonly CanaryCheck[],
  about: readonly CanaryCheck[],
): CanaryReading {
  const counts = (checks: readonly CanaryCheck[]): { requests: number; failures: number } => {
    const outcomes = checks.flatMap(({ own }) => own);
    return { requests: outcomes.length, failures: outcomes.filter(({ failed }) => failed).length };
  };
  const shown = counts(about);
  const before = about.filter(isHurt).map(({ ratioBefore }) => percent(ratioBefore));
  const incident = before.length === 0 ? "" : `; in the incident ${before.join(", ")}`;
  const names = about.map(({ service, operation }) => `${service} ${operation}`).join(", ");
  const says =
    shown.requests === 0
      ? "No request to the first new pod was seen."
      : `${shown.failures} of ${shown.requests} requests to the first new pod failed ` +
        `(${percent(shown.failures / shown.requests)}${incident}): ${names}.`;
  return { verdict, ...counts(served), says: says.slice(0, 1024) };
}

/** Whether a request was served by this pod: by the pod's name, or by an instance id that is or holds its name or uid. */
export function servedBy(
  { pod, instance }: Outcome,
  { name, uid }: { readonly name: string; readonly uid: string },
): boolean {
  return pod === name || instance === uid || (instance?.includes(name) ?? false);
}
