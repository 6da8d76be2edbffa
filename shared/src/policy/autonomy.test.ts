import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EventType, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { definitionOf } from "@omega/bus-schemas/catalogue.ts";
import { exampleOption } from "@omega/bus-schemas/events/example-option.ts";
import type { AutonomyLevel, RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import { autonomyRulesSchema, emptyLedger, evolveAutonomy, levelOf, type AutonomyRecord } from "./autonomy.ts";

const rules = autonomyRulesSchema.parse({ raiseAfter: 2 });
const risky: RepairOption = { ...exampleOption, risk: "medium" };

/** The life of `exampleOption`'s action on the service payments. */
class Life {
  ledger = emptyLedger;
  #count = 0;
  readonly #evolve = evolveAutonomy(rules);

  when(type: EventType, data: object = {}): this {
    const example = definitionOf(type)?.example as object;
    this.#count += 1;
    const event = { type, id: `evt-${this.#count}`, incidentid: "inc-1", data: { ...example, ...data } };
    this.ledger = this.#evolve(this.ledger, event as unknown as OmegaEvent, this.#count);
    return this;
  }

  ordered(actionId: string, option: RepairOption = exampleOption): this {
    return this.when("remediation.requested")
      .when("remediation.proposed", { options: [option] })
      .when("action.ordered", { actionId });
  }

  verified(actionId: string, option: RepairOption = exampleOption): this {
    return this.ordered(actionId, option).when("recovery.confirmed", { actionId });
  }

  level(option: RepairOption = exampleOption, service = "payments"): AutonomyLevel {
    return levelOf(this.ledger, rules, option, service);
  }

  record(): AutonomyRecord {
    const record = this.ledger.records["k8s.rollout-undo payments"];
    assert.ok(record);
    return record;
  }
}

describe("autonomy", () => {
  it("begins at auto for low risk that is taken back exactly, and with a person for the rest", () => {
    const life = new Life();
    assert.equal(life.level(), "auto");
    assert.equal(life.level(risky), "approve");
    assert.equal(life.level({ ...exampleOption, reversible: "compensating" }), "approve");
  });

  it("is raised by verified outcomes in a row, each counted once", () => {
    const life = new Life().verified("act-1", risky).when("recovery.confirmed", { actionId: "act-1" });
    assert.equal(life.level(risky), "approve");
    life.verified("act-2", risky);
    assert.equal(life.level(risky), "auto");
    assert.deepEqual(life.record().changes.at(-1), {
      at: 9,
      from: "approve",
      to: "auto",
      why: "2 verified in a row",
      incidentId: "inc-1",
    });
  });

  for (const [what, type] of [
    ["a failure", "action.failed"],
    ["an unknown outcome", "action.outcome-unknown"],
    ["a recovery that did not come", "recovery.failed"],
    ["an undo", "undo.ordered"],
    ["a panic's undo", "undo.started"],
  ] as const) {
    it(`is lowered by ${what}, once for each action`, () => {
      const life = new Life().ordered("act-1").when(type, { actionId: "act-1" });
      assert.equal(life.level(), "approve");
      life.when("undo.ordered", { actionId: "act-1" }).when("undo.started", { actionId: "act-1" });
      assert.equal(life.level(), "approve");
      assert.equal(life.record().setbacks, 1);
    });
  }

  it("is lowered by the undo of an action that had been verified, and its streak is broken", () => {
    const life = new Life().verified("act-1").when("incident.resolved").when("undo.ordered", { actionId: "act-1" });
    assert.equal(life.level(), "approve");
    life.verified("act-2");
    assert.equal(life.level(), "approve");
    assert.equal(life.verified("act-3").level(), "auto");
  });

  it("goes down to observe and no further; a person lifts it", () => {
    const life = new Life();
    for (const id of ["act-1", "act-2", "act-3", "act-4"]) life.ordered(id).when("action.failed", { actionId: id });
    assert.equal(life.level(), "observe");
    life.when("autonomy.set", { level: "approve" });
    assert.equal(life.level(), "approve");
    assert.match(life.record().changes.at(-1)?.why ?? "", /^set by ada@example\.com: /);
  });

  it("is of one action on one service, and no other", () => {
    const life = new Life().ordered("act-1").when("action.failed", { actionId: "act-1" });
    assert.equal(life.level(exampleOption, "cart"), "auto");
    assert.equal(life.level({ ...exampleOption, actionType: "k8s.scale" }), "auto");
  });

  it("is not lowered by what stopped the action from outside, nor by what it does not know", () => {
    const failure = { kind: "terminal", code: "frozen", message: "" };
    const life = new Life().ordered("act-1").when("action.failed", { actionId: "act-1", failure });
    assert.equal(life.level(), "auto");
    life.when("undo.ordered", { actionId: "act-unknown" }).when("recovery.confirmed", { actionId: "act-unknown" });
    assert.deepEqual(life.ledger.records, {});
  });
});
