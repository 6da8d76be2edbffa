import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventOf, EventType, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { definitionOf } from "@omega/bus-schemas/catalogue.ts";
import { decide } from "./decide.ts";
import { evolve, initialState, ratioKey } from "./state.ts";

/** The golden sample of a type, changed as told. */
const event = <Type extends EventType>(type: Type, data: object = {}, incidentid = "inc-1"): EventOf<Type> =>
  ({
    id: type,
    type,
    incidentid,
    data: { ...(definitionOf(type)?.example as object), ...data },
  }) as unknown as EventOf<Type>;

const after = (...events: OmegaEvent[]) => events.reduce(evolve, initialState);

test("an incident is diagnosed once", () => {
  const opened = event("incident.opened");
  assert.deepEqual(decide(opened, after(opened)).perform, [{ kind: "diagnose", opened }]);
  assert.deepEqual(decide(opened, after(opened, event("diagnosis.reached"))).perform, []);
  assert.deepEqual(decide(opened, after(opened, event("incident.resolved"))).perform, []);
});

test("each action's recovery is judged once", () => {
  const opened = event("incident.opened");
  const requested = event("verification.requested", { actionId: "act-2" });
  const other = event("recovery.failed", { actionId: "act-1" });
  assert.deepEqual(decide(requested, after(opened, other, requested)).perform, [{ kind: "verify", requested }]);
  assert.deepEqual(
    decide(requested, after(opened, requested, event("recovery.confirmed", { actionId: "act-2" }))).perform,
    [],
  );
});

test("nothing else moves Scout", () => {
  const others = [
    event("signal.detected"),
    event("action.succeeded"),
    event("control.panic-pressed"),
    event("incident.extended"),
  ];
  for (const heard of others) {
    assert.deepEqual(decide(heard, after(event("incident.opened"), heard)), { say: [], perform: [] });
  }
});

test("the state keeps open episodes, and what an incident's signals say of their operations", () => {
  const detected = event("signal.detected", {}, undefined);
  const state = after(detected, event("incident.opened"), event("incident.extended"));
  assert.deepEqual([...state.signals.keys()], ["sig-payments-error-ratio-1"]);
  const incident = state.incidents.get("inc-1");
  assert.deepEqual(
    incident?.affected.map(({ service }) => service),
    ["payments", "storefront"],
  );
  assert.deepEqual(incident?.ratios.get(ratioKey("payments", "POST /charges")), { before: 0.27, normal: 0.001 });
  assert.equal(incident?.onsetMs, Date.parse("2026-11-24T03:00:00.000Z"));
  assert.equal(after(detected, event("signal.cleared")).signals.size, 0);
});
