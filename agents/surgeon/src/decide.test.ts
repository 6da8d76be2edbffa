import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  definitionOf,
  type DataOf,
  type EventOf,
  type EventType,
  type OmegaEvent,
} from "@omega/bus-schemas/catalogue.ts";
import { canonicalHash } from "@omega/shared/canonical-json.ts";
import { timeText } from "@omega/shared/clock.ts";
import { loadActions } from "./actions/registry.ts";
import { decide, type Effect } from "./decide.ts";
import { evolve, initialState, type State } from "./state.ts";

const registry = await loadActions();
const now = Date.parse("2026-11-24T03:00:00.000Z");
const plan = {
  edit: {
    object: { kind: "Deployment", namespace: "shop", name: "payments" },
    uid: "5e0c",
    fields: [{ path: "/spec/template", before: { v: 2 }, after: { v: 1 } }],
    guards: [],
  },
  instances: 2,
  says: "2 pods are replaced.",
  warnings: [],
};
const target = { system: "kubernetes" as const, namespace: "shop", kind: "Deployment", name: "payments" };
const planHash = canonicalHash(plan);
const by = { kind: "process" as const, name: "coordinator" };

let said = 0;
function event<Type extends EventType>(type: Type, data: DataOf<Type>, extra: Partial<EventOf<Type>> = {}): OmegaEvent {
  said += 1;
  const role = definitionOf(type)?.saidBy[0] ?? "surgeon";
  const id = `evt-${said}`;
  const envelope = { id, type, data, incidentid: "inc-1", keyid: `${role}-0123456789abcdef`, ...extra };
  return envelope as unknown as OmegaEvent;
}

function proposal(): OmegaEvent {
  const sample = structuredClone(definitionOf("remediation.proposed")?.example) as DataOf<"remediation.proposed">;
  const options = sample.options.map((option) => ({ ...option, plan, planHash, target }));
  return event("remediation.proposed", { ...sample, options }, { causationid: "evt-request" });
}

function order(changes: Partial<DataOf<"action.ordered">> = {}): OmegaEvent {
  return event("action.ordered", {
    actionId: "act-1",
    optionId: "opt-1",
    actionType: "k8s.rollout-undo",
    target,
    plan,
    planHash,
    fence: 7,
    notAfter: timeText(now + 60_000),
    ...changes,
  });
}

function started(): OmegaEvent {
  return event("action.started", {
    actionId: "act-1",
    optionId: "opt-1",
    actionType: "k8s.rollout-undo",
    target,
    plan,
    planHash,
    fence: 7,
  });
}

const undoOrder = (fence = 7, keyid = "coordinator-0123456789abcdef"): OmegaEvent =>
  event("undo.ordered", { actionId: "act-1", fence, reason: "recovery-failed", by }, { keyid });
const panic = (): OmegaEvent => event("control.panic-pressed", { by: "ada", windowMs: 300_000 });
const resumed = (): OmegaEvent => event("control.resumed", { by: "ada", reason: "found it" });
const succeeded = (): OmegaEvent => event("action.succeeded", { actionId: "act-1", says: "done", tookMs: 1 });
const undoStarted = (): OmegaEvent => event("undo.started", { actionId: "act-1", attempt: 1 });

/** The last event is decided on; it and all before it are folded, as the loop does. */
function given(...events: OmegaEvent[]) {
  const state = events.reduce<State>((folded, one) => evolve(folded, one, now), initialState);
  const last = events.at(-1);
  assert.ok(last !== undefined);
  const at = (moment: number) => decide(last, state, { now: moment, fence: 0 }, { registry });
  const told = (moment = now): string[] => {
    const { say, perform } = at(moment);
    return [
      ...say.map(({ type, data }) => ("failure" in data ? `${type} ${data.failure?.code}` : type)),
      ...perform.map((effect: Effect) => `do ${effect.do}`),
    ];
  };
  return { gives: (...expected: string[]) => assert.deepEqual(told(), expected), at, told };
}

describe("an order", () => {
  it("that asks for what was offered is started", () => given(proposal(), order()).gives("action.started"));
  it("is said to start with the very plan", () => {
    const [draft] = given(proposal(), order()).at(now).say;
    assert.ok(draft?.type === "action.started");
    assert.deepEqual(draft.data.plan, plan);
    assert.equal(draft.incidentid, "inc-1");
  });
  it("for an option that was not offered is refused", () => given(order()).gives("action.failed option_unknown"));
  it("for an option of another incident is refused", () => {
    const other = { ...order(), incidentid: "inc-2" } as OmegaEvent;
    given(proposal(), other).gives("action.failed option_unknown");
  });
  it("in a person's name that nobody signed for is refused", () => {
    const authorized = event("remediation.authorized", {
      optionId: "opt-1",
      planHash,
      by: { kind: "person", name: "ada" },
      reasons: [],
    });
    given(proposal(), authorized, order()).gives("action.failed approval_missing");
  });
  it("with another plan under the old hash is refused", () =>
    given(proposal(), order({ plan: { ...plan, instances: 9 } })).gives("action.failed plan_hash_wrong"));
  it("with another plan and its own hash is refused", () => {
    const other = { ...plan, instances: 9 };
    given(proposal(), order({ plan: other, planHash: canonicalHash(other) })).gives("action.failed not_as_offered");
  });
  it("on another target is refused", () =>
    given(proposal(), order({ target: { ...target, name: "cart" } })).gives("action.failed not_as_offered"));
  it("for another action type is refused", () =>
    given(proposal(), order({ actionType: "k8s.scale" })).gives("action.failed not_as_offered"));
  it("with a lower fence than was seen is refused", () =>
    given(proposal(), order({ actionId: "act-0", fence: 8 }), order()).gives("action.failed stale_fence"));
  it("after its deadline is refused", () => {
    assert.deepEqual(given(proposal(), order()).told(now + 60_001), ["action.failed order_expired"]);
  });
  it("with an action id that was ordered before is nothing", () => given(proposal(), order(), order()).gives());
  it("that is delivered again after its start is nothing", () => {
    const ordered = order();
    const state = [proposal(), ordered, started()].reduce<State>(
      (folded, one) => evolve(folded, one, now),
      initialState,
    );
    const again = decide(ordered, state, { now, fence: 0 }, { registry });
    assert.deepEqual(again, { say: [], perform: [] });
  });
});

describe("a start", () => {
  it("is executed", () => given(proposal(), order(), started()).gives("do execute"));
  it("is executed again when nothing came of it", () =>
    given(proposal(), order(), started(), started()).gives("do execute"));
  it("with a result is nothing", () => given(proposal(), order(), started(), succeeded(), started()).gives());
  it("that was never ordered is nothing", () => given(started()).gives());
  it("that the stream stored after the order's deadline is refused", () => {
    const late = given(proposal(), order(), started()).told(now + 60_001);
    assert.deepEqual(late, ["action.failed order_expired"]);
  });
});

describe("an option that a person decides on", () => {
  const named = { optionId: "opt-1", planHash };
  const asked = (expiresAt = now + 30_000): OmegaEvent =>
    event("approval.requested", { ...named, expiresAt: timeText(expiresAt), reasons: [] });
  const granted = (changes = {}, extra = {}): OmegaEvent =>
    event("approval.granted", { ...named, by: "ada", ...changes }, extra);
  const denied = (): OmegaEvent => event("approval.denied", { ...named, by: "bob" });
  const authorised = (kind: "policy" | "person" = "person"): OmegaEvent =>
    event("remediation.authorized", { ...named, by: { kind, name: "ada" }, reasons: [] });

  it("is started when the approval is on the stream", () => {
    given(proposal(), asked(), granted(), authorised(), order()).gives("action.started");
    given(proposal(), asked(), granted(), authorised(), order(), started()).gives("do execute");
  });
  it("is refused without one, whatever the Coordinator says", () => {
    given(proposal(), asked(), order()).gives("action.failed approval_missing");
    given(proposal(), asked(), authorised(), order()).gives("action.failed approval_missing");
    given(proposal(), asked(), authorised("policy"), order()).gives("action.failed approval_missing");
    given(proposal(), authorised(), order()).gives("action.failed approval_missing");
    given(proposal(), authorised(), granted(), order()).gives("action.failed approval_missing");
  });
  it("is refused when the approval is for another plan, from another key or of another incident", () => {
    for (const wrong of [
      granted({ planHash: "1".repeat(64) }),
      granted({}, { keyid: "coordinator-0123456789abcdef" }),
      granted({}, { incidentid: "inc-2" }),
      granted({ optionId: "opt-2" }),
    ]) {
      given(proposal(), asked(), wrong, authorised(), order()).gives("action.failed approval_missing");
    }
  });
  it("is refused when the person was asked about another plan", () => {
    const other = event("approval.requested", {
      optionId: "opt-1",
      planHash: "1".repeat(64),
      expiresAt: timeText(now + 30_000),
      reasons: [],
    });
    given(proposal(), other, granted({ planHash: "1".repeat(64) }), order()).gives("action.failed approval_other_plan");
  });
  it("is refused after a no, also if somebody says yes later", () => {
    given(proposal(), asked(), denied(), order()).gives("action.failed approval_denied");
    given(proposal(), asked(), granted(), denied(), order()).gives("action.failed approval_denied");
    given(proposal(), asked(), denied(), granted(), order()).gives("action.failed approval_denied");
  });
  it("is refused when the answer, the order or the start comes too late", () => {
    given(proposal(), asked(now - 1), granted(), order()).gives("action.failed approval_missing");
    const late = given(proposal(), asked(), granted(), authorised(), order()).told(now + 30_001);
    assert.deepEqual(late, ["action.failed approval_expired"]);
    const upTo = [proposal(), asked(), granted(), order()].reduce(
      (folded, one) => evolve(folded, one, now),
      initialState,
    );
    const start = started();
    const after = evolve(upTo, start, now + 30_001);
    const { say, perform } = decide(start, after, { now: now + 30_001, fence: 0 }, { registry });
    assert.deepEqual(perform, []);
    assert.ok(say[0]?.type === "action.failed" && say[0].data.failure.code === "approval_expired");
  });
  it("is started once by one approval, and again when its start is delivered again", () => {
    const start = started();
    const once = [proposal(), asked(), granted(), authorised(), order(), start];
    given(...once, start).gives("do execute");
    given(...once, order({ actionId: "act-2" })).gives("action.failed approval_used");
    given(...once, succeeded(), order({ actionId: "act-2" })).gives("action.failed approval_used");
    given(...once, granted(), order({ actionId: "act-2" })).gives("action.failed approval_used");
    given(...once, asked(), granted(), order({ actionId: "act-2" })).gives("action.started");
  });
  it("is started by one of two orders that were both admitted", () => {
    const second = { ...started(), data: { ...started().data, actionId: "act-2" } } as OmegaEvent;
    const both = [proposal(), asked(), granted(), order(), order({ actionId: "act-2" })];
    given(...both, started()).gives("do execute");
    given(...both, started(), second).gives("action.failed approval_used");
    given(...both, started(), second, second).gives("action.failed approval_used");
  });
  it("is one that cannot be taken back, whether anybody was asked or not", () => {
    const offered = proposal() as EventOf<"remediation.proposed">;
    for (const option of offered.data.options) option.reversible = "none";
    given(offered, order()).gives("action.failed approval_missing");
    given(offered, asked(), granted(), order()).gives("action.started");
  });
  it("waits on when the Coordinator says that an answer does not count", () => {
    const yes = granted();
    const refusal = (causationid: string): OmegaEvent =>
      event("approval.refused", { ...named, by: "ada", reason: "proposer", says: "" }, { causationid });
    given(proposal(), asked(), yes, refusal(yes.id), order()).gives("action.failed approval_missing");
    given(proposal(), asked(), yes, refusal("evt-another"), order()).gives("action.started");
    given(proposal(), asked(), yes, refusal(yes.id), granted(), order()).gives("action.started");
  });
  it("that a panic kept from starting did not use the approval up", () => {
    const frozen = [proposal(), asked(), granted(), order(), panic(), started(), resumed()];
    given(...frozen, order({ actionId: "act-2" })).gives("action.started");
  });
});

describe("a panic", () => {
  it("keeps a later order from starting", () => given(proposal(), panic(), order()).gives("action.failed frozen"));
  it("keeps an order from before it from starting", () =>
    given(proposal(), order(), panic(), started()).gives("action.failed frozen"));
  it("keeps it so after the resumption", () =>
    given(proposal(), order(), panic(), resumed(), started()).gives("action.failed frozen"));
  it("leaves an action in doubt that had started", () =>
    given(proposal(), order(), started(), panic(), started()).gives("action.outcome-unknown stopped_by_panic"));
  it("does not keep anything from being taken back", () =>
    given(proposal(), order(), started(), panic(), undoOrder(), undoStarted()).gives("do undo"));
  it("is over for orders after the resumption", () =>
    given(proposal(), panic(), resumed(), order()).gives("action.started"));
});

describe("an undo order", () => {
  it("of a started action is the keeper's: it says when its turn has come", () =>
    given(proposal(), order(), started(), undoOrder()).gives());
  it("is performed when its start comes back", () =>
    given(proposal(), order(), started(), undoOrder(), undoStarted()).gives("do undo"));
  it("of an action that has not started keeps it from starting", () => {
    given(proposal(), order(), undoOrder()).gives("undo.done");
    given(proposal(), order(), undoOrder(), started()).gives("action.failed withdrawn");
  });
  it("of an unknown action fails", () => given(undoOrder()).gives("undo.failed action_unknown"));
  it("with a stale fence fails, unless a person gave it", () => {
    given(proposal(), order(), started(), undoOrder(6)).gives("undo.failed stale_fence");
    given(proposal(), order(), started(), undoOrder(0, "operator-0123456789abcdef")).gives();
  });
  it("of what is taken back already says so", () => {
    const begun = undoStarted();
    const done = event("undo.done", { actionId: "act-1", says: "", tookMs: 1 }, { causationid: begun.id });
    given(proposal(), order(), started(), begun, done, undoOrder()).gives("undo.done");
  });
  it("that begins for an action which is not remembered fails", () =>
    given(undoStarted()).gives("undo.failed action_unknown"));
  it("with a result is not performed again", () => {
    const begun = undoStarted();
    const done = event("undo.done", { actionId: "act-1", says: "", tookMs: 1 }, { causationid: begun.id });
    given(proposal(), order(), started(), undoOrder(), begun, done, begun).gives();
  });
  it("stops an execution whose start is delivered again from going on", () =>
    given(proposal(), order(), started(), undoOrder(), undoStarted(), started()).gives(
      "action.outcome-unknown taken_back",
    ));
});

describe("a request for remediation", () => {
  const request = (): OmegaEvent => {
    const example = definitionOf("remediation.requested")?.example as DataOf<"remediation.requested">;
    return event("remediation.requested", example, { id: "evt-request" });
  };
  it("is answered", () => given(request()).gives("do propose"));
  it("is answered once", () => given(proposal(), request()).gives());
});
