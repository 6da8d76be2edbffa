import type { DataOf } from "@omega/bus-schemas/catalogue.ts";
import type { PanicItemState } from "@omega/bus-schemas/vocabulary.ts";
import { canonicalHash } from "../canonical-json.ts";
import { timeText } from "../clock.ts";
import { deriveId } from "../ids.ts";
import type { Deed, Deeds, Press } from "./deeds.ts";

/** What a press is about, before it and after it. */

/** One effect as people are shown it. */
export interface PanicItem {
  readonly deed: Deed;
  readonly state: PanicItemState;
  readonly says: string;
}

export interface PanicWindow {
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  /** Would be taken back in this order within a target; targets beside each other. */
  readonly undo: readonly PanicItem[];
  /** Can't be taken back, or was tried and somebody else's change is in the way. */
  readonly cannot: readonly PanicItem[];
  /** Was taken back already. */
  readonly already: readonly PanicItem[];
}

/** In the making at any time of the window: it counts whether it was begun before the window, and whether it has ended. */
export function inWindow(deed: Deed, at: number, windowMs: number): boolean {
  return deed.ended === undefined || deed.ended.at >= at - windowMs;
}

/** What a press at `at` would do, and what it couldn't and why. Pure: it needs the stream and nobody who is alive. */
export function panicWindow(deeds: Deeds, at: number, windowMs: number): PanicWindow {
  const items = [...deeds.byId.values()]
    .filter((deed) => inWindow(deed, at, windowMs))
    .toReversed()
    .map((deed) => itemOf(deed));
  const already = items.filter(({ state }) => state === "undone");
  const cannot = items.filter((item) => item.state !== "undone" && !isToUndo(item));
  return { from: at - windowMs, to: at, undo: items.filter(isToUndo), cannot, already };
}

function isToUndo({ deed, state }: PanicItem): boolean {
  if (["undone", "conflicted", "gone", "irreversible"].includes(state)) return false;
  return deed.reversible !== "none";
}

/** What one deed has come to. */
export function itemOf(deed: Deed): PanicItem {
  const { state, says, retryAt } = deed.undo;
  switch (state) {
    case "undone":
    case "conflicted":
    case "gone":
    case "irreversible":
      return { deed, state, says: says ?? state };
    case "undoing":
      return { deed, state, says: "It is being taken back." };
    case "failed": {
      const again = retryAt === undefined ? "" : ` Tried again from ${timeText(retryAt)}.`;
      return { deed, state, says: `${says ?? "It could not be taken back."}${again}` };
    }
    case "none":
    case "wanted":
      return waiting(deed);
  }
}

function waiting(deed: Deed): PanicItem {
  if (deed.reversible === "none") {
    return { deed, state: "irreversible", says: `${deed.actionType} can't be taken back; it is looked at only.` };
  }
  if (deed.ended === undefined) {
    return { deed, state: "running", says: "It has not ended: it stops at its next safe point and is taken back." };
  }
  const how = deed.reversible === "compensating" ? ", as far as that can be" : "";
  return { deed, state: "waiting", says: `It goes back to what its plan found${how}.` };
}

export type PanicReport = DataOf<"control.panic-reported">;

const itemsMax = 1024;
const saysMax = 512;

/** What became of a press so far, newest first. `undefined` while anything of it has not had its first turn. */
export function panicReport(deeds: Deeds, press: Press): PanicReport | undefined {
  const items = itemsOf(deeds, press);
  if (items.some(({ deed }) => ["none", "wanted", "undoing"].includes(deed.undo.state))) return undefined;
  const count = (wanted: PanicItemState): number => items.filter(({ state }) => state === wanted).length;
  return {
    panicId: press.id,
    from: timeText(press.at - press.windowMs),
    to: timeText(press.at),
    final: items.every(({ deed }) => deed.undo.retryAt === undefined),
    undone: count("undone"),
    conflicted: count("conflicted"),
    gone: count("gone"),
    irreversible: count("irreversible"),
    failed: count("failed"),
    items: items.slice(0, itemsMax).map(({ deed, state, says }) => ({
      actionId: deed.actionId,
      incidentId: deed.incidentId,
      actionType: deed.actionType,
      target: deed.target,
      startedAt: timeText(deed.startedAt),
      state,
      says: says.slice(0, saysMax),
    })),
  };
}

/** The effects that a press is about, as they stand. */
export function itemsOf(deeds: Deeds, press: Press): PanicItem[] {
  return press.actionIds.flatMap((actionId) => {
    const deed = deeds.byId.get(actionId);
    return deed === undefined ? [] : [itemOf(deed)];
  });
}

/**
 * Reports that are to be said now, with the key that tells them apart: what each effect came to, not when it is tried again, so that a
 * repetition that fails like the one before is no news.
 */
export function dueReports(
  deeds: Deeds,
): { readonly causeId: string; readonly key: string; readonly data: PanicReport }[] {
  return deeds.presses.flatMap((press) => {
    const data = panicReport(deeds, press);
    if (data === undefined) return [];
    const states = data.items.map(({ actionId, state }) => ({ actionId, state }));
    const key = `report ${canonicalHash({ final: data.final, states }).slice(0, 32)}`;
    return press.reported === deriveId(press.id, key) ? [] : [{ causeId: press.id, key, data }];
  });
}
