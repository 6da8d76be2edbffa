import type { Draft } from "@omega/bus-schemas/catalogue.ts";
import { workQueues } from "@omega/bus-schemas/streams.ts";
import type { AgentDefinition, CausedDraft } from "@omega/shared/agent.ts";
import { canonicalHash } from "@omega/shared/canonical-json.ts";
import { timeText } from "@omega/shared/clock.ts";
import { ok } from "@omega/shared/outcome.ts";
import type { Rules } from "./config.ts";
import { homeOf } from "./incident-life.ts";
import { decideBy, type NoEffect } from "./decide.ts";
import { evolveBy, initialState, type State } from "./state.ts";

export const version = "0.1.0";

/** What a Coordinator says before its first message, so that whoever replays it meets the rules that it decided by. */
export function rulesAnnouncement(rules: Rules, inForce: Rules | undefined): Draft[] {
  const hash = canonicalHash(rules);
  if (inForce !== undefined && canonicalHash(inForce) === hash) return [];
  return [{ type: "rules.loaded", data: { hash, rules: { ...rules } } }];
}

/** The Coordinator as an agent: strict order, one decision at a time, no effects. */
export function coordinator(rules: Rules): AgentDefinition<State, NoEffect> {
  return {
    role: "coordinator",
    version,
    ackWaitMs: workQueues.coordinator.ackWaitMs,
    deliveriesMax: 5,
    concurrency: workQueues.coordinator.concurrency,
    initialState,
    evolve: evolveBy(rules),
    decide: decideBy(rules),
    perform: () => Promise.resolve(ok([])),
    traceparentOf: (state, event) => {
      const home =
        event.type === "signal.detected"
          ? homeOf(event, state, Date.parse(event.time), state.rules ?? rules)
          : undefined;
      return (home ?? state.incidents[event.incidentid ?? ""])?.traceparent;
    },
    nextDeadline,
    passedDeadlines,
  };
}

function nextDeadline(state: State): number | undefined {
  let next: number | undefined;
  for (const incident of Object.values(state.incidents)) {
    for (const { dueAt } of incident.waits) next = Math.min(next ?? dueAt, dueAt);
  }
  return next;
}

function passedDeadlines(state: State, now: number): readonly CausedDraft[] {
  return Object.values(state.incidents).flatMap((incident) =>
    incident.waits
      .filter((wait) => wait.dueAt <= now)
      .map((wait) => ({
        causeId: wait.causeId,
        traceparent: incident.traceparent,
        draft: {
          type: "deadline.passed",
          incidentid: incident.id,
          key: `deadline ${wait.awaited}`,
          data: { awaited: wait.awaited, dueAt: timeText(wait.dueAt) },
        },
      })),
  );
}
