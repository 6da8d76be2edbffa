import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DataOf } from "@omega/bus-schemas/catalogue.ts";
import fc from "fast-check";
import { exampleOf, start, Story } from "../test/story.ts";

const [first] = exampleOf("diagnosis.reached").candidates;
assert.ok(first !== undefined);
const candidates = [
  { ...first, confidence: 0.7 },
  { ...first, rank: 2, service: "cart", confidence: 0.2 },
];
const reviewBy = new Date(start + 10_000).toISOString();

/** Everything is in but the review. */
function awaiting(diagnosis: Partial<DataOf<"diagnosis.reached">> = {}): Story {
  const story = new Story();
  story.when("signal.detected");
  story.when("memory.recalled", { verdict: "none", matches: [] });
  story.when("diagnosis.reached", { candidates, reviewBy, ...diagnosis });
  story.pass(story.rules.settleMs);
  story.heard();
  return story;
}

describe("a review", () => {
  it("is waited for", () => {
    const story = awaiting();
    assert.equal(Object.values(story.state.incidents)[0]?.phase, "gathering");
    story.when("diagnosis.reviewed", { order: [{ rank: 1, confidence: 0.6 }] });
    assert.equal(story.last("remediation.requested").cause.confidence, 0.6);
  });

  it("is not waited for where none is announced", () => {
    const story = new Story();
    story.when("signal.detected");
    story.when("memory.recalled", { verdict: "none", matches: [] });
    story.when("diagnosis.reached", { candidates });
    story.pass(story.rules.settleMs);
    assert.equal(story.last("remediation.requested").cause.confidence, 0.7);
  });

  it("can put another candidate first, with the confidence that one had at most", () => {
    const story = awaiting();
    story.when("diagnosis.reviewed", {
      order: [
        { rank: 2, confidence: 1 },
        { rank: 1, confidence: 0.1 },
      ],
    });
    const { cause } = story.last("remediation.requested");
    assert.deepEqual([cause.service, cause.confidence], ["cart", 0.2]);
  });

  it("cannot turn an inconclusive diagnosis into a cause", () => {
    const story = awaiting({ verdict: "inconclusive" });
    story.when("diagnosis.reviewed", { order: [{ rank: 1, confidence: 1 }] });
    assert.deepEqual(story.heard(), ["incident.escalated"]);
  });

  it("that does not come delays by no more than was announced, and the incident says so at its end", () => {
    const story = awaiting();
    story.pass(10_000);
    assert.equal(story.last("remediation.requested").cause.confidence, 0.7);
    story.when("diagnosis.reviewed", { order: [{ rank: 2, confidence: 0.2 }] });
    assert.equal(Object.values(story.state.incidents)[0]?.cause?.service, first.service);
    assert.equal(Object.values(story.state.incidents)[0]?.withModel, false);
  });

  it("announced for far too late is waited for no longer than the rules allow", () => {
    const story = awaiting({ reviewBy: "2099-01-01T00:00:00.000Z" });
    story.pass(story.rules.waits.reviewMs - story.rules.settleMs - 1);
    assert.deepEqual(story.heard(), []);
    story.pass(1);
    assert.deepEqual(story.heard(), ["remediation.requested"]);
  });

  it("that was not to be had leaves the diagnosis as it is", () => {
    const story = awaiting();
    story.when("diagnosis.reviewed", { outcome: "unavailable", order: [] });
    assert.equal(story.last("remediation.requested").cause.confidence, 0.7);
    assert.equal(Object.values(story.state.incidents)[0]?.withModel, false);
  });

  it("never makes a cause more confident than the diagnosis did, whatever it says", () => {
    const entry = fc.record({
      rank: fc.integer({ min: 1, max: 9 }),
      confidence: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 16 }), (order) => {
        const story = awaiting();
        story.when("diagnosis.reviewed", { order });
        const { cause } = story.last("remediation.requested");
        const had = candidates.find(({ service }) => service === cause.service)?.confidence ?? 0;
        assert.ok(cause.confidence <= had);
      }),
    );
  });
});
