import { createHash } from "node:crypto";
import { ByOperation } from "../window/by-operation.ts";
import { binomialTail } from "./binomial.ts";
import type { Arrival, Operation, OperationLog, Outcome } from "../window/operation-log.ts";
import type { OperationNews, RememberedSignal } from "./early-warnings.ts";
import { judgeErrorRatio, normalRatio } from "./error-ratio.ts";
import type { ErrorRatioFinding } from "./error-ratio.ts";
import { LatencyBaseline } from "./latency.ts";
import type { LatencyFinding } from "./latency.ts";
import { SecondBuckets } from "./second-buckets.ts";
import { milliseconds, percent } from "./signal.ts";
import type { Signal, SignalChange } from "./signal.ts";
import { Tuning } from "./tuning.ts";

/** The two kinds of episode that are judged each second. */
type Urgent = "error-ratio" | "latency";

export interface DetectorSettings {
  /** An episode is over when one of these stretches looks normal again; they lie within the ring of seconds. */
  readonly clearAfterSeconds: readonly number[];
  readonly clearRequestsMin: number;
  /** Chance that an episode which is still on shows so few failures. */
  readonly clearByLuckMax: number;
  /** Without traffic an episode can't be seen to end; after this long it is closed as unseen. */
  readonly silentAfterSeconds: number;
  /** At and above this ratio of failures users hurt now. */
  readonly criticalRatio: number;
}

export const detectorSettings: DetectorSettings = {
  clearAfterSeconds: [10, 20, 40, 80],
  clearRequestsMin: 8,
  clearByLuckMax: 1e-4,
  silentAfterSeconds: 120,
  criticalRatio: 0.05,
};

interface Episode {
  readonly signal: Signal;
  readonly sinceSecond: number;
  readonly ratio: number;
  /** Told by an earlier process, with the ratio that was normal then: this one has not seen a normal second. */
  readonly adopted?: { readonly normal: number };
}

interface Watch {
  readonly operation: Operation;
  readonly buckets: SecondBuckets;
  readonly latency: LatencyBaseline;
  readonly open: Map<Urgent, Episode>;
  lastSeenSecond: number;
}

const traceIdsMax = 16;
/** Requests of normal seconds from which on an operation's own normal is known. */
const knownFromRequests = 50;

/**
 * Watches each operation of each service and tells when one departs from its own normal. An anomaly is told once when it begins
 * and once when it is over. Fed with what the window says is new; pure but for its memory of the past, clocks come from outside.
 */
export class Detector {
  readonly #settings: DetectorSettings;
  readonly #log: OperationLog;
  readonly #watches = new ByOperation<Watch>();
  /** Onset of the oldest adopted episode: while one is open, no second since then is anybody's normal. */
  #abnormalFrom: number | undefined;
  readonly #tuning: Tuning;
  readonly #news: (news: OperationNews, nowMs: number) => void;

  /** `news` hears at each tick what every operation did since the last one. */
  constructor(
    log: OperationLog,
    tuning: Tuning = new Tuning(),
    news: (news: OperationNews, nowMs: number) => void = () => undefined,
    settings: Partial<DetectorSettings> = {},
  ) {
    this.#log = log;
    this.#tuning = tuning;
    this.#news = news;
    this.#settings = { ...detectorSettings, ...settings };
  }

  /**
   * Goes on with episodes that an earlier process told of, so that they are told to be over and not told again. What this process sees
   * first is then the middle of an incident, and must not become what it takes for normal.
   */
  adopt(signals: readonly RememberedSignal[], nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    for (const { kind, since, measures, ...of } of signals) {
      if (kind !== "error-ratio" && kind !== "latency") continue;
      const signal: Signal = { ...of, kind, sinceMs: Date.parse(since), measures: [] };
      this.#abnormalFrom = Math.min(this.#abnormalFrom ?? second, Math.floor(signal.sinceMs / 1000));
      const [ratio] = measures;
      const watch = this.#watchOf({ service: of.service, name: of.operation });
      const adopted = { normal: ratio?.baseline ?? 0 };
      watch.open.set(kind, { signal, sinceSecond: second, ratio: ratio?.value ?? 1, adopted });
      watch.lastSeenSecond = second;
    }
    if (this.#abnormalFrom === undefined) return;
    for (const watch of this.#watches.values()) watch.buckets.abnormalFrom(this.#abnormalFrom);
  }

  /** A request that the window had not seen before. */
  observe({ operation, outcome }: Arrival, nowMs: number): void {
    const watch = this.#watchOf(operation);
    watch.lastSeenSecond = Math.floor(nowMs / 1000);
    const { failed, durationMs } = outcome;
    watch.buckets.add(outcome.endMs, nowMs, { failed, slow: durationMs > watch.latency.thresholdMs, durationMs });
  }

  #watchOf(operation: Operation): Watch {
    let watch = this.#watches.get(operation.service, operation.name);
    if (watch === undefined) {
      watch = {
        operation: { service: operation.service, name: operation.name },
        buckets: new SecondBuckets(),
        latency: new LatencyBaseline(this.#tuning.of(operation.service).latency),
        open: new Map(),
        lastSeenSecond: 0,
      };
      if (this.#abnormalFrom !== undefined) watch.buckets.abnormalFrom(this.#abnormalFrom);
      this.#watches.set(operation.service, operation.name, watch);
    }
    return watch;
  }

  /** Judges every operation. Call it each second or oftener. */
  tick(nowMs: number): SignalChange[] {
    const now = Math.floor(nowMs / 1000);
    const changes: SignalChange[] = [];
    for (const watch of this.#watches.values()) {
      if (watch.open.size === 0 && now - watch.lastSeenSecond > 3600) {
        this.#watches.delete(watch.operation.service, watch.operation.name);
        continue;
      }
      const { operation, buckets } = watch;
      const durations = watch.latency.learn(buckets, now);
      this.#news({ operation, ...buckets.takeTally(), durations }, nowMs);
      const tuned = this.#tuning.of(operation.service);
      const errors = tuned.errorRatio.enabled ? judgeErrorRatio(buckets, now, tuned.errorRatio) : undefined;
      const latency = tuned.latency.enabled ? watch.latency.judge(buckets, now) : undefined;
      if (errors !== undefined && !watch.open.has("error-ratio")) changes.push(this.#openErrors(watch, errors, nowMs));
      if (latency !== undefined && !watch.open.has("latency")) changes.push(this.#openLatency(watch, latency, nowMs));
      changes.push(...this.#close(watch, now, latency !== undefined));
    }
    // Of one storm the callee's requests began last: telling them in this order puts the likely cause first.
    return changes.sort((a, b) => b.signal.sinceMs - a.signal.sinceMs);
  }

  /** Signals whose episode has not ended. */
  openSignals(): Signal[] {
    return [...this.#watches.values()].flatMap((watch) => [...watch.open.values()].map((episode) => episode.signal));
  }

  /** The ratio of failures that is normal for this operation. */
  normalRatioOf(operation: Operation): number {
    const watch = this.#watches.get(operation.service, operation.name);
    return normalRatio(watch?.buckets.baseline(Number.POSITIVE_INFINITY) ?? { requests: 0, failures: 0 });
  }

  /** From how many milliseconds on a request of this operation is slow; infinity until that is known. */
  slowFrom(operation: Operation): number {
    return this.#watches.get(operation.service, operation.name)?.latency.thresholdMs ?? Number.POSITIVE_INFINITY;
  }

  #openErrors(watch: Watch, finding: ErrorRatioFinding, nowMs: number): SignalChange {
    const { service, name } = watch.operation;
    const outcomes = this.#log.outcomes(watch.operation, nowMs - 2 * finding.windowSeconds * 1000);
    const sinceMs = onsetOf(outcomes, finding.baselineRatio, finding.ratio) ?? nowMs;
    const says =
      `${finding.failures} of ${finding.requests} requests to ${service} ${name} failed in the last ${finding.windowSeconds} s ` +
      `(${percent(finding.ratio)}, baseline ${percent(finding.baselineRatio)}).`;
    return this.#open(watch, finding.ratio, nowMs, {
      kind: "error-ratio",
      severity: finding.ratio >= this.#settings.criticalRatio ? "critical" : "warning",
      leadTimeMs: 0,
      sinceMs,
      says,
      confidence: Math.min(0.999, 1 - finding.pValue),
      measures: [
        { name: "error-ratio", unit: "1", value: finding.ratio, baseline: finding.baselineRatio },
        { name: "requests", unit: "{request}", value: finding.requests },
      ],
      traceIds: outcomes
        .filter((outcome) => outcome.failed)
        .slice(0, traceIdsMax)
        .map((outcome) => outcome.traceId),
    });
  }

  #openLatency(watch: Watch, finding: LatencyFinding, nowMs: number): SignalChange {
    const { service, name } = watch.operation;
    const fromMs = nowMs - finding.windowSeconds * 1000;
    const slow = this.#log
      .outcomes(watch.operation, fromMs)
      .filter((outcome) => outcome.durationMs > finding.thresholdMs);
    const ratio = finding.slow / finding.requests;
    const says =
      `${finding.slow} of ${finding.requests} requests to ${service} ${name} took longer than ${milliseconds(finding.thresholdMs)} ` +
      `in the last ${finding.windowSeconds} s (normally 95 % take less than ${milliseconds(finding.baselineMs)}).`;
    return this.#open(watch, ratio, nowMs, {
      kind: "latency",
      severity: "warning",
      sinceMs: slow.at(-1)?.startMs ?? fromMs,
      says,
      confidence: Math.min(0.99, 1 - finding.pValue),
      measures: [
        { name: "slow-ratio", unit: "1", value: ratio, baseline: 0.05 },
        { name: "latency-p95-normal", unit: "ms", value: finding.baselineMs },
      ],
      traceIds: slow.slice(0, traceIdsMax).map((outcome) => outcome.traceId),
    });
  }

  #open(
    watch: Watch,
    ratio: number,
    nowMs: number,
    found: Omit<Signal, "signalId" | "service" | "operation" | "kind"> & { readonly kind: Urgent },
  ): SignalChange {
    const { service, name: operation } = watch.operation;
    const digest = createHash("sha256")
      .update(`${service}\n${operation}\n${found.kind}\n${found.sinceMs}`)
      .digest("hex");
    const signal: Signal = {
      signalId: `sig-${service}-${found.kind}-${digest.slice(0, 12)}`,
      service,
      operation,
      ...found,
    };
    watch.open.set(found.kind, { signal, sinceSecond: Math.floor(nowMs / 1000), ratio });
    watch.buckets.abnormalFrom(Math.floor(found.sinceMs / 1000));
    return { change: "detected", signal, says: signal.says };
  }

  #close(watch: Watch, now: number, latencyStill: boolean): SignalChange[] {
    const changes: SignalChange[] = [];
    const { service, name } = watch.operation;
    for (const [kind, episode] of watch.open) {
      const silent = now - watch.lastSeenSecond > this.#settings.silentAfterSeconds;
      const calm = kind === "latency" && latencyStill ? undefined : this.#calmStretch(watch, kind, episode, now);
      const over = calm !== undefined;
      if (!over && !silent) continue;
      watch.open.delete(kind);
      this.#calmAfter(watch, episode);
      const what = kind === "latency" ? "were slow" : "failed";
      const says = over
        ? `${calm.bad} of ${calm.requests} requests to ${service} ${name} ${what} in the last ${calm.seconds} s.`
        : `No request to ${service} ${name} for ${this.#settings.silentAfterSeconds} s; the episode is closed unseen.`;
      changes.push({ change: "cleared", signal: episode.signal, says });
    }
    return changes;
  }

  /**
   * The shortest stretch up to now that looks normal and would hardly look so by luck, were the episode still on. With little traffic, or
   * a small ratio, it takes a longer stretch; the longest counts in any case.
   */
  #calmStretch(
    watch: Watch,
    kind: Urgent,
    episode: Episode,
    now: number,
  ): { bad: number; requests: number; seconds: number } | undefined {
    const limit = Math.max(this.#normalOf(watch, kind, episode) * 2, episode.ratio / 10);
    for (const seconds of this.#settings.clearAfterSeconds) {
      if (now - episode.sinceSecond < seconds) return undefined;
      const { requests, failures, slow } = watch.buckets.between(now - seconds + 1, now + 1);
      const bad = kind === "latency" ? slow : failures;
      if (requests < this.#settings.clearRequestsMin || bad / requests > limit) continue;
      const byLuck = 1 - binomialTail(bad + 1, requests, episode.ratio);
      if (byLuck <= this.#settings.clearByLuckMax || seconds === this.#settings.clearAfterSeconds.at(-1)) {
        return { bad, requests, seconds };
      }
    }
    return undefined;
  }

  /** The ratio that an episode must come back to. Where nothing normal was seen yet, the prior would let a bad stretch pass for a good one. */
  #normalOf(watch: Watch, kind: Urgent, episode: Episode): number {
    if (kind === "latency") return 0.05;
    if (episode.adopted !== undefined) return episode.adopted.normal;
    const known = watch.buckets.baseline(Number.POSITIVE_INFINITY).requests >= knownFromRequests;
    return known ? this.normalRatioOf(watch.operation) : 0;
  }

  /** What is seen from here on is normal again: for this operation, and with the last adopted episode for all that have none open. */
  #calmAfter(watch: Watch, ended: Episode): void {
    if (watch.open.size === 0) watch.buckets.normalAgain();
    const watches = [...this.#watches.values()];
    const adoptedLeft = watches.some(({ open }) => [...open.values()].some(({ adopted }) => adopted !== undefined));
    if (adoptedLeft && this.#abnormalFrom !== undefined) watch.buckets.abnormalFrom(this.#abnormalFrom);
    if (ended.adopted === undefined || adoptedLeft) return;
    this.#abnormalFrom = undefined;
    for (const each of watches) if (each.open.size === 0) each.buckets.normalAgain();
  }
}

/** A stretch so much likelier (in nats) to be healthy than part of the episode ends the look back: what lies before it is another one. */
const healthyStretch = 8;

/**
 * When the ratio of failures most likely rose from `normal` to `now`: the start of the stretch up to the newest request that is
 * best explained by the higher ratio (the likelihood-ratio change point of CUSUM). `outcomes` come newest first.
 */
export const onsetOf = (
  outcomes: readonly Pick<Outcome, "failed" | "startMs">[],
  normal: number,
  now: number,
): number | undefined => {
  const onFailure = Math.log(now / normal);
  const onSuccess = Math.log((1 - Math.min(now, 0.999)) / (1 - normal));
  let sum = 0;
  let best = Number.NEGATIVE_INFINITY;
  let onset: number | undefined;
  for (const outcome of outcomes) {
    sum += outcome.failed ? onFailure : onSuccess;
    if (outcome.failed && sum > best) {
      best = sum;
      onset = outcome.startMs;
    }
    if (onset !== undefined && sum < best - healthyStretch) break;
  }
  return onset;
};
