import type { Draft } from "@omega/bus-schemas/catalogue.ts";
import type { RunningAgent } from "@omega/shared/agent.ts";
import { timeText } from "@omega/shared/clock.ts";
import type { Clock } from "@omega/shared/clock.ts";
import type { Log } from "@omega/shared/log.ts";
import type { SignalChange } from "./detect/signal.ts";
import type { Engine } from "./engine.ts";
import type { State } from "./state.ts";

const tickMs = 500;

/** Judges the telemetry twice a second and says what changed, until `signal` aborts. */
export const watch = async (
  engine: Engine,
  agent: Pick<RunningAgent<State>, "say">,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<void> => {
  const unsaid: SignalChange[] = [];
  while (!signal.aborted) {
    unsaid.push(...engine.tick(clock.now()));
    while (unsaid[0] !== undefined) {
      const change = unsaid[0];
      const said = await agent.say(signalDraft(engine, change), change.signal.signalId);
      if (!said.ok) {
        // The same draft has the same id, so saying it again after an unknown end is safe.
        log.warn({ signalId: change.signal.signalId, failure: said.failure }, "a signal could not be said yet");
        break;
      }
      unsaid.shift();
      log.info({ signalId: change.signal.signalId, change: change.change, says: change.says }, "signal");
    }
    await clock.sleep(tickMs, signal);
  }
};

/** The event that tells of a change. */
export const signalDraft = (engine: Engine, { change, signal, says }: SignalChange): Draft => {
  const { signalId, service, operation, kind } = signal;
  if (change === "cleared")
    return { type: "signal.cleared", data: { signalId, service, operation, kind, says: says.slice(0, 1024) } };
  return {
    type: "signal.detected",
    data: {
      signalId,
      service,
      operation,
      kind,
      severity: signal.severity,
      since: timeText(signal.sinceMs),
      says: says.slice(0, 1024),
      confidence: signal.confidence,
      measures: [...signal.measures],
      ...(signal.leadTimeMs === undefined ? {} : { leadTimeMs: Math.round(signal.leadTimeMs) }),
      ...(signal.kind === "error-ratio" ? engine.errorOf(signal) : {}),
      traceIds: [...signal.traceIds],
    },
  };
};
