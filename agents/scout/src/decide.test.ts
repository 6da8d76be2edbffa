import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { parseEvent } from "@omega/bus-schemas/parse-event.ts";
import { decide } from "./decide.ts";
import { evolve, initialState } from "./state.ts";

/** The golden sample of a type; those of one incident share its id and its action. */
function golden(type: string): OmegaEvent {
  const parsed = parseEvent(readFileSync(new URL(`../../../bus-schemas/golden/${type}.v1.json`, import.meta.url)));
  return parsed.ok ? parsed.event : assert.fail(`no golden ${type}`);
}

/** What is decided on the last of these events, after all of them are folded. */
function decidedOn(...types: [string, ...string[]]): string[] {
  const events = types.map(golden);
  const last = events.at(-1) ?? assert.fail();
  const { say, perform } = decide(last, events.reduce(evolve, initialState));
  assert.deepEqual(say, [], "Scout answers by its effects, never at once");
  return perform.map(({ kind }) => kind);
}

test("an opened incident is diagnosed, once", () => {
  assert.deepEqual(decidedOn("incident.opened"), ["diagnose"]);
  assert.deepEqual(decidedOn("incident.opened", "diagnosis.reached", "incident.opened"), []);
});

test("a requested verification is made, once for an action", () => {
  assert.deepEqual(decidedOn("incident.opened", "verification.requested"), ["verify"]);
  for (const answer of ["recovery.confirmed", "recovery.failed", "recovery.inconclusive"]) {
    assert.deepEqual(decidedOn("incident.opened", answer, "verification.requested"), [], answer);
  }
});

test("what concerns no open incident is left alone", () => {
  assert.deepEqual(decidedOn("verification.requested"), []);
  assert.deepEqual(decidedOn("incident.opened", "incident.resolved", "verification.requested"), []);
});
