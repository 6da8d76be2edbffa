import { fisherTail } from "../detect/binomial.ts";
import type { Outcome } from "../window/operation-log.ts";

/** A version that fails where another version of the same service, asked for the same, does not. */
export interface VersionContrast {
  readonly version: string;
  readonly failures: number;
  readonly requests: number;
  readonly healthyVersion: string;
  readonly healthyFailures: number;
  readonly healthyRequests: number;
  /** Both were in service since the onset; otherwise the healthy one only before it. */
  readonly sameTime: boolean;
  /** Chance of such a difference between equals (Fisher's exact test). */
  readonly pValue: number;
}

const countsByVersion = (outcomes: readonly Outcome[], isBad: (outcome: Outcome) => boolean) => {
  const counts = new Map<string, { requests: number; failures: number }>();
  for (const outcome of outcomes) {
    if (outcome.version === undefined) continue;
    const of = counts.get(outcome.version) ?? { requests: 0, failures: 0 };
    of.requests += 1;
    if (isBad(outcome)) of.failures += 1;
    counts.set(outcome.version, of);
  }
  return counts;
};

const pValueMax = 0.01;

/**
 * Compares versions of one service on one operation: those in service at the same time first, since time then explains nothing,
 * else the failing one after the onset against an earlier one before it.
 */
export const contrastVersions = (
  before: readonly Outcome[],
  after: readonly Outcome[],
  isBad: (outcome: Outcome) => boolean = (outcome) => outcome.failed,
): VersionContrast | undefined => {
  const now = countsByVersion(after, isBad);
  const then = countsByVersion(before, isBad);
  const worst = [...now]
    .filter(([, counts]) => counts.failures > 0)
    .sort(([, a], [, b]) => b.failures / b.requests - a.failures / a.requests)[0];
  if (worst === undefined) return undefined;
  const [version, { requests, failures }] = worst;
  for (const [others, sameTime] of [
    [now, true],
    [then, false],
  ] as const) {
    const rival = [...others].filter(([name]) => name !== version).sort(([, a], [, b]) => b.requests - a.requests)[0];
    if (rival === undefined) continue;
    const [healthyVersion, healthy] = rival;
    const pValue = fisherTail(failures, requests, healthy.failures, healthy.requests);
    if (pValue > pValueMax) continue;
    return {
      version,
      failures,
      requests,
      healthyVersion,
      healthyFailures: healthy.failures,
      healthyRequests: healthy.requests,
      sameTime,
      pValue,
    };
  }
  return undefined;
};

/** Processes that failed where others of the same version, started earlier, did not: what changed is not the code. */
export interface RestartContrast {
  readonly startedMs: number;
  readonly failures: number;
  readonly requests: number;
  readonly earlierFailures: number;
  readonly earlierRequests: number;
  readonly pValue: number;
}

/** How long before the onset a process may have started and still be what brought the fault. */
const startSlackMs = 30_000;

/** Compares processes that were first seen around the onset with those that were there before it. */
export const contrastRestarts = (
  before: readonly Outcome[],
  after: readonly Outcome[],
  onsetMs: number,
): RestartContrast | undefined => {
  const born = new Map<string, number>();
  for (const { instance, startMs } of [...before, ...after]) {
    if (instance !== undefined) born.set(instance, Math.min(born.get(instance) ?? startMs, startMs));
  }
  const isNew = ({ instance }: Outcome): boolean => (born.get(instance ?? "") ?? 0) > onsetMs - startSlackMs;
  const fresh = after.filter(isNew);
  const earlier = [...before, ...after].filter((outcome) => outcome.instance !== undefined && !isNew(outcome));
  if (fresh.length === 0 || earlier.length === 0) return undefined;
  const failures = fresh.filter((outcome) => outcome.failed).length;
  const earlierFailures = earlier.filter((outcome) => outcome.failed).length;
  const pValue = fisherTail(failures, fresh.length, earlierFailures, earlier.length);
  if (pValue > pValueMax) return undefined;
  const startedMs = Math.min(...fresh.map((outcome) => born.get(outcome.instance ?? "") ?? outcome.startMs));
  return { startedMs, failures, requests: fresh.length, earlierFailures, earlierRequests: earlier.length, pValue };
};
