import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exampleOption } from "@omega/bus-schemas/events/example-option.ts";
import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import { budgeted, planned, type Story } from "../test/story.ts";

const elsewhere = (name: string): RepairOption => ({ ...exampleOption, target: { ...exampleOption.target, name } });
const evicting = (instances: number): RepairOption => ({
  ...exampleOption,
  blastRadius: { objects: [], instances, ofInstances: 4, says: "" },
});

/** What the Coordinator says to the example's proposal after these were spent. */
function answer(story: Story, option: RepairOption = exampleOption): string {
  story.when("remediation.proposed", { options: [option] });
  const asked = story.said.find((draft) => draft.type === "approval.requested");
  return asked?.type === "approval.requested" ? asked.data.reasons.join("; ") : story.heard().join(" ");
}

describe("a budget", () => {
  const ordered = "remediation.authorized action.ordered";
  const cases: readonly [string, Parameters<typeof budgeted>[0], (story: Story) => void, RegExp, number][] = [
    [
      "of actions per minute",
      { actionsPerMinute: 2 },
      (story) => ["a", "b"].forEach((name) => story.spend(elsewhere(name))),
      /budget actions-per-minute: 2 actions were ordered within a minute/,
      60_000,
    ],
    [
      "of distinct targets per hour",
      { targetsPerHour: 2 },
      (story) => ["a", "b"].forEach((name) => story.spend(elsewhere(name))),
      /budget targets-per-hour: it would be distinct target number 3 within an hour/,
      3_600_000,
    ],
    [
      "of repeats of one action on one target",
      { repeatsMax: 2 },
      (story) => [1, 2].forEach(() => story.spend(exampleOption)),
      /budget repeats: it ran 2 times in the last 60 min/,
      3_600_000,
    ],
  ];
  for (const [what, limit, spend, reason, windowMs] of cases) {
    it(`${what} asks a person when it is exhausted, and is there again when its window is over`, () => {
      const story = planned(budgeted(limit));
      spend(story);
      assert.match(answer(story), reason);
      const later = planned(budgeted(limit));
      spend(later);
      later.now += windowMs;
      assert.equal(answer(later), ordered);
      const roomier = planned();
      spend(roomier);
      assert.equal(answer(roomier), ordered);
    });
  }

  it("of a workload's share counts what was taken of the same service, where the action says of how many", () => {
    const story = planned();
    assert.equal(answer(story, evicting(2)), ordered);
    const spent = planned();
    spent.spend(evicting(2));
    assert.match(
      answer(spent, evicting(1)),
      /budget workload-share: it would make 75 % of payments in 10 min; 50 % is allowed/,
    );
    const unknown = planned();
    unknown.spend(evicting(2));
    assert.equal(answer(unknown, exampleOption), ordered);
  });

  it("of a workload's share counts what is out of service at once, workload by workload", () => {
    const taking = (workload: string, unavailable: number): RepairOption => ({
      ...exampleOption,
      blastRadius: { objects: [], instances: 4, ofInstances: 4, unavailable, workload, says: "" },
    });
    const rolling = planned();
    assert.equal(answer(rolling, taking("Deployment shop/payments", 1)), ordered);
    const again = planned();
    again.spend(taking("Deployment shop/payments", 2));
    assert.match(answer(again, taking("Deployment shop/payments", 1)), /75 % of Deployment shop\/payments in 10 min/);
    const other = planned();
    other.spend(taking("Deployment shop/cart", 2));
    assert.equal(answer(other, taking("Deployment shop/payments", 1)), ordered);
    const harmless = planned();
    harmless.spend(taking("Deployment shop/payments", 4));
    assert.equal(
      answer(harmless, taking("Deployment shop/payments", 0)),
      ordered,
      "what takes nothing away adds nothing",
    );
    assert.match(answer(planned(), taking("Deployment shop/payments", 4)), /it would make 100 % of Deployment/);
  });

  it("of concurrent incidents counts those with an action in hand", () => {
    const story = planned(budgeted({ incidentsMax: 1 }));
    const [first] = Object.values(story.state.incidents);
    assert.ok(first);
    story.state = {
      ...story.state,
      incidents: { ...story.state.incidents, other: { ...first, id: "other", phase: "verifying" } },
    };
    assert.match(answer(story), /budget incidents: 1 incidents are being acted on already/);
    const idle = planned(budgeted({ incidentsMax: 1 }));
    idle.state = {
      ...idle.state,
      incidents: { ...idle.state.incidents, other: { ...first, id: "other", phase: "gathering" } },
    };
    assert.equal(answer(idle), ordered);
  });

  it("escalates where the config says so", () => {
    const story = planned(budgeted({ repeatsMax: 1, whenExhausted: "escalate" }));
    story.spend(exampleOption);
    story.when("remediation.proposed");
    const { reason, says } = story.last("incident.escalated");
    assert.equal(reason, "budget_exhausted");
    assert.match(says, /budget repeats/);
  });

  it("is spent by the order itself: two incidents in a row can't both have the last of it", () => {
    const story = planned(budgeted({ actionsPerMinute: 1 }));
    assert.equal(answer(story), ordered);
    const [open] = Object.values(story.state.incidents);
    assert.ok(open);
    // A second incident at the same point, decided on in the same millisecond.
    const second = { ...open, id: "inc-second", phase: "planning" as const, options: [], tried: [] };
    story.state = { ...story.state, incidents: { ...story.state.incidents, [second.id]: second } };
    story.incident = second.id;
    assert.match(answer(story, elsewhere("cart")), /budget actions-per-minute/);
  });
});
