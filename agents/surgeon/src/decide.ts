import type { Draft, EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Decision, Moment } from "@omega/shared/agent.ts";
import { canonicalHash } from "@omega/shared/canonical-json.ts";
import { timeText } from "@omega/shared/clock.ts";
import { fail, type Failure, type FailureKind, type Outcome } from "@omega/shared/outcome.ts";
import { mayStart } from "./approvals.ts";
import type { Registry } from "./actions/registry.ts";
import { sameJson } from "./kubernetes/json-pointer.ts";
import { isPersons, type KnownAction, type State } from "./state.ts";
import { plain, undoResult } from "./taking-back.ts";

export type Effect =
  | { readonly do: "propose"; readonly incidentId: string; readonly request: EventOf<"remediation.requested">["data"] }
  | { readonly do: "execute"; readonly actionId: string; readonly action: KnownAction }
  | { readonly do: "undo"; readonly start: EventOf<"undo.started">; readonly action: KnownAction };

const nothing: Decision<Effect> = { say: [], perform: [] };

/**
 * What Surgeon does about an event. An order only makes it *say* that it starts; the start it said comes back over the stream, and that
 * is what it executes. So by the time of the effect it has seen every freeze, undo and fence that the stream holds before the start, and
 * a start whose execution was interrupted comes again by redelivery.
 */
export function decide(
  event: OmegaEvent,
  state: State,
  moment: Moment,
  setting: { readonly registry: Registry },
): Decision<Effect> {
  switch (event.type) {
    case "remediation.requested":
      if (state.answered.has(event.id)) return nothing;
      return perform({ do: "propose", incidentId: event.incidentid ?? "", request: event.data });
    case "action.ordered":
      return onOrdered(event, state, moment, setting.registry);
    case "action.started":
      return onStarted(event, state, moment);
    case "undo.ordered":
      return onUndoOrdered(event, state);
    case "undo.started":
      return onUndoStarted(event, state);
    default:
      return nothing;
  }
}

function onOrdered(
  event: EventOf<"action.ordered">,
  state: State,
  moment: Moment,
  registry: Registry,
): Decision<Effect> {
  const { actionId, notAfter: _deadline, ...order } = event.data;
  const action = state.actions.get(actionId);
  if (action === undefined || action.orderId !== event.id) return nothing;
  if (action.phase === "started" || action.phase === "ended") return nothing;
  const allowed = admitted(event, state, moment, registry);
  if (!allowed.ok) return say(resultOf(event, actionId, allowed.failure));
  return say(about(event, { type: "action.started", data: { actionId, ...order } }));
}

/** Everything that must hold before an order may start. It was decoded and its signature checked by the loop. */
function admitted(event: EventOf<"action.ordered">, state: State, moment: Moment, registry: Registry): Outcome<void> {
  const { data } = event;
  const phase = neverBegins(state.actions.get(data.actionId));
  if (phase !== undefined) return phase;
  if (data.fence < state.fence) {
    return fail("terminal", "stale_fence", `The order has fence ${data.fence}; fence ${state.fence} was seen.`);
  }
  if (moment.now > Date.parse(data.notAfter)) return expired(data.notAfter);
  if (canonicalHash(data.plan) !== data.planHash) {
    return fail("terminal", "plan_hash_wrong", "The plan in the order does not have the hash in the order.");
  }
  const offer = state.offers.get(data.optionId);
  if (offer === undefined || offer.incidentId !== event.incidentid) {
    return fail("terminal", "option_unknown", `Option ${data.optionId} was not offered for this incident.`);
  }
  const asOffered =
    offer.planHash === data.planHash && offer.actionType === data.actionType && sameJson(offer.target, data.target);
  if (!asOffered) {
    return fail("terminal", "not_as_offered", `The order differs from what was dry-run for option ${data.optionId}.`);
  }
  const wanted = { ...data, incidentId: event.incidentid ?? "" };
  const approved = mayStart(state.approvals, wanted, moment.now, offer.reversible);
  if (!approved.ok) return approved;
  const action = registry.get(data.actionType);
  if (action === undefined) return fail("terminal", "action_unknown", `No action ${data.actionType} is installed.`);
  const plan = action.planSchema.safeParse(data.plan);
  if (!plan.success) return fail("terminal", "plan_unreadable", `The plan is no plan of ${data.actionType}.`);
  return approved;
}

function onStarted(event: EventOf<"action.started">, state: State, moment: Moment): Decision<Effect> {
  const { actionId } = event.data;
  const action = state.actions.get(actionId);
  if (action === undefined || action.phase === "ended") return nothing;
  const stopped = stoppedBefore(action, state, moment);
  if (stopped !== undefined) return say(resultOf(event, actionId, stopped));
  return perform({ do: "execute", actionId, action });
}

function stoppedBefore(action: KnownAction, state: State, moment: Moment): Failure | undefined {
  const never = neverBegins(action);
  if (never !== undefined) return never.failure;
  // `now` is when the stream stored the start, so an execution that is resumed after a crash is not late.
  if (moment.now > action.notAfter) return expired(timeText(action.notAfter)).failure;
  if (state.frozenBy !== undefined) {
    return failure(
      "unknown",
      "stopped_by_panic",
      "It had started when the panic button was pressed; it is not resumed.",
    );
  }
  if (action.undo !== "none") {
    return failure("unknown", "taken_back", "It is being taken back, or was, before its execution was known to end.");
  }
  // Of two orders by one approval, only the first to start has it.
  return action.refusal;
}

function neverBegins(action: KnownAction | undefined): { ok: false; failure: Failure } | undefined {
  if (action?.phase === "frozen") {
    return fail("terminal", "frozen", "Omega was frozen before the start; nothing was done.");
  }
  if (action?.phase === "withdrawn") {
    return fail("terminal", "withdrawn", "It was ordered to be taken back before its start; nothing was done.");
  }
  return undefined;
}

function expired(notAfter: string): { ok: false; failure: Failure } {
  return fail("terminal", "order_expired", `The order was void after ${notAfter}; nothing was done.`);
}

function onUndoOrdered(event: EventOf<"undo.ordered">, state: State): Decision<Effect> {
  const { actionId, fence } = event.data;
  if (state.undone.has(event.id)) return nothing;
  const action = state.actions.get(actionId);
  const failed = (code: string, message: string): Decision<Effect> =>
    say(
      about(event, {
        type: "undo.failed",
        data: { actionId, failure: failure("terminal", code, message), attempt: 1 },
      }),
    );
  if (action === undefined) return failed("action_unknown", `No order with the id ${actionId} is remembered.`);
  if (!isPersons(event) && fence < state.fence) {
    return failed("stale_fence", `The order has fence ${fence}; fence ${state.fence} was seen.`);
  }
  const done = (says: string): Decision<Effect> =>
    say(about(event, { type: "undo.done", data: { actionId, says, tookMs: 0 } }));
  if (neverBegins(action) !== undefined) return done("It never started; there is nothing to take back.");
  if (action.undo === "done") return done("It was taken back already.");
  // It is wanted from here on: the keeper says when its turn has come.
  return nothing;
}

function onUndoStarted(event: EventOf<"undo.started">, state: State): Decision<Effect> {
  const { actionId } = event.data;
  const action = state.actions.get(actionId);
  if (state.undone.has(event.id)) return nothing;
  if (action === undefined) {
    const reason = failure("terminal", "action_unknown", `The plan of ${actionId} is not remembered any more.`);
    return say(
      undoResult(
        event,
        { system: "kubernetes", name: actionId },
        { ok: false, failure: reason },
        { now: 0, tookMs: 0 },
      ),
    );
  }
  return perform({ do: "undo", start: event, action });
}

const resultTypes = {
  retryable: "action.failed",
  terminal: "action.failed",
  conflict: "action.conflicted",
  unknown: "action.outcome-unknown",
} as const satisfies Record<FailureKind, string>;

/** One action has one result: whatever it is, it has the same id for the same cause. */
export function resultOf(cause: OmegaEvent, actionId: string, reason: Failure): Draft {
  return about(cause, { type: resultTypes[reason.kind], data: { actionId, failure: plain(reason) }, key: "result" });
}

/** A draft about the same incident as its cause. */
export function about(cause: OmegaEvent, draft: Draft): Draft {
  return cause.incidentid === undefined ? draft : { ...draft, incidentid: cause.incidentid };
}

function failure(kind: FailureKind, code: string, message: string): Failure {
  return { kind, code, message };
}

function say(...drafts: Draft[]): Decision<Effect> {
  return { say: drafts, perform: [] };
}

function perform(...effects: Effect[]): Decision<Effect> {
  return { say: [], perform: effects };
}
