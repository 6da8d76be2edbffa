import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exampleOption } from "@omega/bus-schemas/events/example-option.ts";
import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import { edited, planned, type Story } from "../test/story.ts";

const risky: RepairOption = { ...exampleOption, risk: "high" };

/** A story in which a person is asked about `risky`. */
function asked(rules: Parameters<typeof planned>[0] = {}): Story {
  const story = planned(rules);
  story.when("remediation.proposed", { options: [risky] });
  assert.deepEqual(story.heard(), ["approval.requested"]);
  return story;
}

const ordersOf = (story: Story): number => story.said.filter(({ type }) => type === "action.ordered").length;

describe("an approval", () => {
  it("given for the plan that was asked about, orders it once", () => {
    const story = asked();
    story.when("approval.granted", { by: "ada@example.com" });
    assert.deepEqual(story.last("remediation.authorized").by, { kind: "person", name: "ada@example.com" });
    assert.equal(story.last("action.ordered").planHash, risky.planHash);
  });

  it("of a plan with another hash is refused, and the question stands", () => {
    const story = asked();
    story.when("approval.granted", { planHash: "1".repeat(64) });
    assert.deepEqual(story.heard(), ["approval.refused"]);
    story.when("approval.granted");
    assert.equal(ordersOf(story), 1);
  });

  it("of another option with the same hash is refused", () => {
    const story = asked();
    story.when("approval.granted", { optionId: "opt-9" });
    assert.equal(story.last("approval.refused").reason, "plan_changed");
    assert.equal(ordersOf(story), 0);
  });

  it("is void once the plan drifted: it was proposed anew with another hash", () => {
    const story = asked();
    story.when("remediation.proposed", { options: [{ ...risky, planHash: "2".repeat(64) }] });
    assert.equal(story.last("approval.requested").planHash, "2".repeat(64));
    story.when("approval.granted", { planHash: risky.planHash });
    assert.equal(story.last("approval.refused").reason, "plan_changed");
    assert.equal(ordersOf(story), 0);
    story.when("approval.granted", { planHash: "2".repeat(64) });
    assert.equal(story.last("action.ordered").planHash, "2".repeat(64));
  });

  it("stands when the very plan is proposed again, without a second question", () => {
    const story = asked();
    story.when("remediation.proposed", { options: [risky] });
    assert.deepEqual(story.heard(), []);
    story.when("approval.granted");
    assert.equal(ordersOf(story), 1);
  });

  it("is refused after it expired, also when the deadline's event is still to come", () => {
    const story = asked();
    story.when("approval.granted", {}, story.rules.waits.approvalMs);
    assert.equal(story.last("approval.refused").reason, "expired");
    assert.equal(ordersOf(story), 0);
    const late = asked();
    late.pass(late.rules.waits.approvalMs);
    late.when("approval.granted");
    assert.deepEqual(late.heard(), ["incident.escalated", "approval.refused"]);
  });

  it("counts once: the second person comes too late", () => {
    const story = asked();
    story.when("approval.granted", { by: "ada@example.com" });
    story.when("approval.granted", { by: "grace@example.com" });
    assert.equal(story.last("approval.refused").reason, "used");
    assert.equal(ordersOf(story), 1);
  });

  it("of whoever proposed the plan is refused", () => {
    for (const by of ["surgeon", "omega"]) {
      const story = asked();
      story.when("approval.granted", { by });
      assert.equal(story.last("approval.refused").reason, "proposer");
      assert.equal(ordersOf(story), 0);
    }
    const own = planned();
    own.speaker = { source: "/omega/operator/ada%40example.com", keyid: "operator-0123456789abcdef" };
    own.when("remediation.proposed", { options: [risky] });
    own.when("approval.granted", { by: "ada@example.com" });
    assert.equal(own.last("approval.refused").reason, "proposer");
    own.when("approval.granted", { by: "grace@example.com" });
    assert.equal(ordersOf(own), 1);
  });

  it("of a person whom a policy forbids it is refused in the policy's words", () => {
    const story = asked();
    story.load(
      edited(
        `@id("no-interns") @reason("interns approve nothing") forbid (principal == Person::"ian", action, resource);`,
      ),
    );
    story.when("approval.granted", { by: "ian" });
    const { reason, says } = story.last("approval.refused");
    assert.equal(reason, "policy");
    assert.equal(says, "interns approve nothing (policy no-interns)");
    story.when("approval.granted", { by: "ada" });
    assert.equal(ordersOf(story), 1);
  });

  it("lifts no prohibition that came in while the question stood", () => {
    const story = asked();
    story.load(edited(`@id("stop") @reason("change freeze") forbid (principal, action, resource);`));
    story.when("approval.granted");
    assert.match(story.last("approval.refused").says, /change freeze/);
    assert.equal(ordersOf(story), 0);
  });

  it("that nobody asked for is refused", () => {
    const story = planned();
    story.when("approval.granted");
    assert.equal(story.last("approval.refused").reason, "not_asked");
    story.when("approval.granted", {}, 10);
    story.incident = "inc-20261124-nobody";
    story.when("approval.granted");
    assert.equal(story.last("approval.refused").reason, "not_asked");
    assert.equal(ordersOf(story), 0);
  });

  it("while frozen orders nothing", () => {
    const story = asked();
    story.when("control.panic-pressed");
    story.when("approval.granted");
    assert.equal(story.last("incident.escalated").reason, "frozen");
    assert.equal(ordersOf(story), 0);
  });
});

describe("a denial", () => {
  it("is anybody's, also the proposer's, and writes nothing", () => {
    const story = asked();
    story.when("approval.denied", { by: "surgeon" });
    assert.deepEqual(story.heard(), ["remediation.denied", "incident.escalated"]);
  });
});
