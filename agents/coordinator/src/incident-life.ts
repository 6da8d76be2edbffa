import type { Draft, EventOf } from "@omega/bus-schemas/catalogue.ts";
import type { Moment } from "@omega/shared/agent.ts";
import { timeText } from "@omega/shared/clock.ts";
import { deriveId } from "@omega/shared/ids.ts";
import type { Rules } from "./config.ts";
import type { Incident, State } from "./state.ts";

/** How an incident begins and ends: by the signals that open, extend and leave it. */

/** The open incident that a signal joins, if any. */
export function homeOf(
  event: EventOf<"signal.detected">,
  state: State,
  now: number,
  rules: Rules,
): Incident | undefined {
  const incidents = Object.values(state.incidents).toSorted((one, other) => other.openedAt - one.openedAt);
  return (
    incidents.find((incident) => incident.service === event.data.service) ??
    incidents.find((incident) => now - incident.openedAt <= rules.stormMs)
  );
}

/** One storm is one incident: a signal joins the open incident of its service, else the youngest that opened within the storm window. */
export function openOrExtend(event: EventOf<"signal.detected">, state: State, moment: Moment, rules: Rules): Draft[] {
  const { data } = event;
  if (state.signals[data.signalId] !== undefined) return [];
  const signal = {
    signalId: data.signalId,
    service: data.service,
    operation: data.operation,
    kind: data.kind,
    ...(data.errorType === undefined ? {} : { errorType: data.errorType }),
    ...(data.signature === undefined ? {} : { signature: data.signature }),
    says: data.says,
  };
  const home = homeOf(event, state, moment.now, rules);
  if (home !== undefined) return [{ type: "incident.extended", incidentid: home.id, data: { signal } }];
  const early = data.leadTimeMs === undefined || data.leadTimeMs > rules.leadTimeMaxMs;
  if (data.severity === "warning" && early) return [];
  const day = timeText(moment.now).slice(0, 10).replaceAll("-", "");
  return [
    {
      type: "incident.opened",
      incidentid: `inc-${day}-${deriveId(event.id, "incident").slice(0, 6)}`,
      data: { title: titleOf(data), severity: data.severity, onset: data.since, signal },
    },
  ];
}

function titleOf(data: EventOf<"signal.detected">["data"]): string {
  const what = {
    "error-ratio": "fails",
    "burn-rate": "burns its error budget",
    latency: "is slow",
    saturation: "runs out of room",
    anomaly: "is unusual",
    restarts: "keeps restarting",
    alert: "alerts",
  }[data.kind];
  return `${data.service}: ${data.operation} ${what}`.slice(0, 256);
}

/** Every signal cleared while Omega had nothing in hand: it went away by itself. While an action is judged, the verdict decides instead. */
export function subsidedIfQuiet(incident: Incident, moment: Moment): Draft[] {
  const inHand = ["acting", "verifying", "undoing"].includes(incident.phase);
  if (inHand || incident.openSignals.length > 0) return [];
  return [resolved(incident, moment, "Every signal cleared by itself.", "subsided")];
}

export function resolved(
  incident: Incident,
  moment: Moment,
  says: string,
  outcome: "healed" | "subsided" = "healed",
): Draft {
  const { attempt, cause } = incident;
  return {
    type: "incident.resolved",
    incidentid: incident.id,
    data: {
      outcome,
      service: cause?.service ?? incident.service,
      ...(outcome === "healed" && attempt?.actionId !== undefined
        ? { actionId: attempt.actionId, actionType: attempt.option.actionType }
        : {}),
      ...(cause?.location === undefined ? {} : { location: cause.location }),
      detectMs: Math.max(0, incident.openedAt - incident.onset),
      ...(incident.diagnosedAt === undefined
        ? {}
        : { diagnoseMs: Math.max(0, incident.diagnosedAt - incident.openedAt) }),
      resolveMs: Math.max(0, moment.now - incident.onset),
      decidedWithoutModel: !incident.withModel,
      says: says.slice(0, 1024),
    },
  };
}
