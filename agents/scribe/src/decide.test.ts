import assert from "node:assert/strict";
import { test } from "node:test";
import { definitionOf, type OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Decision } from "@omega/shared/agent.ts";
import { decide, type Effect } from "./decide.ts";
import { escalatedIncident, healedIncident, said } from "./fixture-incident.ts";
import { evolve, initialState, type State } from "./state.ts";

function folded(events: readonly OmegaEvent[]): State {
  return events.reduce(evolve, initialState);
}

function decisionOn(events: readonly OmegaEvent[]): Decision<Effect> {
  const last = events.at(-1);
  assert.ok(last !== undefined);
  return decide(last, folded(events));
}

test("an opened incident is recalled by the structure of its signal", () => {
  const { say, perform } = decisionOn(healedIncident().slice(0, 1));
  assert.deepEqual(say, []);
  assert.deepEqual(perform, [
    {
      kind: "recall",
      incidentId: "inc-1",
      symptom: {
        service: "payments",
        operation: "POST /charges",
        errorType: "TypeError",
        signature: "Cannot read properties of undefined (reading '<*>')",
        says: "24 of 90 requests to payments POST /charges failed in the last 6 s (27 %, baseline 0.1 %).",
      },
    },
  ]);
});

test("a healed incident is remembered with its verified fix, and its post-mortem is written", () => {
  const { say, perform } = decisionOn(healedIncident());
  assert.equal(say.length, 1);
  const [stored] = say;
  assert.equal(stored?.type, "memory.stored");
  assert.ok(definitionOf("memory.stored")?.schema.safeParse(stored?.data).success);
  assert.deepEqual(stored?.data, {
    service: "payments",
    operation: "POST /charges",
    symptoms: [
      "24 of 90 requests to payments POST /charges failed in the last 6 s (27 %, baseline 0.1 %).",
      "21 of 80 requests to storefront POST /orders failed in the last 6 s (26 %, baseline 0 %).",
    ],
    errorType: "TypeError",
    signature: "Cannot read properties of undefined (reading '<*>')",
    rootCause: "payments 1.5.0 throws TypeError at payments/loyalty.ts:21 (loyaltyDiscount)",
    location: { function: "loyaltyDiscount", file: "payments/loyalty.ts", lineStart: 21 },
    fixes: [
      {
        actionType: "k8s.rollout-undo",
        target: { system: "kubernetes", namespace: "shop", kind: "Deployment", name: "payments" },
        outcome: "verified",
      },
    ],
    resolveMs: 21000,
  });
  assert.deepEqual(
    perform.map(({ kind }) => kind),
    ["shelve"],
  );
});

test("an escalated incident is remembered with the fix that was undone", () => {
  const { say } = decisionOn(escalatedIncident());
  const [stored] = say;
  assert.ok(stored?.type === "memory.stored");
  assert.deepEqual(
    stored.data.fixes.map(({ outcome }) => outcome),
    ["undone"],
  );
  assert.equal(stored.data.resolveMs, 23_020);
});

test("a fix that is taken back after the resolution is remembered again, as undone", () => {
  const { say, perform } = decisionOn([...healedIncident(), said("undo.done", 60_000)]);
  const [stored] = say;
  assert.ok(stored?.type === "memory.stored");
  assert.deepEqual(
    stored.data.fixes.map(({ outcome }) => outcome),
    ["undone"],
  );
  assert.equal(perform[0]?.kind, "shelve");
});

test("an undo within a running incident concludes nothing", () => {
  const events = escalatedIncident();
  assert.deepEqual(decisionOn(events.slice(0, -1)), { say: [], perform: [] });
});

test("an incident that closed without a diagnosis is remembered under the service that alarmed", () => {
  const [opened, , , , ...rest] = healedIncident();
  assert.ok(opened !== undefined);
  const { say } = decisionOn([opened, ...rest]);
  const [stored] = say;
  assert.ok(stored?.type === "memory.stored");
  assert.equal(stored.data.service, "payments");
  assert.equal(stored.data.rootCause, "The cause was not found.");
});

test("events of an unknown incident and events outside incidents are left alone", () => {
  const resolved = said("incident.resolved", 0, {}, "inc-never-opened");
  assert.deepEqual(decisionOn([resolved]), { say: [], perform: [] });
  assert.deepEqual(decisionOn([said("signal.detected", 0)]), { say: [], perform: [] });
});

test("memory keeps one record per incident, the latest", () => {
  const first = said("memory.stored", 1);
  const second = said("memory.stored", 2, { resolveMs: 5 });
  const records = folded([first, second]).remembered.get("payments");
  assert.deepEqual(
    records?.map(({ resolveMs }) => resolveMs),
    [5],
  );
});

test("a storm's extensions are kept up to a limit and counted beyond it", () => {
  const opened = said("incident.opened", 0);
  const storm = Array.from({ length: 100 }, (_, index) => said("incident.extended", index + 1));
  const record = folded([opened, ...storm]).incidents.get("inc-1");
  assert.equal(record?.events.length, 65);
  assert.equal(record?.extensionsDropped, 36);
});

test("only the latest hundred ended incidents are kept whole", () => {
  const state = folded(Array.from({ length: 103 }, (_, index) => healedIncident(`inc-${index}`)).flat());
  assert.equal(state.incidents.size, 100);
  assert.equal(state.incidents.has("inc-2"), false);
  assert.equal(state.incidents.has("inc-3"), true);
});
