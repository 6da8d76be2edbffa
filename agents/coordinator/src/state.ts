import type { DataOf, EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Candidate, MemoryMatch, RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import { emptyLedger, evolveAutonomy, type AutonomyLedger } from "@omega/shared/policy/autonomy.ts";
import type { PolicySet } from "@omega/shared/policy/policy-set.ts";
import { rulesSchema, type Rules } from "./config.ts";
import { afterReview } from "./review.ts";
import { keyOf, serviceOf, takenBy, targetText, withOrder, type CountedOrder } from "./orders.ts";

/** What the Coordinator waits for. Each wait has a deadline and a defined path when it passes. */
export type Awaited =
  | "settling"
  | "recall"
  | "diagnosis"
  | "review"
  | "proposal"
  | "approval"
  | "record"
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

export type Phase =
  | "gathering"
  | "planning"
  | "asking"
  | "recording"
  | "acting"
  | "verifying"
  | "undoing"
  | "escalated";

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
  /** All that the diagnosis ranked, as long as a review of it is awaited. */
  readonly candidates?: readonly Candidate[];
  /** A model's second opinion came in time. */
  readonly withModel: boolean;
  readonly recalled?: readonly MemoryMatch[];
  readonly options: readonly RepairOption[];
  /** Who proposed the options: a process's role, or a person. */
  readonly proposer?: string;
  readonly attempt?: Attempt;
  /** The latest question to a person. */
  readonly asked?: { readonly optionId: string; readonly planHash: string; readonly expiresAt: number };
  /** Hashes of plans that a person answered: an answer counts once. */
  readonly answered: readonly string[];
  /** Keys (`keyOf`) of the options that were tried or denied. */
  readonly tried: readonly string[];
}

export interface AuditAlarm {
  readonly id: string;
  readonly code: DataOf<"audit.alarmed">["code"];
  readonly says: string;
}

export interface State {
  readonly incidents: Readonly<Record<string, Incident>>;
  /** Which incident an uncleared signal belongs to. */
  readonly signals: Readonly<Record<string, string>>;
  /** The press that froze everything, until a person resumes. */
  readonly frozenBy?: string;
  /** Alarms of the audit log that stand: what is done now might never be provable, so nothing is. */
  readonly auditAlarms: readonly AuditAlarm[];
  /** Orders that still count against a budget. */
  readonly orders: readonly CountedOrder[];
  /** The policies in force, as the stream had them; without any, nothing is permitted. */
  readonly policies?: PolicySet;
  /** The rules in force, as the stream had them. */
  readonly rules?: Rules;
  readonly autonomy: AutonomyLedger;
}

export const initialState: State = { incidents: {}, signals: {}, auditAlarms: [], orders: [], autonomy: emptyLedger };

const alarmsKept = 64;

/**
 * Folds one event. Pure; whoever folds the same stream has the same state. `unless` are the rules for what stands before the first
 * `rules.loaded` of the stream.
 */
export function evolveBy(unless: Rules): (state: State, event: OmegaEvent, storedAt: number) => State {
  return (state, event, at) => {
    const rules = state.rules ?? unless;
    const autonomy = evolveAutonomy(rules.autonomy)(state.autonomy, event, at);
    return evolveRest(autonomy === state.autonomy ? state : { ...state, autonomy }, event, at, rules);
  };
}

function evolveRest(state: State, event: OmegaEvent, at: number, rules: Rules): State {
  switch (event.type) {
    case "policy.loaded":
      return { ...state, policies: event.data };
    case "rules.loaded":
      return withRules(state, event);
    case "audit.alarmed":
    case "audit.acknowledged":
    case "audit.checkpointed":
      return { ...state, auditAlarms: alarmsAfter(state.auditAlarms, event) };
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
      const orders = withOrder(state.orders, counted(event, state, at), rules.budgets);
      return { ...withIncident(state, event, at, rules), orders };
    }
    default:
      return withIncident(state, event, at, rules);
  }
}

/** Rules of a newer Coordinator may be beyond this one: then the old ones stay until it says its own. */
function withRules(state: State, event: EventOf<"rules.loaded">): State {
  const rules = rulesSchema.safeParse(event.data.rules);
  return rules.success ? { ...state, rules: rules.data } : state;
}

function counted(event: EventOf<"action.ordered">, state: State, at: number): CountedOrder {
  const { actionId, target } = event.data;
  const incident = state.incidents[event.incidentid ?? ""];
  const service = incident === undefined ? target.name : serviceOf(event.data, incident);
  return {
    actionId,
    incidentId: event.incidentid ?? "",
    key: keyOf(event.data),
    target: targetText(target),
    service,
    at,
    ...takenBy(incident?.attempt?.option.blastRadius, service),
  };
}

/** A person ends an alarm about the past; that the log can't be written ends with the next checkpoint. */
function alarmsAfter(
  alarms: readonly AuditAlarm[],
  event: EventOf<"audit.alarmed"> | EventOf<"audit.acknowledged"> | EventOf<"audit.checkpointed">,
): readonly AuditAlarm[] {
  switch (event.type) {
    case "audit.alarmed": {
      const { code, says, stopsActions } = event.data;
      return stopsActions ? [...alarms, { id: event.id, code, says }].slice(-alarmsKept) : alarms;
    }
    case "audit.acknowledged":
      return alarms.filter(({ id }) => id !== event.data.alarmId);
    case "audit.checkpointed":
      return alarms.filter(({ code }) => code !== "log_unwritable");
  }
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
    answered: [],
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
    case "diagnosis.reached":
      return diagnosed(answered("diagnosis"), event, at, waits.reviewMs);
    case "diagnosis.reviewed":
      return afterReview(incident, event.data);
    case "deadline.passed":
      return answered(event.data.awaited as Awaited);
    case "remediation.requested":
      return enter("planning", "proposal", waits.proposalMs, { options: [] });
    case "remediation.proposed":
      return answered("proposal", { options: event.data.options, proposer: proposerOf(event) });
    case "approval.requested": {
      const { optionId, planHash, expiresAt } = event.data;
      const asked = { optionId, planHash, expiresAt: Date.parse(expiresAt) };
      return enter("asking", "approval", waits.approvalMs, { ...attemptOf(incident, optionId), asked });
    }
    case "remediation.authorized": {
      const authorised = { ...attemptOf(incident, event.data.optionId), answered: answeredBy(event, incident) };
      return rules.audit.strict
        ? enter("recording", "record", waits.recordMs, authorised)
        : answered("approval", authorised);
    }
    case "remediation.denied": {
      const denied = incident.options.find((option) => option.optionId === event.data.optionId);
      return answered("approval", {
        tried: denied === undefined ? incident.tried : [...incident.tried, keyOf(denied)],
        answered: answeredBy(event, incident),
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

function diagnosed(incident: Incident, event: EventOf<"diagnosis.reached">, at: number, reviewMs: number): Incident {
  const { candidates, verdict, model, reviewBy } = event.data;
  const [cause] = candidates;
  const known = {
    ...incident,
    diagnosedAt: at,
    verdict,
    withModel: model !== undefined,
    ...(cause === undefined ? {} : { cause }),
  };
  if (reviewBy === undefined || incident.phase !== "gathering") return known;
  const dueAt = Math.min(at + reviewMs, Math.max(at, Date.parse(reviewBy)));
  const review: Wait = { awaited: "review", dueAt, causeId: event.id };
  return { ...known, candidates, waits: [...incident.waits, review] };
}

/** A process is known by its role, a person by the name in the source of what they signed. */
function proposerOf({ keyid, source }: EventOf<"remediation.proposed">): string {
  const role = keyid.slice(0, keyid.indexOf("-"));
  return role === "operator" ? decodeURIComponent(source.slice(source.lastIndexOf("/") + 1)) : role;
}

function answeredBy(
  event: EventOf<"remediation.authorized" | "remediation.denied">,
  incident: Incident,
): readonly string[] {
  return event.data.by.kind === "person" ? [...incident.answered, event.data.planHash] : incident.answered;
}

function attemptOf(incident: Incident, optionId: string): Partial<Incident> {
  const option = incident.options.find((candidate) => candidate.optionId === optionId);
  return option === undefined ? {} : { attempt: { option } };
}
