import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Target } from "@omega/bus-schemas/vocabulary.ts";
import { answered, asked, authorised, mayStart, refused, used, type Approvals } from "./approvals.ts";
import type { CanaryVerdict } from "@omega/shared/action.ts";
import type { Failure } from "@omega/shared/outcome.ts";
import type { JsonObject } from "./kubernetes/json-pointer.ts";

/** What this Surgeon offered under an option id: an order must ask for exactly this. */
export interface Offer {
  readonly incidentId: string;
  readonly actionType: string;
  readonly target: Target;
  readonly planHash: string;
  readonly reversible: "exact" | "compensating" | "none";
}

export type ActionPhase =
  | "ordered"
  /** A freeze came before its start on the stream: it never begins. */
  | "frozen"
  /** An undo came before its start on the stream: it never begins. */
  | "withdrawn"
  | "started"
  | "ended";

export interface KnownAction {
  readonly incidentId: string;
  readonly actionType: string;
  readonly target: Target;
  readonly plan: JsonObject;
  /** Milliseconds since the epoch after which it must not start. */
  readonly notAfter: number;
  /** The order that counts; a second order with the same action id is nothing. */
  readonly orderId: string;
  readonly phase: ActionPhase;
  /** Why it may not begin although its start is on the stream; found at the start, so that a redelivery finds the same. */
  readonly refusal: Failure | undefined;
  readonly undo: "none" | "started" | "done";
}

export interface State {
  readonly offers: ReadonlyMap<string, Offer>;
  readonly actions: ReadonlyMap<string, KnownAction>;
  /** What persons were asked about, and what they said. */
  readonly approvals: Approvals;
  /** Ids of requests that were answered. */
  readonly answered: ReadonlySet<string>;
  /** Undo orders that have their result. */
  readonly undone: ReadonlySet<string>;
  /** The highest fencing token seen in an order. */
  readonly fence: number;
  /** What telemetry said of first new pods, by `canaryKey`. */
  readonly canaries: ReadonlyMap<string, CanaryVerdict>;
  /** Id of the press that froze us; nothing new starts. */
  readonly frozenBy: string | undefined;
}

export const initialState: State = {
  offers: new Map(),
  actions: new Map(),
  approvals: new Map(),
  answered: new Set(),
  undone: new Set(),
  fence: 0,
  canaries: new Map(),
  frozenBy: undefined,
};

export function canaryKey(actionId: string, podUid: string): string {
  return `${actionId} ${podUid}`;
}

/** How many of each thing are remembered; the oldest go first. Undo of an older action is a person's work. */
const keptMax = 1000;

export function evolve(state: State, event: OmegaEvent, storedAt: number): State {
  switch (event.type) {
    case "remediation.proposed":
      return proposed(state, event);
    case "approval.requested":
      return { ...state, approvals: newest([...asked(state.approvals, event)]) };
    case "approval.granted":
    case "approval.denied":
      return { ...state, approvals: answered(state.approvals, event, storedAt) };
    case "approval.refused":
      return { ...state, approvals: refused(state.approvals, event) };
    case "remediation.authorized":
      return { ...state, approvals: newest([...authorised(state.approvals, event)]) };
    case "action.ordered":
      return ordered(state, event);
    case "action.started":
      return started(state, event, storedAt);
    case "action.succeeded":
    case "action.failed":
    case "action.conflicted":
    case "action.outcome-unknown":
      return changed(state, event.data.actionId, (action) => ({ ...action, phase: "ended" }));
    case "canary.judged": {
      const { actionId, pod, verdict, says } = event.data;
      const judged: [string, CanaryVerdict] = [canaryKey(actionId, pod.uid), { verdict, says }];
      return { ...state, canaries: newest([...state.canaries, judged]) };
    }
    case "undo.ordered":
      return undoOrdered(state, event);
    case "undo.started":
      return changed(state, event.data.actionId, (action) => ({ ...action, undo: "started" }));
    case "undo.done":
      return withResult(
        changed(state, event.data.actionId, (action) => ({ ...action, undo: "done" })),
        event.causationid,
      );
    case "undo.failed":
    case "undo.conflicted":
      return withResult(
        changed(state, event.data.actionId, (action) => ({ ...action, undo: "none" })),
        event.causationid,
      );
    case "control.panic-pressed":
      return { ...state, frozenBy: event.id, actions: frozen(state.actions) };
    case "control.resumed":
      return { ...state, frozenBy: undefined };
    default:
      return state;
  }
}

function proposed(state: State, event: EventOf<"remediation.proposed">): State {
  const offers = event.data.options.map(({ optionId, actionType, target, planHash, reversible }): [string, Offer] => [
    optionId,
    { incidentId: event.incidentid ?? "", actionType, target, planHash, reversible },
  ]);
  return {
    ...state,
    offers: newest([...state.offers, ...offers]),
    answered: newestOf(state.answered, event.causationid),
  };
}

function ordered(state: State, event: EventOf<"action.ordered">): State {
  const { actionId, actionType, target, plan, notAfter, fence } = event.data;
  const seen = { ...state, fence: Math.max(state.fence, fence) };
  if (state.actions.has(actionId)) return seen;
  const action: KnownAction = {
    incidentId: event.incidentid ?? "",
    actionType,
    target,
    plan,
    notAfter: Date.parse(notAfter),
    orderId: event.id,
    phase: state.frozenBy === undefined ? "ordered" : "frozen",
    refusal: undefined,
    undo: "none",
  };
  return { ...seen, actions: newest([...state.actions, [actionId, action]]) };
}

/** What never begins uses no approval up. */
function started(state: State, event: EventOf<"action.started">, storedAt: number): State {
  const { actionId } = event.data;
  if (state.actions.get(actionId)?.phase !== "ordered") return state;
  // What can't be taken back needs a person's approval to be admitted; here it is that approval which is looked at.
  const allowed = mayStart(state.approvals, { ...event.data, incidentId: event.incidentid ?? "" }, storedAt, "exact");
  const approvals = allowed.ok ? used(state.approvals, event) : state.approvals;
  const refusal = allowed.ok ? undefined : allowed.failure;
  return changed({ ...state, approvals }, actionId, (action) => ({ ...action, phase: "started", refusal }));
}

function undoOrdered(state: State, event: EventOf<"undo.ordered">): State {
  const fence = isPersons(event) ? state.fence : Math.max(state.fence, event.data.fence);
  return changed({ ...state, fence }, event.data.actionId, (action) =>
    action.phase === "ordered" ? { ...action, phase: "withdrawn" } : action,
  );
}

/** Orders of the Coordinator are fenced; a person's are not. The signature check tied the key id to the role. */
export function isPersons(event: OmegaEvent): boolean {
  return event.keyid.startsWith("operator-");
}

function frozen(actions: State["actions"]): State["actions"] {
  return new Map(
    [...actions].map(([id, action]) => [id, action.phase === "ordered" ? { ...action, phase: "frozen" } : action]),
  );
}

function changed(state: State, actionId: string, change: (action: KnownAction) => KnownAction): State {
  const action = state.actions.get(actionId);
  if (action === undefined) return state;
  return { ...state, actions: new Map(state.actions).set(actionId, change(action)) };
}

function withResult(state: State, startId: string | undefined): State {
  return { ...state, undone: newestOf(state.undone, startId) };
}

function newest<Value>(entries: readonly (readonly [string, Value])[]): ReadonlyMap<string, Value> {
  return new Map(entries.slice(-keptMax));
}

function newestOf(ids: ReadonlySet<string>, id: string | undefined): ReadonlySet<string> {
  return id === undefined ? ids : new Set([...ids, id].slice(-keptMax));
}
