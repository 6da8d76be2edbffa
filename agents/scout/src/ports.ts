import type { Waterfall } from "@omega/bus-schemas/waterfall.ts";
import type { Diagnosis } from "./diagnose/diagnosis.ts";
import type { RecoveryQuestion } from "./engine.ts";
import type { Recovery } from "./verify/recovery.ts";
import type { Operation } from "./window/operation-log.ts";

/** What handling a request needs of telemetry. The Engine is it; a reader of a trace store could be too. */
export interface TelemetryReader {
  settled(traceIds: readonly string[], nowMs: number): boolean;
  diagnose(onsetMs: number, affected: readonly Operation[], nowMs: number): Diagnosis;
  waterfall(found: Diagnosis): Waterfall | undefined;
  judge(question: RecoveryQuestion, nowMs: number): Recovery;
}
