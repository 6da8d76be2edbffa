import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isUnder, subjectFor, subjects, tokenFor } from "./subjects.ts";

describe("subjects", () => {
  it("follow the incident, the service, the control or the agent", () => {
    assert.equal(
      subjectFor({ type: "action.ordered", incidentid: "inc-1", data: {} }),
      "omega.incident.inc-1.action.ordered",
    );
    assert.equal(
      subjectFor({ type: "signal.detected", data: { service: "payments" } }),
      "omega.signal.payments.detected",
    );
    assert.equal(subjectFor({ type: "control.panic-pressed", data: {} }), "omega.control.panic-pressed");
    assert.equal(subjectFor({ type: "agent.faulted", data: { agent: "scout" } }), "omega.agent.scout.faulted");
  });

  it("escape whatever a name may hold into one token, injectively", () => {
    assert.equal(tokenFor("a.b c"), "a=2Eb=20c");
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, unit: "grapheme" }),
        fc.string({ minLength: 1, unit: "grapheme" }),
        (one, other) => {
          assert.match(tokenFor(one), /^[A-Za-z0-9_=-]+$/);
          assert.equal(tokenFor(one) === tokenFor(other), one === other);
        },
      ),
    );
  });

  it("are let through by the filter of their root, and by no other", () => {
    assert.ok(isUnder(subjects.control, "omega.control.panic-pressed"));
    for (const other of ["omega.control.", "omega.controls.x", "omega.agent.control.x"])
      assert.ok(!isUnder(subjects.control, other), other);
  });

  it("refuse an unknown type, a missing incident and an empty name", () => {
    assert.throws(() => subjectFor({ type: "action.orderd", data: {} }), /no event type/);
    assert.throws(() => subjectFor({ type: "action.ordered", data: {} }), /needs an incidentid/);
    assert.throws(() => tokenFor(""), /empty name/);
  });
});
