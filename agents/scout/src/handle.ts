import type { MetricRecord } from "@omega/bus-schemas/metric-record.ts";
import type { DataOf, Draft, EventOf } from "@omega/bus-schemas/catalogue.ts";
import type { EffectContext } from "@omega/shared/agent.ts";
import { timeText } from "@omega/shared/clock.ts";
import type { Clock } from "@omega/shared/clock.ts";
import { fail, ok } from "@omega/shared/outcome.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import type { Effect } from "./decide.ts";
import type { RecoveryQuestion } from "./engine.ts";
import type { Candidate, Diagnosis } from "./diagnose/diagnosis.ts";
import type { SourceReader, TelemetryReader } from "./ports.ts";
import { answerReview, reviewByMs, type Reviewers } from "./second-opinion.ts";
import { withSource } from "./source-evidence.ts";
import { canaryKey, ratioKey } from "./state.ts";
import type { Incident, State } from "./state.ts";
import type { Recovery } from "./verify/recovery.ts";

export interface Surroundings {
  readonly telemetry: TelemetryReader;
  readonly clock: Clock;
  /** How long a diagnosis may wait for telemetry that shows the fault. */
  readonly diagnoseWithinMs: number;
  readonly source: SourceReader;
  readonly reviewers: Reviewers | undefined;
  /** Aborts when the process is told to stop: what is waiting then is left to the next process. */
  readonly stopping: AbortSignal;
}

const lookEveryMs = 250;
/** A cause this likely is told at once; a lesser one only when waiting brought nothing better. */
const sureFrom = 0.8;
/** Waiting time after which any cause that is found is told. */
const patienceMs = 4_000;

const stopped = fail("retryable", "stopping", "Scout is being stopped; the next process answers.");

/** Performs one effect; the answer is the event to say. Nothing outside this process changes, so it may run any number of times. */
export const perform = (
  around: Surroundings,
  effect: Effect,
  context: EffectContext<State>,
): Promise<Outcome<readonly Draft[]>> => {
  const signal = AbortSignal.any([around.stopping, context.signal]);
  switch (effect.kind) {
    case "diagnose":
      return answerDiagnosis(around, effect.opened, context, signal);
    case "review":
      return answerReview(around, effect.reached, context, signal);
    case "judge-canary":
      return answerCanary(around, effect.held, context, signal);
    case "verify":
      return answerVerification(around, effect.requested, context, signal);
  }
};

async function answerDiagnosis(
  around: Surroundings,
  opened: EventOf<"incident.opened">,
  context: EffectContext<State>,
  signal: AbortSignal,
): Promise<Outcome<readonly Draft[]>> {
  const { clock, telemetry } = around;
  const startedMs = clock.now();
  const onsetMs = Date.parse(opened.data.onset);
  for (;;) {
    if (signal.aborted) return stopped;
    const nowMs = clock.now();
    const waitedMs = nowMs - startedMs;
    const state = context.state();
    const affected = state.incidents.get(opened.incidentid ?? "")?.affected ?? [];
    const traceIds = state.signals.get(opened.data.signal.signalId)?.traceIds ?? [];
    if (telemetry.settled(traceIds, nowMs) || waitedMs >= patienceMs / 2) {
      const found = telemetry.diagnose(onsetMs, affected, nowMs);
      const confidence = found.candidates[0]?.confidence ?? 0;
      const enough =
        waitedMs >= around.diagnoseWithinMs ||
        (found.verdict === "cause" && (confidence >= sureFrom || waitedMs >= patienceMs));
      if (enough) {
        const candidates = await withSource(found.candidates.map(wireCandidate), around.source, signal);
        const model = candidates.length === 0 ? undefined : around.reviewers?.model;
        const review = model === undefined ? {} : { reviewBy: timeText(reviewByMs(model, clock.now())) };
        const reached = diagnosisDraft(opened, found, { candidates, ...review, tookMs: clock.now() - startedMs });
        // Trace and metrics go first: once the diagnosis is said, nothing asks for it again.
        const suspects = found.candidates.flatMap(({ service, operation }) =>
          operation === undefined ? [] : [{ service, name: operation }],
        );
        const { service, operation } = opened.data.signal;
        const operations = [{ service, name: operation }, ...affected, ...suspects];
        const metrics = metricDrafts(opened.incidentid, telemetry.metrics(operations, onsetMs, clock.now()));
        return ok([...traceDrafts(telemetry, opened, found), ...metrics, reached]);
      }
    }
    await clock.sleep(lookEveryMs, signal);
  }
}

function traceDrafts(telemetry: TelemetryReader, opened: EventOf<"incident.opened">, found: Diagnosis): Draft[] {
  const waterfall = found.candidates.length === 0 ? undefined : telemetry.waterfall(found);
  if (waterfall === undefined) return [];
  return [{ type: "trace.recorded", incidentid: opened.incidentid ?? "", data: waterfall }];
}

function metricDrafts(incidentid: string | undefined, record: MetricRecord | undefined): Draft[] {
  return record === undefined ? [] : [{ type: "metrics.recorded", incidentid: incidentid ?? "", data: record }];
}

const diagnosisDraft = (
  opened: EventOf<"incident.opened">,
  found: Diagnosis,
  rest: Pick<DataOf<"diagnosis.reached">, "candidates" | "reviewBy" | "tookMs">,
): Draft => ({
  type: "diagnosis.reached",
  incidentid: opened.incidentid ?? "",
  data: {
    verdict: found.verdict,
    onset: timeText(found.onsetMs),
    blastRadius: {
      services: [...found.blastRadius.services].slice(0, 256),
      trafficShare: found.blastRadius.trafficShare,
    },
    traceIds: [...found.traceIds],
    says: found.says.slice(0, 2048),
    ...rest,
  },
});

/** The error's template travels on the signal; a candidate of the bus has no room for it. */
const wireCandidate = (candidate: Candidate): DataOf<"diagnosis.reached">["candidates"][number] => {
  const { signature, ...wire } = candidate;
  void signature;
  return { ...wire, evidence: candidate.evidence.slice(0, 32).map((of) => ({ ...of, says: of.says.slice(0, 2048) })) };
};

async function answerCanary(
  around: Surroundings,
  held: EventOf<"canary.held">,
  context: EffectContext<State>,
  signal: AbortSignal,
): Promise<Outcome<readonly Draft[]>> {
  const { clock, telemetry } = around;
  const { actionId, pod, heldAt, judgeBy } = held.data;
  const heldMs = Date.parse(heldAt);
  for (;;) {
    if (signal.aborted) return stopped;
    const incident = context.state().incidents.get(held.incidentid ?? "");
    // Over, or judged by another Scout: nobody waits for an answer.
    if (incident === undefined || incident.canaries.includes(canaryKey(held.data))) return ok([]);
    const question = { pod, heldMs, onsetMs: incident.onsetMs ?? heldMs, known: knownOf(incident) };
    const { verdict, ...reading } = telemetry.judgeCanary(question, clock.now());
    const late = clock.now() >= Date.parse(judgeBy);
    if (verdict !== "pending" || late) {
      const data = { actionId, pod, ...reading, verdict: verdict === "pending" ? ("inconclusive" as const) : verdict };
      return ok([{ type: "canary.judged", incidentid: held.incidentid ?? "", data }]);
    }
    await clock.sleep(lookEveryMs, signal);
  }
}

function knownOf(incident: Incident | undefined): RecoveryQuestion["known"] {
  return ({ service, name }) => incident?.ratios.get(ratioKey(service, name));
}

async function answerVerification(
  around: Surroundings,
  requested: EventOf<"verification.requested">,
  context: EffectContext<State>,
  signal: AbortSignal,
): Promise<Outcome<readonly Draft[]>> {
  const { clock, telemetry } = around;
  const { checks, terms, after, actionId } = requested.data;
  const operations = checks.map(({ service, operation }) => ({ service, name: operation }));
  for (;;) {
    if (signal.aborted) return stopped;
    const incident = context.state().incidents.get(requested.incidentid ?? "");
    const afterMs = Date.parse(after);
    const question = {
      operations,
      terms,
      afterMs,
      onsetMs: incident?.onsetMs ?? afterMs,
      known: knownOf(incident),
    };
    const recovery = telemetry.judge(question, clock.now());
    if (recovery.verdict !== "pending") {
      const metrics = telemetry.metrics(operations, question.onsetMs, clock.now());
      const judged = recoveryDraft(requested, actionId, recovery, recovery.verdict);
      return ok([...metricDrafts(requested.incidentid, metrics), judged]);
    }
    await clock.sleep(lookEveryMs, signal);
  }
}

const recoveryDraft = (
  requested: EventOf<"verification.requested">,
  actionId: string,
  recovery: Recovery,
  verdict: "confirmed" | "failed" | "inconclusive",
): Draft => ({
  type: `recovery.${verdict}`,
  incidentid: requested.incidentid ?? "",
  data: {
    actionId,
    measurements: recovery.measurements.slice(-256).map(({ atMs, ...of }) => ({ at: timeText(atMs), ...of })),
    says: recovery.says,
  },
});
