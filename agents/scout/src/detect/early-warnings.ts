import { createHash } from "node:crypto";
import type { MetricWindow } from "../window/metric-window.ts";
import type { Operation } from "../window/operation-log.ts";
import { Anomalies } from "./anomaly.ts";
import { BurnRates } from "./burn-rate.ts";
import type { Finding, Standing, TraceSource } from "./finding.ts";
import { LatencyDrift } from "./latency-drift.ts";
import { Saturation } from "./saturation.ts";
import { spanText } from "./signal.ts";
import type { Signal, SignalChange, SignalKind } from "./signal.ts";
import type { Tuning } from "./tuning.ts";

/** A signal as the stream remembers it. */
export type RememberedSignal = Omit<Signal, "kind" | "sinceMs" | "measures" | "leadTimeMs"> & {
  readonly kind: string;
  readonly since: string;
  readonly measures: readonly {
    readonly name?: string;
    readonly value: number;
    readonly baseline?: number | undefined;
  }[];
};

/** What one operation did since the last tick. */
export interface OperationNews {
  readonly operation: Operation;
  readonly requests: number;
  readonly failures: number;
  /** Of good requests, told once they are half a minute old. */
  readonly durations: readonly number[];
}

interface Episode {
  readonly finding: Finding;
  readonly signal: Signal;
  /** When it was last seen to be on. */
  seenMs: number;
}

const lookEveryMs = 10_000;
const metricsEveryMs = 30_000;
/** An episode of which nothing was seen for so long is closed as unseen. */
const unseenMs = 30 * 60_000;
/** An episode is not closed sooner than this, so that noise around its bound doesn't open and close it. */
const heldMs = 60_000;
/** A trend is told when it has been seen at each look for so long: what levels off is seen to do so. */
const trendHeldMs = 2 * 60_000;
const trendGapMs = 75_000;
/** Open at once; more than these are the same trouble said over and over. */
const episodesMax = 500;

const adoptable: ReadonlySet<string> = new Set<SignalKind>(["burn-rate", "saturation", "anomaly", "latency"]);
const isDrift = ({ kind, measures }: RememberedSignal): boolean =>
  kind === "latency" && measures.some(({ name }) => name === "latency-drift");

/**
 * The detectors that look at minutes and hours instead of seconds: burn rates, drifts of latency, what fills up, anomalies of any
 * series. Each episode is told once, and a second time as critical when its limit has come near; and once when it is over.
 */
export class EarlyWarnings {
  readonly #metrics: MetricWindow;
  readonly #burn: BurnRates;
  readonly #drift: LatencyDrift;
  readonly #saturation: Saturation;
  readonly #anomalies: Anomalies;
  readonly #open = new Map<string, Episode>();
  /** Told by an earlier process, by what they tell of; until they are seen again or have not been for long. */
  readonly #adopted = new Map<string, { readonly signal: Signal; readonly sinceMs: number }>();
  /** Trends seen but not told yet: since when, and when last. */
  readonly #pending = new Map<string, { sinceMs: number; lastMs: number }>();
  #lookedMs = Number.NEGATIVE_INFINITY;
  #metricsMs = Number.NEGATIVE_INFINITY;

  constructor(tuning: Tuning, metrics: MetricWindow, traces: TraceSource) {
    this.#metrics = metrics;
    this.#burn = new BurnRates(tuning, traces);
    this.#drift = new LatencyDrift(tuning, traces);
    this.#saturation = new Saturation(tuning, traces, () => metrics.all());
    this.#anomalies = new Anomalies(tuning, traces);
  }

  /** Goes on with episodes that an earlier process told of, and says which of these are its own kind. */
  adopt(signals: readonly RememberedSignal[], nowMs: number): void {
    for (const remembered of signals) {
      if (!EarlyWarnings.owns(remembered)) continue;
      const { kind, since, measures: _, ...of } = remembered;
      const signal: Signal = { ...of, kind: kind as SignalKind, sinceMs: Date.parse(since), measures: [] };
      this.#adopted.set(subjectOf(signal), { signal, sinceMs: nowMs });
    }
  }

  static owns(signal: RememberedSignal): boolean {
    return adoptable.has(signal.kind) && (signal.kind !== "latency" || isDrift(signal));
  }

  observe({ operation, requests, failures, durations }: OperationNews, nowMs: number): void {
    if (requests > 0) this.#burn.add(operation.service, requests, failures, nowMs);
    this.#drift.add(operation, durations, nowMs);
    this.#anomalies.requests(operation, requests, durations, nowMs);
  }

  /** Looks every ten seconds, at metrics every thirty; call it as often as you like. */
  tick(nowMs: number): SignalChange[] {
    if (nowMs - this.#lookedMs < lookEveryMs) return [];
    this.#lookedMs = nowMs;
    const withMetrics = nowMs - this.#metricsMs >= metricsEveryMs;
    const found: Finding[] = [...this.#burn.findings(nowMs), ...this.#drift.findings(nowMs)];
    if (withMetrics) {
      this.#metricsMs = nowMs;
      found.push(...this.#saturation.findings(nowMs));
      for (const series of this.#metrics.all()) this.#anomalies.metric(series);
      this.#anomalies.expire(nowMs);
      this.#drift.expire(nowMs);
    }
    found.push(...this.#anomalies.takeFindings());
    const changes = found
      .filter((finding) => this.#held(finding, nowMs))
      .flatMap((finding) => this.#take(finding, nowMs));
    for (const [key, { lastMs }] of this.#pending) if (nowMs - lastMs > trendGapMs) this.#pending.delete(key);
    return [...changes, ...this.#close(new Set(found.map(({ key }) => key)), nowMs)];
  }

  openSignals(): Signal[] {
    return [
      ...[...this.#open.values()].map(({ signal }) => signal),
      ...[...this.#adopted.values()].map(({ signal }) => signal),
    ];
  }

  #held({ key, kind }: Finding, nowMs: number): boolean {
    if (kind !== "saturation" && kind !== "latency") return true;
    const pending = this.#pending.get(key) ?? { sinceMs: nowMs, lastMs: nowMs };
    pending.lastMs = nowMs;
    this.#pending.set(key, pending);
    return nowMs - pending.sinceMs >= trendHeldMs;
  }

  #take(finding: Finding, nowMs: number): SignalChange[] {
    const known = this.#open.get(finding.key);
    if (known !== undefined) {
      known.seenMs = nowMs;
      if (known.finding.stage === "soon" || finding.stage === "early") return [];
      const told = this.#tell(finding, nowMs);
      const says = `It has come near and is told anew: ${finding.says}`;
      return [told, { change: "cleared", signal: known.signal, says }];
    }
    if (this.#open.size >= episodesMax) return [];
    const adopted = this.#adopted.get(subjectOf(finding));
    if (adopted !== undefined && (adopted.signal.severity === "critical" || finding.stage === "early")) {
      this.#adopted.delete(subjectOf(finding));
      this.#open.set(finding.key, { finding, signal: adopted.signal, seenMs: nowMs });
      return [];
    }
    return [this.#tell(finding, nowMs)];
  }

  #tell(finding: Finding, nowMs: number): SignalChange {
    const { key, stage, ...of } = finding;
    const digest = createHash("sha256")
      .update(`${key}\n${stage}\n${Math.floor(nowMs / 1000)}`)
      .digest("hex");
    const signal: Signal = { signalId: `sig-${of.service}-${of.kind}-${digest.slice(0, 12)}`, ...of };
    this.#open.set(key, { finding, signal, seenMs: nowMs });
    return { change: "detected", signal, says: signal.says };
  }

  #close(seen: ReadonlySet<string>, nowMs: number): SignalChange[] {
    const changes: SignalChange[] = [];
    for (const [key, episode] of this.#open) {
      if (seen.has(key)) continue;
      const standing = this.#standingOf(episode, nowMs);
      if (standing.now === "on") episode.seenMs = nowMs;
      const says = closing(standing, nowMs - episode.seenMs);
      if (says === undefined) continue;
      this.#open.delete(key);
      this.#anomalies.ended(key);
      changes.push({ change: "cleared", signal: episode.signal, says });
    }
    for (const [subject, { signal, sinceMs }] of this.#adopted) {
      if (nowMs - sinceMs < unseenMs) continue;
      this.#adopted.delete(subject);
      const says = `Not seen again in the ${spanText(nowMs - sinceMs)} since Scout was started anew; the episode is closed.`;
      changes.push({ change: "cleared", signal, says });
    }
    return changes;
  }

  #standingOf({ finding }: Episode, nowMs: number): Standing {
    const { key, kind, service, operation, measures } = finding;
    switch (kind) {
      case "burn-rate":
        return this.#burn.standing(service, measures[0]?.baseline ?? 1, nowMs);
      case "latency":
        return this.#drift.standing({ service, name: operation }, measures[1]?.baseline ?? 0, nowMs);
      case "saturation":
        return this.#saturation.standing(key, measures[0]?.baseline ?? 0, nowMs);
      default:
        return this.#anomalies.standing(key, nowMs);
    }
  }
}

const subjectOf = ({ kind, service, operation }: Pick<Signal, "kind" | "service" | "operation">): string =>
  `${kind}\n${service}\n${operation}`;

const closing = (standing: Standing, sinceSeenMs: number): string | undefined => {
  if (standing.now === "over" && sinceSeenMs >= heldMs) return standing.says;
  if (standing.now === "unseen" && sinceSeenMs >= unseenMs)
    return `Nothing was seen of it for ${spanText(unseenMs)}; the episode is closed unseen.`;
  return undefined;
};
