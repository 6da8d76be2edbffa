import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planned } from "../test/story.ts";
import { rulesSchema } from "./config.ts";
import { rulesAnnouncement } from "./definition.ts";

describe("the rules on the stream", () => {
  const stricter = rulesSchema.parse({ namespaces: { allow: ["shop"] }, confidenceMin: 1 });

  it("are what is decided by from there on, whatever the process was started with", () => {
    const story = planned();
    const [draft] = rulesAnnouncement(stricter, undefined);
    assert.ok(draft?.type === "rules.loaded");
    story.when("rules.loaded", draft.data);
    story.when("remediation.proposed");
    assert.deepEqual(story.heard(), ["approval.requested"]);
  });

  it("are said when others are in force, and only then", () => {
    assert.deepEqual(rulesAnnouncement(stricter, stricter), []);
    assert.equal(rulesAnnouncement(stricter, rulesSchema.parse({})).length, 1);
  });

  it("of a Coordinator that knows more than this one change nothing here", () => {
    const story = planned();
    story.when("rules.loaded", { rules: { ...stricter, telepathy: true } });
    story.when("remediation.proposed");
    assert.deepEqual(story.heard(), ["remediation.authorized", "action.ordered"]);
  });
});
