import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { timeText } from "../clock.ts";
import { deriveId } from "../ids.ts";
import { DeedsLife, minuteMs } from "./deeds-life.ts";
import { dueUndos, nextRetryAt, retryAfterMs, undoStart } from "./undoing.ts";
import { dueReports, panicReport, panicWindow } from "./window.ts";

const due = ({ deeds, now }: DeedsLife): string[] => dueUndos(deeds, now).map(({ actionId }) => actionId);

function window(life: DeedsLife, windowMs = 5 * minuteMs): Record<string, string[]> {
  const { undo, cannot, already } = panicWindow(life.deeds, life.now, windowMs);
  return Object.fromEntries(
    Object.entries({ undo, cannot, already }).map(([name, items]) => [
      name,
      items.map(({ deed, state }) => `${deed.actionId} ${state}`),
    ]),
  );
}

const away = { kind: "retryable", code: "unreachable", message: "no answer" } as const;
const forbidden = { kind: "terminal", code: "forbidden", message: "403" } as const;
const irreversible = { kind: "terminal", code: "irreversible", message: "the pod is gone" } as const;
const changed = { kind: "conflict", code: "field_changed", message: "it is 5" } as const;
const gone = { kind: "conflict", code: "object_gone", message: "deleted" } as const;

describe("what a press would be about", () => {
  it("is whatever was in the making within the window, newest first", () => {
    const life = new DeedsLife()
      .did("old", "cart")
      .after(6 * minuteMs)
      .did("a", "cart")
      .did("b", "cart")
      .begun("c", "payments");
    assert.deepEqual(window(life).undo, ["c running", "b waiting", "a waiting"]);
    assert.deepEqual(window(life, 0).undo, ["c running", "b waiting", "a waiting"]);
    assert.deepEqual(window(life.after(1), 0).undo, ["c running"]);
  });

  it("holds what began before the window and ended in it", () => {
    const life = new DeedsLife().begun("slow", "cart").after(6 * minuteMs);
    life.when("action.succeeded", { actionId: "slow" }).after(4 * minuteMs);
    assert.deepEqual(window(life).undo, ["slow waiting"]);
    assert.deepEqual(window(life.after(2 * minuteMs)).undo, []);
  });

  it("says apart what can't be taken back and what was already", () => {
    const life = new DeedsLife().did("pod", "cart", "none").did("a", "cart").did("b", "payments");
    life.undoing("a").when("undo.done", { actionId: "a" });
    life.undoing("b").when("undo.conflicted", { actionId: "b", failure: changed });
    assert.deepEqual(window(life), {
      undo: [],
      cannot: ["b conflicted", "pod irreversible"],
      already: ["a undone"],
    });
  });

  it("holds nothing that was ordered before a press and started after it", () => {
    const life = new DeedsLife().when("action.ordered", { actionId: "act-1" }).pressed("panic");
    life.when("action.started", { actionId: "act-1" }).when("control.resumed").when("action.started");
    assert.equal(life.deeds.byId.size, 0);
    const withdrawn = new DeedsLife().when("action.ordered").when("undo.ordered").when("action.started");
    assert.equal(withdrawn.deeds.byId.size, 0);
  });
});

describe("a press", () => {
  it("takes back newest first within a target, targets beside each other", () => {
    const life = new DeedsLife().did("a", "cart").did("b", "payments").did("c", "cart").pressed("panic");
    assert.deepEqual(due(life), ["c", "b"]);
    life.undoing("c");
    assert.deepEqual(due(life), ["b"]);
    life.undoing("b").when("undo.done", { actionId: "c" });
    assert.deepEqual(due(life), ["a"]);
  });

  it("starts each undo under the same id, whoever says it and however often", () => {
    const life = new DeedsLife().did("a", "cart").pressed("panic");
    const [deed] = dueUndos(life.deeds, life.now);
    assert.ok(deed);
    const { causeId, draft } = undoStart(deed);
    assert.deepEqual([causeId, draft.key, draft.incidentid], ["panic", "undo a 1", "inc-1"]);
    life.pressed("again");
    const [still] = dueUndos(life.deeds, life.now);
    assert.ok(still);
    assert.equal(undoStart(still).causeId, "panic");
  });

  it("pressed twice is the same as once, and reports for both", () => {
    const life = new DeedsLife().did("a", "cart").pressed("panic").undoing("a");
    life.pressed("again").when("undo.done", { actionId: "a" }).pressed("third");
    assert.deepEqual(due(life), []);
    const reports = dueReports(life.deeds).map(({ data }) => [data.panicId, data.undone, data.final]);
    assert.deepEqual(reports, [
      ["panic", 1, true],
      ["again", 1, true],
      ["third", 1, true],
    ]);
  });

  it("with a wider window takes back more", () => {
    const life = new DeedsLife()
      .did("old", "cart")
      .after(6 * minuteMs)
      .did("a", "payments");
    life.pressed("panic");
    assert.deepEqual(due(life), ["a"]);
    life.pressed("wider", 10 * minuteMs);
    assert.deepEqual(due(life), ["old", "a"]);
  });

  it("lets a conflict, a target that is gone and an irreversible one not hold up what lies below", () => {
    for (const failure of [changed, gone]) {
      const life = new DeedsLife().did("a", "cart").did("b", "cart").pressed("panic").undoing("b");
      assert.deepEqual(due(life.when("undo.conflicted", { actionId: "b", failure })), ["a"]);
    }
    const life = new DeedsLife().did("a", "cart").did("b", "cart", "none").pressed("panic").undoing("b");
    life.when("undo.failed", { actionId: "b", failure: irreversible, retryAt: undefined });
    assert.deepEqual([due(life), life.state("b")], [["a"], "irreversible"]);
  });
});

describe("an undo that failed", () => {
  const failed = (life: DeedsLife, failure: typeof away | typeof forbidden): DeedsLife =>
    life.undoing("b").when("undo.failed", { actionId: "b", failure, attempt: 1, retryAt: timeText(life.now + 5000) });

  it("is tried again when its time has come, and holds up what lies below while the target is away", () => {
    const life = failed(new DeedsLife().did("a", "cart").did("b", "cart").pressed("panic"), away);
    assert.deepEqual(due(life), []);
    assert.equal(nextRetryAt(life.deeds), life.now + 5000);
    assert.deepEqual(due(life.after(5000)), ["b"]);
    const [deed] = dueUndos(life.deeds, life.now);
    assert.ok(deed);
    assert.equal(undoStart(deed).draft.key, "undo b 2");
  });

  it("for good reason lets what lies below go on, and has it looked at again when it worked after all", () => {
    const life = failed(new DeedsLife().did("a", "cart").did("b", "cart").pressed("panic"), forbidden);
    assert.deepEqual(due(life), ["a"]);
    life.undoing("a").when("undo.conflicted", { actionId: "a", failure: changed });
    const first = panicReport(life.deeds, life.deeds.presses[0] ?? assert.fail());
    assert.deepEqual([first?.final, first?.failed, first?.conflicted], [false, 1, 1]);
    life.after(5000).undoing("b", 2).when("undo.done", { actionId: "b" });
    assert.deepEqual([due(life), life.state("a")], [["a"], "wanted"]);
    life.undoing("a", 2).when("undo.done", { actionId: "a" });
    assert.equal(panicReport(life.deeds, life.deeds.presses[0] ?? assert.fail())?.undone, 2);
  });

  it("waits longer each time, for five minutes at most, and not for ever for nothing", () => {
    const waits = [1, 2, 3, 8, 99].map((attempt) => retryAfterMs(attempt, "unreachable"));
    assert.deepEqual(waits, [5000, 10_000, 20_000, 300_000, 300_000]);
    assert.equal(retryAfterMs(1, "irreversible"), undefined);
  });

  it("is wanted once more when somebody orders it", () => {
    const life = new DeedsLife().did("a", "cart").pressed("panic").undoing("a");
    life.when("undo.conflicted", { actionId: "a", failure: changed });
    assert.deepEqual(due(life), []);
    life.when("undo.ordered", { actionId: "a" }, { id: "by-hand" });
    const [deed] = dueUndos(life.deeds, life.now);
    assert.ok(deed);
    assert.deepEqual([undoStart(deed).causeId, undoStart(deed).draft.key], ["by-hand", "undo a 2"]);
  });
});

describe("the report", () => {
  it("comes when everything had its turn, once for each state that it came to", () => {
    const life = new DeedsLife().did("a", "cart").did("b", "payments").pressed("panic").undoing("a").undoing("b");
    life.when("undo.done", { actionId: "a" });
    assert.deepEqual(dueReports(life.deeds), []);
    const retryAt = timeText(life.now + 5000);
    life.when("undo.failed", { actionId: "b", failure: away, attempt: 1, retryAt });
    const [first] = dueReports(life.deeds);
    assert.ok(first);
    const id = deriveId(first.causeId, first.key);
    life.when("control.panic-reported", first.data, { id });
    assert.deepEqual(dueReports(life.deeds), []);
    life.after(5000).undoing("b", 2);
    life.when("undo.failed", { actionId: "b", failure: away, attempt: 2, retryAt: timeText(life.now + 10_000) });
    assert.deepEqual(dueReports(life.deeds), [], "failing once more is no news");
    life.undoing("b", 3).when("undo.done", { actionId: "b" });
    const [last] = dueReports(life.deeds);
    assert.ok(last);
    assert.deepEqual([last.data.final, last.data.undone], [true, 2]);
    assert.notEqual(deriveId(last.causeId, last.key), id);
  });

  it("of nothing is said at once", () => {
    const [report] = dueReports(new DeedsLife().pressed("panic").deeds);
    assert.deepEqual([report?.data.final, report?.data.items], [true, []]);
  });
});
