import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { catalogue, type OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { timelineOf } from "./timeline.ts";
import { colourPaint, plainPaint } from "./terminal.ts";

const onset = Date.parse("2026-11-24T03:00:00.000Z");

/** The catalogue's sample of a type, said 5.2 s after the onset, with these fields changed. */
function sample(type: OmegaEvent["type"], changes: object = {}): OmegaEvent {
  const definition = catalogue.find((each) => each.type === type);
  assert.ok(definition !== undefined);
  const speaker = definition.saidBy[0] ?? "operator";
  return {
    specversion: "1.0",
    id: "evt-1",
    source: `/omega/${speaker}/${speaker}-1`,
    type,
    subject: "inc-1",
    time: "2026-11-24T03:00:05.200Z",
    datacontenttype: "application/json",
    dataversion: 1,
    incidentid: "inc-1",
    data: { ...(definition.example as object), ...changes },
    keyid: `${speaker}-0000000000000000`,
    sig: "A".repeat(86),
    // A sample with some fields of its own type changed is of that type.
  } as unknown as OmegaEvent;
}

function told(event: OmegaEvent): string {
  return timelineOf(event, onset, plainPaint).join("\n");
}

test("a line begins with the time since the onset and who spoke", () => {
  assert.equal(
    timelineOf(sample("incident.opened"), onset, plainPaint)[0],
    "   +5.2 s  coordinator  Incident inc-1 opened (critical): payments: POST /charges fails",
  );
});

test("every type of the catalogue is told or deliberately silent", () => {
  const silent = [
    "action.ordered",
    "agent.started",
    "audit.checkpointed",
    "canary.judged",
    "metrics.recorded",
    "model.consulted",
    "policy.loaded",
    "remediation.requested",
    "rules.loaded",
    "trace.recorded",
    "undo.started",
  ];
  const untold = catalogue.map(({ type }) => type as OmegaEvent["type"]).filter((type) => told(sample(type)) === "");
  assert.deepEqual(
    untold.toSorted((a, b) => a.localeCompare(b)),
    silent,
  );
});

test("the key facts are there: numbers, line, trace, diff, policy reason, verification", () => {
  const facts: [OmegaEvent["type"], RegExp][] = [
    ["signal.detected", /24 of 90 requests .* \(27 %, baseline 0\.1 %\)[\s\S]*trace 0af7651916cd43dd8448eb211c80319c/],
    ["diagnosis.reached", /payments\/loyalty\.ts:21 \(loyaltyDiscount\)[\s\S]*confidence 97 %.*without a model/],
    ["memory.recalled", /k8s\.rollout-undo fixed it[\s\S]*similarity 1\.00, fixed in 21\.0 s/],
    ["remediation.proposed", /- shop\/payments:1\.5\.0\n +\+ shop\/payments:1\.4\.0[\s\S]*not k8s\.scale: /],
    ["remediation.authorized", /Allowed by policy default: low risk, exactly reversible/],
    ["approval.requested", /omega approve inc-1/],
    ["recovery.confirmed", /0 of 120 requests/],
    ["incident.resolved", /HEALED[\s\S]*detected after 5\.2 s, diagnosed in 300 ms, over after 21\.0 s/],
  ];
  for (const [type, fact] of facts) assert.match(told(sample(type)), fact);
});

test("telemetry cannot draw on the terminal", () => {
  const attack = "fine\u001B[2J\u001B]0;owned\u0007\r\nfake line\u202Egnirts";
  const text = told(sample("recovery.confirmed", { says: attack }));
  assert.doesNotMatch(text, /[\p{Cc}\u202E]/u);
  assert.match(text, /fine fake line/);
});

test("colour is only a wrapping: without it the words are the same", () => {
  const event = sample("remediation.proposed");
  const coloured = timelineOf(event, onset, colourPaint).join("\n");
  assert.notEqual(coloured, told(event));
  assert.equal(stripVTControlCharacters(coloured), told(event));
});
