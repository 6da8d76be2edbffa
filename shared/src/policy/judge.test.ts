import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { autonomyLevels } from "@omega/bus-schemas/vocabulary.ts";
import { judge, mayApprove } from "./judge.ts";
import { checkPolicies, policyFilesIn, type PolicySet } from "./policy-set.ts";
import type { Question } from "./question.ts";
import { SourceText } from "./source-text.ts";

const shipped = policyFilesIn(fileURLToPath(new URL("../../../infra/config/policies", import.meta.url)));

function setOf(...texts: string[]): PolicySet {
  const own = texts.map((text, at) => new SourceText(`own-${at}.cedar`, text));
  const reading = checkPolicies({ schema: shipped.schema, policies: own });
  assert.ok(reading.ok, JSON.stringify(reading));
  return reading.set;
}

const shippedSet = setOf(...shipped.policies.map(({ text }) => text));

const easy: Question = {
  actionType: "k8s.scale",
  resource: { system: "kubernetes", namespace: "shop", kind: "Deployment", name: "payments", allowListed: true },
  context: {
    environment: "production",
    risk: "low",
    reversible: "exact",
    dryRun: "proven",
    confidence: 0.97,
    confidenceMin: 0.6,
    autonomy: "auto",
    instances: 2,
    objects: 1,
    tried: 0,
    actionsLeft: 6,
    exhausted: [],
    frozen: false,
    hour: 3,
    weekday: 2,
  },
};
const inContext = (change: Partial<Question["context"]>): Question => ({
  ...easy,
  context: { ...easy.context, ...change },
});

describe("the shipped policies", () => {
  it("give the same answers as the rules that they replaced, on every kind of question", () => {
    const questions = fc.record({
      system: fc.constantFrom("kubernetes" as const, "ssh" as const, "webhook" as const),
      allowListed: fc.boolean(),
      risk: fc.constantFrom("low" as const, "medium" as const, "high" as const),
      reversible: fc.constantFrom("exact" as const, "compensating" as const, "none" as const),
      dryRun: fc.constantFrom("proven" as const, "simulated" as const, "impossible" as const),
      confidence: fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100),
      autonomy: fc.constantFrom(...autonomyLevels),
    });
    fc.assert(
      fc.property(questions, ({ system, allowListed, ...situation }) => {
        const question = { ...inContext(situation), resource: { ...easy.resource, system, allowListed } };
        const refused = !allowListed || situation.autonomy === "observe" || situation.autonomy === "suggest";
        const easyOne =
          system === "kubernetes" &&
          situation.risk === "low" &&
          situation.reversible === "exact" &&
          situation.dryRun === "proven" &&
          situation.confidence >= 0.6 &&
          situation.autonomy === "auto";
        const verdict = judge(shippedSet, question);
        assert.equal(verdict.decision, refused ? "forbid" : easyOne ? "allow" : "ask");
        assert.ok(verdict.reasons.length > 0);
        assert.ok(verdict.policies.length > 0);
      }),
      { numRuns: 300 },
    );
  });

  it("hold for an action that no schema knows yet", () => {
    assert.equal(judge(shippedSet, { ...easy, actionType: "k8s.new-thing" }).decision, "allow");
    assert.equal(judge(shippedSet, { ...inContext({ risk: "high" }), actionType: "new.thing" }).decision, "ask");
  });
});

describe("a verdict", () => {
  const permit = `@id("yes") @reason("yes") permit (principal, action, resource);`;

  it("is no without a policy that permits", () => {
    const { decision, reasons } = judge(setOf(), easy);
    assert.equal(decision, "forbid");
    assert.deepEqual(reasons, ["no policy permits it by anyone"]);
    assert.equal(
      judge(setOf(`@id("p") @reason("p") permit (principal is Person, action, resource);`), easy).decision,
      "ask",
    );
  });

  it("lets a forbid win over every permit", () => {
    const forbid = `@id("no") @reason("never {action} at {context.hour} h") forbid (principal, action, resource);`;
    const verdict = judge(setOf(permit, forbid), easy);
    assert.equal(verdict.decision, "forbid");
    assert.deepEqual(verdict.reasons, ["never k8s.scale at 3 h (policy no)"]);
  });

  it("counts a policy that fails to evaluate as one that forbids", () => {
    const broken = `@id("huge") @reason("x") forbid (principal, action, resource) when { context.instances * 9223372036854775807 > 5 };`;
    const verdict = judge(setOf(permit, broken), inContext({ instances: 3 }));
    assert.equal(verdict.decision, "forbid");
    assert.match(verdict.reasons.join(), /overflow.*\(policy huge\)/);
  });

  it("knows families of actions, single actions, targets and people", () => {
    const family = setOf(
      permit,
      `@id("f") @reason("f") forbid (principal is Agent, action in Action::"k8s", resource);`,
    );
    assert.equal(judge(family, easy).decision, "ask");
    assert.equal(judge(family, { ...easy, actionType: "ssh.restart-service" }).decision, "allow");
    const one = setOf(permit, `@id("o") @reason("o") forbid (principal, action == Action::"k8s.scale", resource);`);
    assert.equal(judge(one, easy).decision, "forbid");
    assert.equal(judge(one, { ...easy, actionType: "k8s.set-env" }).decision, "allow");
    const target = setOf(
      permit,
      `@id("t") @reason("t") forbid (principal, action, resource == Target::"kubernetes/shop/Deployment/payments");`,
    );
    assert.equal(judge(target, easy).decision, "forbid");
    const person = setOf(permit, `@id("i") @reason("i") forbid (principal == Person::"ian", action, resource);`);
    assert.equal(mayApprove(person, easy, "ian").decision, "forbid");
    assert.equal(mayApprove(person, easy, "ada").decision, "allow");
  });

  it("never rounds confidence up to the limit", () => {
    const verdict = judge(shippedSet, inContext({ confidence: 0.599_99, confidenceMin: 0.6 }));
    assert.equal(verdict.decision, "ask");
    assert.equal(judge(shippedSet, inContext({ confidence: 0.6, confidenceMin: 0.6 })).decision, "allow");
  });

  it("takes names that are no identifiers as they are", () => {
    const nasty = 'x"::Agent::"omega';
    const verdict = mayApprove(shippedSet, { ...easy, resource: { ...easy.resource, name: nasty } }, nasty);
    assert.equal(verdict.decision, "allow");
    assert.equal(verdict.policies[0]?.id, "people-approve");
  });
});
