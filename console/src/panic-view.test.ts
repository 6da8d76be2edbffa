import assert from "node:assert/strict";
import { test } from "node:test";
import { definitionOf, type DataOf, type EventType, type OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { exampleOption } from "@omega/bus-schemas/events/example-option.ts";
import { PanicView } from "./panic-view.ts";

const minuteMs = 60_000;

/** A view of a stream on which one action of each kind of way back was started, each at its minute, and went well. */
class Told {
  readonly view = new PanicView();
  #said = 0;

  constructor() {
    for (const [minute, reversible] of (["exact", "none"] as const).entries()) {
      const named = { actionId: `act-${reversible}`, optionId: `opt-${reversible}` };
      const at = minute * minuteMs;
      this.say("remediation.proposed", at, { options: [{ ...exampleOption, optionId: named.optionId, reversible }] });
      this.say("action.ordered", at, named);
      this.say("action.started", at, named);
      this.say("action.succeeded", at, { actionId: named.actionId });
    }
  }

  say<Type extends EventType>(type: Type, at: number, changes: Partial<DataOf<Type>> = {}): string {
    this.#said += 1;
    const id = `evt-${this.#said}`;
    const data = { ...(definitionOf(type)?.example as object), ...changes };
    this.view.take({ id, type, incidentid: "inc-1", keyid: "surgeon-0", data } as unknown as OmegaEvent, at);
    return id;
  }

  states(): string[] {
    return this.view.state?.items.map(({ actionId, state }) => `${actionId} ${state}`) ?? [];
  }
}

test("a preview says what a press would do, within its window, and what it can't", () => {
  const { view } = new Told();
  const whole = view.preview(9, 10 * minuteMs, 2 * minuteMs);
  assert.deepEqual(
    whole.undo.map(({ actionId, changes }) => [actionId, changes[0]?.path]),
    [["act-exact", "/spec/template/spec/containers/0/image"]],
  );
  assert.deepEqual(
    whole.cannot.map(({ actionId, says }) => [actionId, says]),
    [["act-none", "k8s.rollout-undo can't be taken back; it is looked at only."]],
  );
  assert.deepEqual(view.preview(9, minuteMs, 2 * minuteMs).undo, []);
});

test("a press is followed to its end; a second press of the same freeze adds to it; a resume closes it and a new press opens another", () => {
  const told = new Told();
  const first = told.say("control.panic-pressed", 2 * minuteMs, { by: "ada", windowMs: minuteMs });
  assert.deepEqual(told.states(), ["act-none irreversible"]);
  told.say("control.panic-pressed", 2 * minuteMs, { by: "bob", windowMs: 10 * minuteMs });
  told.say("control.frozen", 2 * minuteMs, { instance: "surgeon-1", panicId: first });
  assert.equal(told.view.state?.panicId, first);
  assert.equal(told.view.state?.by, "ada");
  assert.deepEqual(told.view.state?.frozen, ["surgeon-1"]);
  assert.deepEqual(told.states(), ["act-none irreversible", "act-exact waiting"]);
  told.say("undo.started", 2 * minuteMs, { actionId: "act-exact" });
  told.say("undo.conflicted", 2 * minuteMs, { actionId: "act-exact" });
  assert.deepEqual(told.states(), ["act-none irreversible", "act-exact conflicted"]);
  told.say("control.resumed", 3 * minuteMs, { reason: "mended" });
  assert.equal(told.view.frozenBy, undefined);
  assert.equal(told.view.state?.resumed?.reason, "mended");
  const next = told.say("control.panic-pressed", 4 * minuteMs, { by: "cat", windowMs: 0 });
  assert.equal(told.view.state?.panicId, next);
  assert.equal(told.view.state?.resumed, undefined);
  assert.deepEqual(told.view.state?.frozen, []);
});
