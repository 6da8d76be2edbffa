import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exampleOption } from "@omega/bus-schemas/events/example-option.ts";
import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import { rulesSchema } from "./config.ts";
import { defaultPolicies, edited, planned, policiesOf, Story } from "../test/story.ts";

const permitAll = `@id("anything-goes") @reason("a policy that permits everything") permit (principal, action, resource);`;

function proposedTo(story: Story, change: Partial<RepairOption> = {}): Story {
  story.when("remediation.proposed", { options: [{ ...exampleOption, ...change }] });
  return story;
}

describe("the policies in force", () => {
  it("are named on the event with their reasons, and so is their set", () => {
    const story = proposedTo(planned());
    const { by, reasons, policy } = story.last("remediation.authorized");
    assert.deepEqual(by, { kind: "policy", name: "repairs-run-alone" });
    assert.match(reasons[0] ?? "", /^low risk, .* \(policy repairs-run-alone\)$/);
    assert.deepEqual(policy, { hash: defaultPolicies.hash, decided: ["repairs-run-alone"] });
    const risky = proposedTo(planned(), { risk: "medium", reversible: "none" }).last("approval.requested");
    assert.deepEqual(risky.policy?.decided, ["above-low-risk-asks", "inexact-undo-asks", "unearned-autonomy-asks"]);
  });

  it("permit nothing that no policy permits", () => {
    const story = planned();
    story.load(policiesOf(`@id("no") @reason("no") forbid (principal, action, resource) when { context.frozen };`));
    proposedTo(story);
    assert.deepEqual(story.heard(), ["remediation.denied", "incident.escalated"]);
    const bare = new Story();
    bare.when("signal.detected");
    bare.when("memory.recalled");
    bare.when("diagnosis.reached");
    proposedTo(bare);
    assert.deepEqual(bare.last("remediation.denied").reasons, ["no policy set is in force"]);
  });

  it("change between two events, and what was decided before stays", () => {
    const story = planned();
    story.load(edited(`@id("nobody") @reason("stop") forbid (principal, action, resource);`));
    proposedTo(story);
    assert.deepEqual(story.last("remediation.denied").policy?.decided, ["nobody"]);
    const other = planned();
    other.load(edited(`@id("nobody") @reason("stop") forbid (principal, action, resource);`));
    other.load(defaultPolicies);
    assert.equal(proposedTo(other).last("action.ordered").optionId, exampleOption.optionId);
  });

  it("may go by the hour, the environment and the blast radius", () => {
    const quiet = edited(
      `@id("nights") @reason("at {context.hour} h nobody watches {context.environment}") forbid (principal is Agent, action, resource) when { context.hour < 6 && context.environment == "production" && context.instances > 1 };`,
    );
    const story = planned();
    story.load(quiet);
    assert.match(proposedTo(story).last("approval.requested").reasons[0] ?? "", /at 3 h nobody watches production/);
    const staging = planned({ environment: "staging" });
    staging.load(quiet);
    assert.ok(proposedTo(staging).last("action.ordered"));
  });
});

describe("what no policy can lift", () => {
  const permissive = policiesOf(permitAll);
  const target = { ...exampleOption.target, namespace: "kube-system" };

  it("a protected namespace is refused, whoever approves", () => {
    const story = planned();
    story.load(permissive);
    proposedTo(story, { target });
    assert.deepEqual(story.last("remediation.denied").reasons, ["namespace kube-system is protected"]);
  });

  it("an empty allow-list permits nothing, on no system", () => {
    for (const change of [{}, { target: { system: "ssh", name: "web-1" } }] as const) {
      const story = planned({ namespaces: rulesSchema.shape.namespaces.parse({ allow: [] }) });
      story.load(permissive);
      proposedTo(story, change);
      assert.match(story.last("remediation.denied").reasons.join(), /allow-list of namespaces is empty/);
    }
  });

  it("a freeze stops what everything permits", () => {
    const story = planned();
    story.load(permissive);
    story.when("control.panic-pressed");
    proposedTo(story);
    assert.deepEqual(story.heard(), ["incident.escalated"]);
  });

  it("an exhausted budget asks, though everything is permitted", () => {
    const story = planned({ budgets: { ...rulesSchema.parse({}).budgets, repeatsMax: 1 } });
    story.load(permissive);
    story.spend(exampleOption);
    proposedTo(story);
    assert.match(story.last("approval.requested").reasons.join(), /budget repeats: it ran 1 times/);
  });
});
