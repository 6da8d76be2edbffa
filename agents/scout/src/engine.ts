import type { MetricRecord } from "@omega/bus-schemas/metric-record.ts";
import type { Waterfall } from "@omega/bus-schemas/waterfall.ts";
import { Detector } from "./detect/detector.ts";
import { EarlyWarnings } from "./detect/early-warnings.ts";
import type { RememberedSignal } from "./detect/early-warnings.ts";
import { roomOf } from "./detect/room.ts";
import type { Signal, SignalChange } from "./detect/signal.ts";
import { tracesOf } from "./detect/traces-of.ts";
import { Tuning } from "./detect/tuning.ts";
import type { DetectionConfig } from "./detect/tuning.ts";
import { diagnose } from "./diagnose/diagnose.ts";
import type { Diagnosis } from "./diagnose/diagnosis.ts";
import { errorOrigins, HandledCalls } from "./diagnose/error-origin.ts";
import { errorSite } from "./diagnose/error-site.ts";
import { tellsOfResources } from "./diagnose/resources.ts";
import { signatureOf } from "./diagnose/signature.ts";
import type { Harvest } from "./intake/harvest.ts";
import { failed, isEntry, operationOf } from "./telemetry/conventions.ts";
import { depthFirst } from "./telemetry/trace.ts";
import { lookAt } from "./review/looks.ts";
import type { Look, LookRow, LookTimes } from "./review/looks.ts";
import { leadMs, metricRecord } from "./trace/metric-record.ts";
import { shownTrace } from "./trace/shown-trace.ts";
import { judgeCanary, servedBy } from "./verify/canary.ts";
import type { CanaryCheck, CanaryReading } from "./verify/canary.ts";
import { judgeRecovery, withSlowness } from "./verify/recovery.ts";
import type { Recovery, RecoveryCheck, RecoveryTerms } from "./verify/recovery.ts";
import type { Operation } from "./window/operation-log.ts";
import { TelemetryWindow } from "./window/telemetry-window.ts";
import type { WindowLimits } from "./window/telemetry-window.ts";

export interface EngineSettings {
  readonly window?: Partial<WindowLimits>;
  readonly detection?: DetectionConfig;
  readonly sourceRoots: readonly string[];
}

/** What the Coordinator asks after an action. */
export interface RecoveryQuestion {
  readonly operations: readonly Operation[];
  readonly terms: RecoveryTerms;
  readonly onsetMs: number;
  /** When the action was done. */
  readonly afterMs: number;
  readonly known: (operation: Operation) => KnownRatios | undefined;
}

/** The first new pod of a rollout, while the others wait. */
export interface CanaryQuestion {
  readonly pod: { readonly name: string; readonly uid: string };
  readonly heldMs: number;
  readonly onsetMs: number;
  readonly known: (operation: Operation) => KnownRatios | undefined;
}

/** What is known of an operation's failures while an incident lasts. */
export interface KnownRatios {
  readonly before: number;
  readonly normal: number;
}

/** Quiet time after which a trace is taken as complete: a few export intervals of its slowest sender. */
const quietMs = 800;
/** Requests of the incident that tell its ratio of failures better than the signal, which was chosen for being extreme. */
const ratioRequestsMin = 10;
/** Whoever says when a pod was held has another clock than the pod. It had been ready for longer by then. */
const clockSkewMs = 1_000;

/**
 * Everything Scout knows of telemetry, without the bus and without a clock: what comes in, what is unusual, what the cause is
 * and whether it is over. All of it lives in memory and is gone with the process; the next one learns anew.
 */
export class Engine {
  readonly window: TelemetryWindow;
  readonly detector: Detector;
  readonly early: EarlyWarnings;
  readonly #sourceRoots: readonly string[];
  /** When telemetry began to arrive; nothing can be said of the time before. */
  #sinceMs: number | undefined;

  constructor(settings: EngineSettings) {
    this.window = new TelemetryWindow(settings.window);
    const tuning = new Tuning(settings.detection);
    const { operations, metrics } = this.window;
    this.early = new EarlyWarnings(tuning, metrics, tracesOf(operations));
    this.detector = new Detector(operations, tuning, (news, nowMs) => this.early.observe(news, nowMs));
    this.#sourceRoots = settings.sourceRoots;
  }

  ingest(harvest: Harvest, nowMs: number): void {
    this.#sinceMs ??= nowMs;
    for (const span of harvest.spans) {
      const arrival = this.window.addSpan(span, nowMs);
      if (arrival !== undefined) this.detector.observe(arrival, nowMs);
    }
    for (const log of harvest.logs) this.window.addLog(log, nowMs);
    for (const point of harvest.points) {
      if (tellsOfResources(point.name) || roomOf(point.name) !== undefined) this.window.metrics.add(point);
    }
  }

  /** Call it about every half second: judges every operation and lets go of what is too old. */
  tick(nowMs: number): SignalChange[] {
    this.window.expire(nowMs);
    return [...this.detector.tick(nowMs), ...this.early.tick(nowMs)];
  }

  /** Goes on with episodes that an earlier process told of. */
  adopt(signals: readonly RememberedSignal[], nowMs: number): void {
    const early = signals.filter((signal) => EarlyWarnings.owns(signal));
    this.early.adopt(early, nowMs);
    this.detector.adopt(
      signals.filter((signal) => !early.includes(signal)),
      nowMs,
    );
  }

  /** The commonest error behind a signal's traces: its type, and its text without what varies. */
  errorOf(signal: Pick<Signal, "service" | "operation" | "traceIds">): { errorType?: string; signature?: string } {
    const seen = new Map<string, { count: number; error: { errorType?: string; signature?: string } }>();
    for (const traceId of signal.traceIds) {
      const trace = this.window.trace(traceId);
      const start = [...depthFirst(trace?.roots ?? [])].find(
        ({ span }) =>
          span.resource.service === signal.service &&
          isEntry(span) &&
          failed(span) &&
          operationOf(span) === signal.operation,
      );
      if (trace === undefined || start === undefined) continue;
      for (const origin of errorOrigins(trace, start, new HandledCalls())) {
        const site = errorSite(origin, this.#sourceRoots);
        if (site.errorType === undefined && site.message === undefined) continue;
        const error = {
          ...(site.errorType === undefined ? {} : { errorType: site.errorType }),
          ...(site.message === undefined ? {} : { signature: signatureOf(site.message) }),
        };
        const key = JSON.stringify(error);
        seen.set(key, { count: (seen.get(key)?.count ?? 0) + 1, error });
      }
    }
    return [...seen.values()].sort((a, b) => b.count - a.count)[0]?.error ?? {};
  }

  /** Whether half of these traces, three at least, have arrived completely. */
  settled(traceIds: readonly string[], nowMs: number): boolean {
    const complete = traceIds.filter((traceId) => this.window.settled(traceId, nowMs, quietMs)).length;
    return complete >= Math.min(traceIds.length, Math.max(3, traceIds.length / 2));
  }

  diagnose(onsetMs: number, affected: readonly Operation[], nowMs: number): Diagnosis {
    const found = diagnose(this.window, { onsetMs, nowMs, affected, sourceRoots: this.#sourceRoots });
    const blind = this.#sinceMs === undefined || this.#sinceMs > onsetMs;
    if (found.verdict !== "healthy" || !blind) return found;
    return {
      ...found,
      verdict: "inconclusive",
      says: "No telemetry of the time of the onset is at hand, and none since shows a fault.",
    };
  }

  look(look: Look, times: LookTimes): LookRow[] {
    return lookAt(this.window, look, times);
  }

  /** The trace that shows the likeliest cause, or one of those it was found in. */
  waterfall(found: Diagnosis): Waterfall | undefined {
    return shownTrace(found, (traceId) => this.window.trace(traceId));
  }

  /** From a minute before the onset, as far as telemetry was coming in then. */
  metrics(operations: readonly Operation[], onsetMs: number, nowMs: number): MetricRecord | undefined {
    const fromMs = Math.max(onsetMs - leadMs, this.#sinceMs ?? nowMs);
    return metricRecord(operations, (...asked) => this.window.operations.outcomes(...asked), [fromMs, nowMs]);
  }

  /**
   * Judges recovery by requests that began after `afterMs`. How often they failed before is counted from the onset to the action;
   * `known` tells what the incident's signals said of an operation, for when that time was not seen.
   */
  judge(question: RecoveryQuestion, nowMs: number): Recovery {
    const { operations, terms, onsetMs, afterMs, known } = question;
    const checks = operations.map((operation): RecoveryCheck => {
      const check = {
        service: operation.service,
        operation: operation.name,
        fresh: this.window.operations.outcomes(operation, afterMs),
        ...this.#ratiosOf(operation, onsetMs, afterMs, known(operation)),
      };
      const inIncident = this.window.operations.outcomes(operation, onsetMs, afterMs);
      return withSlowness(check, inIncident, this.detector.slowFrom(operation));
    });
    return judgeRecovery(checks, terms, afterMs, nowMs);
  }

  /** Judges the first new pod of a rollout by the requests that it served itself; other pods' at the same time are what it is compared with. */
  judgeCanary({ pod, heldMs, onsetMs, known }: CanaryQuestion, nowMs: number): CanaryReading {
    const checks = this.window.operations.operations().flatMap((operation): CanaryCheck[] => {
      const recent = this.window.operations.outcomes(operation, heldMs - clockSkewMs);
      const own = recent.filter((outcome) => servedBy(outcome, pod));
      if (own.length === 0) return [];
      const { service, name } = operation;
      const others = recent.filter((outcome) => !servedBy(outcome, pod));
      return [
        { service, operation: name, own, others, ...this.#ratiosOf(operation, onsetMs, heldMs, known(operation)) },
      ];
    });
    return judgeCanary(checks, nowMs);
  }

  #ratiosOf(
    operation: Operation,
    onsetMs: number,
    untilMs: number,
    ratios: KnownRatios | undefined,
  ): { ratioBefore: number; ratioNormal: number } {
    const inIncident = this.window.operations.outcomes(operation, onsetMs, untilMs);
    const failures = inIncident.filter((outcome) => outcome.failed).length;
    const counted = inIncident.length === 0 ? 0 : failures / inIncident.length;
    return {
      ratioBefore: ratios === undefined || inIncident.length >= ratioRequestsMin ? counted : ratios.before,
      ratioNormal: ratios?.normal ?? this.detector.normalRatioOf(operation),
    };
  }
}
