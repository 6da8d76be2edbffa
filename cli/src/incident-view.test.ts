import assert from "node:assert/strict";
import { test } from "node:test";
import { definitionOf, type EventType, type OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { fold, pendingApproval, type IncidentView } from "@omega/shared/incident-view.ts";
import { findIncident } from "./commands/incidents.ts";

let said = 0;

function sample(type: EventType, incidentid = "inc-1"): OmegaEvent {
  said += 1;
  // The catalogue's sample is of its own type.
  return { id: `evt-${said}`, type, incidentid, data: definitionOf(type)?.example } as unknown as OmegaEvent;
}

function folded(...types: EventType[]): IncidentView {
  const incidents = new Map<string, IncidentView>();
  for (const type of types) fold(incidents, sample(type));
  const incident = incidents.get("inc-1");
  assert.ok(incident !== undefined);
  return incident;
}

test("an incident's status follows its events", () => {
  assert.equal(folded("incident.opened").status, "open");
  assert.equal(folded("incident.opened", "approval.requested").status, "awaiting approval");
  assert.equal(folded("incident.opened", "approval.requested", "approval.granted").status, "open");
  assert.equal(folded("incident.opened", "incident.escalated").status, "escalated");
  const resolved = folded("incident.opened", "diagnosis.reached", "action.ordered", "incident.resolved");
  assert.equal(resolved.status, "resolved");
  assert.equal(resolved.outcome, "healed");
  assert.equal(resolved.location?.lineStart, 21);
  assert.equal(resolved.resolveMs, 21_000);
});

test("an event that comes twice counts once", () => {
  const incidents = new Map<string, IncidentView>();
  const opened = sample("incident.opened");
  fold(incidents, opened);
  fold(incidents, opened);
  assert.equal(incidents.get("inc-1")?.events.length, 1);
});

test("an approval is pending until it is decided, and names its option", () => {
  const waiting = folded("incident.opened", "remediation.proposed", "approval.requested");
  assert.equal(pendingApproval(waiting)?.option?.actionType, "k8s.rollout-undo");
  assert.equal(pendingApproval(folded("incident.opened")), undefined);
  for (const decision of ["approval.granted", "approval.denied", "remediation.denied"] as const) {
    assert.equal(pendingApproval(folded("incident.opened", "approval.requested", decision)), undefined);
  }
});

test("an incident is found by id, by the beginning of one, and as the last", () => {
  const incidents = new Map<string, IncidentView>();
  for (const id of ["inc-a1", "inc-a2", "inc-b1"]) fold(incidents, sample("incident.opened", id));
  assert.equal(findIncident(incidents, "inc-a2").id, "inc-a2");
  assert.equal(findIncident(incidents, "inc-b").id, "inc-b1");
  assert.equal(findIncident(incidents, "last").id, "inc-b1");
  assert.throws(() => findIncident(incidents, "inc-a"), /could be inc-a1, inc-a2/);
  assert.throws(() => findIncident(incidents, "inc-c"), /no incident inc-c\. The latest: inc-a1, inc-a2, inc-b1/);
});
