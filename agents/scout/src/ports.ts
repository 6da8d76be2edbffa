import type { MetricRecord } from "@omega/bus-schemas/metric-record.ts";
import type { Waterfall } from "@omega/bus-schemas/waterfall.ts";
import type { Diagnosis } from "./diagnose/diagnosis.ts";
import type { CanaryQuestion, RecoveryQuestion } from "./engine.ts";
import type { Look, LookRow, LookTimes } from "./review/looks.ts";
import type { CanaryReading } from "./verify/canary.ts";
import type { Recovery } from "./verify/recovery.ts";
import type { Operation } from "./window/operation-log.ts";

/** What handling a request needs of telemetry. The Engine is it; a reader of a trace store could be too. */
export interface TelemetryReader {
  settled(traceIds: readonly string[], nowMs: number): boolean;
  diagnose(onsetMs: number, affected: readonly Operation[], nowMs: number): Diagnosis;
  waterfall(found: Diagnosis): Waterfall | undefined;
  /** How requests to these operations went, from before the onset until now; `undefined` where none is at hand. */
  metrics(operations: readonly Operation[], onsetMs: number, nowMs: number): MetricRecord | undefined;
  judge(question: RecoveryQuestion, nowMs: number): Recovery;
  judgeCanary(question: CanaryQuestion, nowMs: number): CanaryReading;
  /** What a reviewer of the diagnosis may have looked up. */
  look(look: Look, times: LookTimes): LookRow[];
}

/** The code around a line, and when it last changed. */
export interface SourceLine {
  /** `source:<file>:<line>`. */
  readonly ref: string;
  /** The surrounding function, or some lines around where none is recognised; each with its number, `>` before the one asked for. */
  readonly text: string;
  /** The commit that last changed the line, and when (RFC 3339); absent outside a repository. */
  readonly changedBy?: string;
  readonly changedAt?: string;
  /** First line of that commit's message. */
  readonly summary?: string;
}

/** Reads the code that is under repair; it may be an older or newer checkout than what runs. */
export interface SourceReader {
  /** `undefined` where no repository holds the file or it has no such line. */
  read(file: string, line: number, signal: AbortSignal): Promise<SourceLine | undefined>;
}
