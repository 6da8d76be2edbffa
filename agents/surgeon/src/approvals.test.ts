import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EventOf, EventType, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { definitionOf } from "@omega/bus-schemas/catalogue.ts";
import { approvedAsNeeded, evolveApprovals, type Approvals } from "./approvals.ts";

let said = 0;

/** A golden sample as an event of inc-1, changed as told. */
function sample(type: EventType, data: object = {}, extra: object = {}): OmegaEvent {
  said += 1;
  const example = definitionOf(type)?.example as object;
  return {
    type,
    id: `evt-${said}`,
    incidentid: "inc-1",
    data: { ...example, ...data },
    ...extra,
  } as unknown as OmegaEvent;
}

const byPerson = (): OmegaEvent => sample("remediation.authorized", { by: { kind: "person", name: "ada" } });

/** What comes of the example's order after these events. */
function given(...events: OmegaEvent[]) {
  const approvals = events.reduce<Approvals>(evolveApprovals, new Map());
  return (reversible: "exact" | "none" = "exact", order = sample("action.ordered")): string => {
    const outcome = approvedAsNeeded(order as EventOf<"action.ordered">, approvals, reversible);
    return outcome.ok ? "ok" : outcome.failure.code;
  };
}

describe("an order, as Surgeon looks at it", () => {
  it("that policy let run alone needs nobody, unless it can't be taken back", () => {
    const ordered = given(sample("remediation.authorized"));
    assert.equal(ordered("exact"), "ok");
    assert.equal(ordered("none"), "approval_missing");
  });

  it("in a person's name needs that person's signed word", () => {
    assert.equal(given(byPerson())(), "approval_missing");
    assert.equal(given(sample("approval.granted"), byPerson())(), "ok");
    assert.equal(given(sample("approval.granted"))("none"), "ok");
  });

  it("is not covered by an approval of another plan or another incident", () => {
    const otherPlan = sample("approval.granted", { planHash: "1".repeat(64) });
    assert.equal(given(otherPlan, byPerson())(), "approval_missing");
    const elsewhere = sample("approval.granted", {}, { incidentid: "inc-2" });
    assert.equal(given(elsewhere, byPerson())(), "approval_missing");
  });

  it("uses an approval once; the same order delivered again is the same use", () => {
    const story = [sample("approval.granted"), byPerson(), sample("action.started", { actionId: "act-1" })];
    assert.equal(given(...story)("none", sample("action.ordered", { actionId: "act-2" })), "approval_used");
    assert.equal(given(...story)("none", sample("action.ordered", { actionId: "act-1" })), "ok");
  });

  it("that a person denied never starts, whoever else says yes", () => {
    assert.equal(given(sample("approval.denied"))(), "approval_denied");
    assert.equal(given(sample("approval.denied"), sample("approval.granted"), byPerson())(), "approval_denied");
  });

  it("is not covered by an approval that the Coordinator refused", () => {
    const granted = sample("approval.granted");
    const refused = sample("approval.refused", {}, { causationid: granted.id });
    assert.equal(given(granted, refused)("none"), "approval_missing");
    const another = sample("approval.granted");
    assert.equal(given(granted, refused, another)("none"), "ok");
  });
});
