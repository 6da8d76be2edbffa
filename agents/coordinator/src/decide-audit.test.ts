import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exampleOption } from "@omega/bus-schemas/events/example-option.ts";
import { planned, type Story } from "../test/story.ts";

describe("the audit log", () => {
  it("that alarms stops every order until a person acknowledges it", () => {
    const story = planned();
    story.when("audit.alarmed", { code: "history_lost", stopsActions: true });
    const alarmId = story.state.auditAlarms[0]?.id ?? "";
    story.when("remediation.proposed");
    assert.equal(story.last("incident.escalated").reason, "audit_alarm");
    story.when("audit.checkpointed");
    assert.equal(story.state.auditAlarms.length, 1);
    story.when("audit.acknowledged", { alarmId: "another" });
    assert.equal(story.state.auditAlarms.length, 1);
    story.when("audit.acknowledged", { alarmId });
    assert.deepEqual(story.state.auditAlarms, []);
  });

  it("stops also what a person approved", () => {
    const story = planned();
    story.when("remediation.proposed", { options: [{ ...exampleOption, risk: "high" }] });
    story.when("audit.alarmed");
    story.heard();
    story.when("approval.granted");
    assert.deepEqual(story.heard(), ["incident.escalated"]);
  });

  it("that only warns, by the operator's config, stops nothing", () => {
    const story = planned();
    story.when("audit.alarmed", { stopsActions: false });
    story.when("remediation.proposed");
    assert.deepEqual(story.heard(), ["remediation.authorized", "action.ordered"]);
  });

  it("that could not be written stops orders until its next checkpoint", () => {
    const story = planned();
    story.when("audit.alarmed", { code: "log_unwritable" });
    assert.equal(story.state.auditAlarms.length, 1);
    story.when("audit.checkpointed");
    story.when("remediation.proposed");
    assert.deepEqual(story.heard(), ["remediation.authorized", "action.ordered"]);
  });
});

describe("strict mode", () => {
  const recording = (): Story => {
    const story = planned({ audit: { strict: true } });
    story.when("remediation.proposed");
    assert.deepEqual(story.heard(), ["remediation.authorized"]);
    return story;
  };
  const onRecord = (story: Story, planHash = exampleOption.planHash): void => {
    story.when("audit.checkpointed", { intents: [{ incidentId: story.incident, planHash }] });
  };

  it("orders once, and only when the very plan is inside a checkpoint", () => {
    const story = recording();
    onRecord(story, "1".repeat(64));
    assert.deepEqual(story.heard(), []);
    onRecord(story);
    assert.equal(story.last("action.ordered").planHash, exampleOption.planHash);
    story.heard();
    onRecord(story);
    assert.deepEqual(story.heard(), []);
  });

  it("asks a person when the record does not come, or panic comes first", () => {
    const story = recording();
    story.pass(story.rules.waits.recordMs);
    assert.equal(story.last("incident.escalated").reason, "intent_not_recorded");
    const frozen = recording();
    frozen.when("control.panic-pressed");
    onRecord(frozen);
    assert.equal(frozen.last("incident.escalated").reason, "frozen");
  });
});
