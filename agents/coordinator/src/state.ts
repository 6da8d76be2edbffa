import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Candidate, MemoryMatch, RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import type { Rules } from "./config.ts";

/** What the Coordinator waits for. Each wait has a deadline and a defined path when it passes. */
export type Awaited =
  | "settling"
  | "recall"
  | "diagnosis"
  | "proposal"
  | "approval"
  | "action"
  | "verification"
  | "undo";

export interface Wait {
  readonly awaited: Awaited;
  readonly dueAt: number;
  /** The event that began the wait; with `awaited` it makes the deadline's id. */
  readonly causeId: string;
}

/** The repair that is being decided on, done or judged. */
export interface Attempt {
  readonly option: RepairOption;
  readonly actionId?: string;
  readonly endedAt?: number;
}

export type Phase = "gathering" | "planning" | "asking" | "acting" | "verifying" | "undoing" | "escalated";

export interface Incident {
  readonly id: string;
  readonly phase: Phase;
  readonly service: string;
  readonly operation: string;
  readonly severity: "warning" | "critical";
  readonly onset: number;
  readonly openedAt: number;
  /** The trace of its opening, which everything after belongs to. */
  readonly traceparent?: string | undefined;
  /** Signals of the incident that have not cleared. */
  readonly openSignals: readonly string[];
  readonly waits: readonly Wait[];
  readonly diagnosedAt?: number;
  readonly verdict?: "cause" | "inconclusive" | "healthy";
  readonly cause?: Candidate;
  readonly withModel: boolean;
  readonly recalled?: readonly MemoryMatch[];
  readonly options: readonly RepairOption[];
  readonly attempt?: Attempt;
  /** Keys (`keyOf`) of the options that were tried or denied. */
  readonly tried: readonly string[];
}

export interface State {
  readonly incidents: Readonly<Record<string, Incident>>;
  /** Which incident an uncleared signal belongs to. */
  readonly signals: Readonly<Record<string, string>>;
  /** The press that froze everything, until a person resumes. */
  readonly frozenBy?: string;
  /** Orders of the last hours, for the flapping rule. */
  readonly orders: readonly { readonly key: string; readonly at: number }[];
}

export const initialState: State = { incidents: {}, signals: {}, orders: [] };

/** Names a repair across proposals: the same action on the same target is the same repair. */
export function keyOf(option: Pick<RepairOption, "actionType" | "target">): string {
  const { system, namespace = "", kind = "", name } = option.target;
  return `${option.actionType} ${system}/${namespace}/${kind}/${name}`;
}

const ordersKept = 256;

/** Folds one event. Pure; whoever folds the same stream with the same rules has the same state. */
export function evolveBy(rules: Rules): (state: State, event: OmegaEvent, storedAt: number) => State {
  return (state, event, at) => {
    switch (event.type) {
      case "control.panic-pressed":
        return { ...state, frozenBy: event.id };
      case "control.resumed": {
        const { frozenBy: _thawed, ...rest } = state;
        return rest;
      }
      case "signal.cleared":
        return withoutSignal(state, event.data.signalId);
      case "incident.opened":
        return open(state, event, at, rules);
      case "incident.resolved": {
        const { [event.incidentid ?? ""]: _closed, ...incidents } = state.incidents;
        return { ...state, incidents };
      }
      case "action.ordered": {
        const order = { key: keyOf(event.data), at };
        return { ...withIncident(state, event, at, rules), orders: [...state.orders, order].slice(-ordersKept) };
      }
      default:
        return withIncident(state, event, at, rules);
    }
  };
}

function open(state: State, event: EventOf<"incident.opened">, at: number, rules: Rules): State {
  const id = event.incidentid ?? "";
  const { signal, severity, onset } = event.data;
  const wait = (awaited: Awaited, ms: number): Wait => ({ awaited, dueAt: at + ms, causeId: event.id });
  const incident: Incident = {
    id,
    phase: "gathering",
    service: signal.service,
    operation: signal.operation,
    severity,
    onset: Date.parse(onset),
    openedAt: at,
    traceparent: event.traceparent,
    openSignals: [signal.signalId],
    waits: [
      wait("settling", rules.settleMs),
      wait("recall", rules.waits.recallMs),
      wait("diagnosis", rules.waits.diagnosisMs),
    ],
    withModel: false,
    options: [],
    tried: [],
  };
  return {
    ...state,
    incidents: { ...state.incidents, [id]: incident },
    signals: { ...state.signals, [signal.signalId]: id },
  };
}

function withoutSignal(state: State, signalId: string): State {
  const { [signalId]: incidentId, ...signals } = state.signals;
  const incident = state.incidents[incidentId ?? ""];
  if (incident === undefined) return { ...state, signals };
  const openSignals = incident.openSignals.filter((open) => open !== signalId);
  return { ...state, signals, incidents: { ...state.incidents, [incident.id]: { ...incident, openSignals } } };
}

function withIncident(state: State, event: OmegaEvent, at: number, rules: Rules): State {
  const incident = state.incidents[event.incidentid ?? ""];
  if (incident === undefined) return state;
  const next = evolveIncident(incident, event, at, rules);
  const signals =
    event.type === "incident.extended"
      ? { ...state.signals, [event.data.signal.signalId]: incident.id }
      : state.signals;
  return { ...state, signals, incidents: { ...state.incidents, [incident.id]: next } };
}

function evolveIncident(incident: Incident, event: OmegaEvent, at: number, rules: Rules): Incident {
  const { waits } = rules;
  /** Enters a phase with the one wait that it has. */
  const enter = (phase: Phase, awaited: Awaited, ms: number, change: Partial<Incident> = {}): Incident => ({
    ...incident,
    ...change,
    phase,
    waits: [{ awaited, dueAt: at + ms, causeId: event.id }],
  });
  const answered = (awaited: Awaited, change: Partial<Incident> = {}): Incident => ({
    ...incident,
    ...change,
    waits: incident.waits.filter((wait) => wait.awaited !== awaited),
  });
  switch (event.type) {
    case "incident.extended":
      return { ...incident, openSignals: [...incident.openSignals, event.data.signal.signalId] };
    case "memory.recalled":
      return answered("recall", { recalled: event.data.matches });
    case "diagnosis.reached": {
      const [cause] = event.data.candidates;
      return answered("diagnosis", {
        diagnosedAt: at,
        verdict: event.data.verdict,
        withModel: event.data.model !== undefined,
        ...(cause === undefined ? {} : { cause }),
      });
    }
    case "deadline.passed":
      return answered(event.data.awaited as Awaited);
    case "remediation.requested":
      return enter("planning", "proposal", waits.proposalMs, { options: [] });
    case "remediation.proposed":
      return answered("proposal", { options: event.data.options });
    case "approval.requested":
      return enter("asking", "approval", waits.approvalMs, attemptOf(incident, event.data.optionId));
    case "remediation.authorized":
      return answered("approval", attemptOf(incident, event.data.optionId));
    case "remediation.denied": {
      const denied = incident.options.find((option) => option.optionId === event.data.optionId);
      return answered("approval", {
        tried: denied === undefined ? incident.tried : [...incident.tried, keyOf(denied)],
      });
    }
    case "action.ordered": {
      const attempt =
        incident.attempt === undefined ? undefined : { ...incident.attempt, actionId: event.data.actionId };
      return enter("acting", "action", waits.actionMs, {
        tried: [...incident.tried, keyOf(event.data)],
        ...(attempt === undefined ? {} : { attempt }),
      });
    }
    case "verification.requested":
      return enter("verifying", "verification", waits.verificationMs);
    case "undo.ordered":
      return enter("undoing", "undo", waits.undoMs);
    case "incident.escalated":
      return { ...incident, phase: "escalated", waits: [] };
    default:
      return incident;
  }
}

function attemptOf(incident: Incident, optionId: string): Partial<Incident> {
  const option = incident.options.find((candidate) => candidate.optionId === optionId);
  return option === undefined ? {} : { attempt: { option } };
}
