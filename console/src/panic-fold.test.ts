import assert from "node:assert/strict";
import { test } from "node:test";
import { definitionOf, type DataOf, type EventType, type OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { exampleOption } from "@omega/bus-schemas/events/example-option.ts";
import { PanicFold } from "./panic-fold.ts";

const minuteMs = 60_000;

function event<Type extends EventType>(type: Type, changes: Partial<DataOf<Type>> = {}): OmegaEvent {
  const example = definitionOf(type)?.example as object;
  return { id: `${type} 1`, type, incidentid: "inc-1", data: { ...example, ...changes } } as unknown as OmegaEvent;
}

/** An action of each kind of reversibility, started at its minute. */
function folded(): PanicFold {
  const fold = new PanicFold();
  const kinds = ["exact", "compensating", "none"] as const;
  for (const [minute, reversible] of kinds.entries()) {
    const planHash = String(minute).repeat(64);
    fold.take(
      event("remediation.proposed", {
        options: [{ ...exampleOption, planHash, reversible, warnings: [`a ${reversible} one`] }],
      }),
      0,
    );
    fold.take(event("action.started", { actionId: `act-${reversible}`, planHash }), minute * minuteMs);
  }
  return fold;
}

test("the window decides what is taken back, newest first; what can't be says why", () => {
  const preview = folded().preview(9, 10 * minuteMs, 3 * minuteMs);
  assert.deepEqual(
    preview.undo.map(({ actionId }) => actionId),
    ["act-compensating", "act-exact"],
  );
  assert.deepEqual(
    preview.cannot.map(({ actionId, says }) => `${actionId}: ${says}`),
    ["act-none: a none one"],
  );
  assert.deepEqual(
    folded()
      .preview(9, 2 * minuteMs, 3 * minuteMs)
      .undo.map(({ actionId }) => actionId),
    ["act-compensating"],
  );
});

test("what was taken back or never happened is not taken back again", () => {
  const fold = folded();
  fold.take(event("undo.done", { actionId: "act-exact" }), 3 * minuteMs);
  fold.take(event("action.conflicted", { actionId: "act-compensating" }), 3 * minuteMs);
  assert.deepEqual(fold.preview(9, 10 * minuteMs, 3 * minuteMs).undo, []);
});

test("a press is followed to its report; a second press of the same freeze is the same; a resume ends it", () => {
  const fold = folded();
  fold.take(
    { ...event("control.panic-pressed", { by: "ada", windowMs: 10 * minuteMs }), id: "first" } as OmegaEvent,
    3 * minuteMs,
  );
  fold.take(
    { ...event("control.panic-pressed", { by: "bob", windowMs: 0 }), id: "second" } as OmegaEvent,
    3 * minuteMs,
  );
  fold.take(event("control.frozen", { instance: "surgeon-1" }), 3 * minuteMs);
  fold.take(event("undo.started", { actionId: "act-compensating" }), 3 * minuteMs);
  fold.take(event("undo.conflicted", { actionId: "act-exact" }), 3 * minuteMs);
  assert.equal(fold.state?.panicId, "first");
  assert.deepEqual(fold.state?.frozen, ["surgeon-1"]);
  assert.deepEqual(
    fold.state?.items.map(({ actionId, state }) => `${actionId} ${state}`),
    ["act-compensating undoing", "act-exact conflicted", "act-none irreversible"],
  );
  fold.take(event("control.resumed", { reason: "mended" }), 4 * minuteMs);
  assert.equal(fold.state?.resumed?.reason, "mended");
});
