import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exampleOption } from "@omega/bus-schemas/events/example-option.ts";
import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import { exampleOf, planned, start, Story } from "../test/story.ts";
import type { Rules } from "./config.ts";
import { coordinator } from "./definition.ts";
import { keyOf } from "./orders.ts";

const other: RepairOption = {
  ...exampleOption,
  optionId: "opt-2",
  actionType: "k8s.rollout-restart",
  planHash: "0".repeat(64),
};

describe("an incident", () => {
  it("opens on a signal that hurts, with an id that follows from the signal", () => {
    const [opened] = new Story().when("signal.detected");
    assert.equal(opened?.type, "incident.opened");
    assert.match(opened?.incidentid ?? "", /^inc-20261124-[0-9a-f]{6}$/);
    assert.equal(new Story().when("signal.detected")[0]?.incidentid, opened?.incidentid);
  });

  it("does not open on a warning without lead time, but on one that will hurt soon", () => {
    const story = new Story();
    story.when("signal.detected", { leadTimeMs: 3_600_000, severity: "warning" });
    assert.deepEqual(story.heard(), []);
    story.when("signal.detected", { severity: "warning", leadTimeMs: 60_000 });
    assert.deepEqual(story.heard(), ["incident.opened"]);
  });

  it("takes the rest of the storm in, and a repeated signal once", () => {
    const story = new Story();
    story.when("signal.detected");
    story.when("signal.detected");
    story.when("signal.detected", { signalId: "sig-2", service: "storefront" });
    assert.deepEqual(story.heard(), ["incident.opened", "incident.extended"]);
    story.now += story.rules.stormMs;
    story.when("signal.detected", { signalId: "sig-3", service: "search" });
    assert.deepEqual(story.heard(), ["incident.opened"]);
  });

  it("subsides when every signal clears before anything was done", () => {
    const story = new Story();
    story.when("signal.detected");
    story.when("signal.cleared");
    assert.equal(story.last("incident.resolved").outcome, "subsided");
    assert.deepEqual(story.state.incidents, {});
  });
});

describe("gathering", () => {
  it("waits for diagnosis, recall and the storm", () => {
    const story = new Story();
    story.when("signal.detected");
    story.when("diagnosis.reached");
    story.when("memory.recalled", { verdict: "none", matches: [] });
    assert.deepEqual(story.heard(), ["incident.opened"]);
    story.pass(4000);
    assert.deepEqual(story.heard(), ["remediation.requested"]);
  });

  it("does not wait for the storm when memory knows a verified fix", () => {
    const story = new Story();
    story.when("signal.detected");
    story.when("memory.recalled");
    story.when("diagnosis.reached");
    assert.deepEqual(story.heard(), ["incident.opened", "remediation.requested"]);
  });

  it("waits all the same when the remembered fix was once undone", () => {
    const story = new Story();
    story.when("signal.detected");
    const matches = exampleOf("memory.recalled").matches.map((match) => ({
      ...match,
      fixes: match.fixes.flatMap((fix) => [fix, { ...fix, outcome: "undone" as const }]),
    }));
    story.when("memory.recalled", { matches });
    story.when("diagnosis.reached");
    assert.deepEqual(story.heard(), ["incident.opened"]);
  });

  it("goes on without recall, but never without a diagnosis", () => {
    const story = new Story();
    story.when("signal.detected");
    story.when("diagnosis.reached");
    story.pass(5000);
    assert.deepEqual(story.heard(), ["incident.opened", "remediation.requested"]);
    const blind = new Story();
    blind.when("signal.detected");
    blind.pass(30_000);
    assert.equal(blind.last("incident.escalated").reason, "no_diagnosis");
  });

  it("asks a person when the cause is not known", () => {
    const story = new Story();
    story.when("signal.detected");
    story.when("memory.recalled");
    story.when("diagnosis.reached", { verdict: "inconclusive", candidates: [] });
    assert.equal(story.last("incident.escalated").reason, "no_cause");
  });
});

describe("a repair", () => {
  it("of low risk runs alone, is verified and resolves the incident", () => {
    const story = planned();
    story.when("remediation.proposed");
    assert.deepEqual(
      story.said.map((draft) => draft.type),
      ["remediation.authorized", "action.ordered"],
    );
    const { actionId, fence, planHash } = story.last("action.ordered");
    assert.equal(fence, 7);
    assert.equal(planHash, exampleOption.planHash);
    story.heard();
    story.when("action.succeeded", { actionId });
    assert.deepEqual(story.last("verification.requested").checks, [
      { service: "payments", operation: "POST /charges" },
    ]);
    story.when("recovery.confirmed", { actionId });
    const end = story.last("incident.resolved");
    assert.equal(end.outcome, "healed");
    assert.equal(end.actionType, "k8s.rollout-undo");
    assert.equal(end.location?.lineStart, 21);
    assert.equal(end.resolveMs, story.now - start);
  });

  it("is not ordered twice when its events come again", () => {
    const story = planned();
    story.when("remediation.proposed");
    story.heard();
    story.when("remediation.proposed");
    story.when("diagnosis.reached");
    assert.deepEqual(story.heard(), []);
  });

  it("in a protected or unlisted namespace is denied, and the next option is tried", () => {
    const story = planned();
    const protectedOption = { ...exampleOption, target: { ...exampleOption.target, namespace: "kube-system" } };
    story.when("remediation.proposed", { options: [protectedOption, other] });
    assert.deepEqual(story.heard(), ["remediation.denied", "remediation.authorized", "action.ordered"]);
    const unlisted = planned({ namespaces: { allow: [], protect: [] } });
    unlisted.when("remediation.proposed");
    assert.deepEqual(unlisted.heard(), ["remediation.denied", "incident.escalated"]);
  });

  for (const [what, change] of [
    ["medium risk", { risk: "medium" }],
    ["no exact way back", { reversible: "compensating" }],
    ["no proof by dry-run", { dryRun: "simulated" }],
    ["a host as target", { target: { system: "ssh", name: "web-1" } }],
  ] as const) {
    it(`with ${what} asks a person`, () => {
      const story = planned();
      story.when("remediation.proposed", { options: [{ ...exampleOption, ...change }] });
      assert.deepEqual(story.heard(), ["approval.requested"]);
    });
  }

  it("asks when the cause is doubtful", () => {
    const doubtful = planned({ confidenceMin: 0.99 });
    doubtful.when("remediation.proposed");
    assert.match(doubtful.last("approval.requested").reasons.join(), /confidence 0\.97 is below 0\.99/);
  });

  it("that failed, is undone and asked for again; the tried one is named", () => {
    const story = planned();
    story.when("remediation.proposed");
    const { actionId } = story.last("action.ordered");
    story.heard();
    story.when("action.succeeded", { actionId });
    story.when("recovery.failed", { actionId });
    assert.equal(story.last("undo.ordered").reason, "recovery-failed");
    story.heard();
    story.when("undo.done", { actionId });
    assert.deepEqual(story.last("remediation.requested").tried, [keyOf(exampleOption)]);
    story.when("remediation.proposed", { options: [exampleOption, other] });
    assert.equal(story.last("action.ordered").optionId, "opt-2");
  });

  it("ends with a person after the last attempt", () => {
    const story = planned({ attemptsMax: 1 });
    story.when("remediation.proposed");
    const { actionId } = story.last("action.ordered");
    story.when("action.failed", { actionId });
    assert.equal(story.last("incident.escalated").reason, "attempts_exhausted");
  });

  it("in conflict touches nothing more and tells a person; an unknown outcome is undone", () => {
    const conflicted = planned();
    conflicted.when("remediation.proposed");
    conflicted.when("action.conflicted", { actionId: conflicted.last("action.ordered").actionId });
    assert.equal(conflicted.last("incident.escalated").reason, "conflict");
    const unknown = planned();
    unknown.when("remediation.proposed");
    unknown.when("action.outcome-unknown", { actionId: unknown.last("action.ordered").actionId });
    assert.equal(unknown.last("undo.ordered").reason, "outcome-unknown");
  });

  it("of another attempt is not listened to", () => {
    const story = planned();
    story.when("remediation.proposed");
    story.heard();
    story.when("action.succeeded", { actionId: "act-other" });
    story.when("recovery.confirmed", { actionId: "act-other" });
    assert.deepEqual(story.heard(), []);
  });

  it("is not ordered while frozen, and is again after the resume", () => {
    const story = planned();
    story.when("control.panic-pressed");
    story.when("remediation.proposed");
    assert.equal(story.last("incident.escalated").reason, "frozen");
    story.when("control.resumed");
    assert.equal(story.state.frozenBy, undefined);
  });
});

describe("approval", () => {
  const asked = (): Story => {
    const story = planned();
    story.when("remediation.proposed", { options: [{ ...exampleOption, risk: "high" }, other] });
    assert.deepEqual(story.heard(), ["approval.requested"]);
    return story;
  };

  it("lets the plan that was asked about run, and no other", () => {
    const story = asked();
    story.when("approval.granted", { planHash: "1".repeat(64) });
    assert.equal(story.last("approval.refused").reason, "plan_changed");
    story.when("approval.granted");
    assert.equal(story.last("remediation.authorized").by.kind, "person");
    assert.equal(story.last("action.ordered").optionId, "opt-1");
  });

  it("denied goes on to the next option", () => {
    const story = asked();
    story.when("approval.denied");
    assert.deepEqual(story.heard(), ["remediation.denied", "remediation.authorized", "action.ordered"]);
  });

  it("expires", () => {
    const story = asked();
    story.pass(story.rules.waits.approvalMs);
    assert.equal(story.last("incident.escalated").reason, "approval_expired");
    story.when("approval.granted");
    assert.deepEqual(story.heard(), ["incident.escalated", "approval.refused"]);
  });
});

describe("every wait", () => {
  const cases: readonly [string, (story: Story) => void, keyof Rules["waits"]][] = [
    ["no_proposal", () => undefined, "proposalMs"],
    ["action_silent", (story) => story.when("remediation.proposed"), "actionMs"],
    [
      "no_verdict",
      (story) => {
        story.when("remediation.proposed");
        story.when("action.succeeded", { actionId: story.last("action.ordered").actionId });
      },
      "verificationMs",
    ],
    [
      "undo_silent",
      (story) => {
        story.when("remediation.proposed");
        story.when("action.outcome-unknown", { actionId: story.last("action.ordered").actionId });
      },
      "undoMs",
    ],
  ];
  for (const [reason, arrive, wait] of cases) {
    it(`ends by a deadline: ${reason}`, () => {
      const story = planned();
      arrive(story);
      story.pass(story.rules.waits[wait]);
      assert.equal(story.last("incident.escalated").reason, reason);
      assert.equal(coordinator(story.rules).nextDeadline?.(story.state), undefined);
    });
  }
});
