import type { Draft, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Target } from "@omega/bus-schemas/vocabulary.ts";
import type { Deed, Deeds, Undo } from "./deeds.ts";

/** The order in which things are taken back: newest first within a target, one at a time; targets beside each other. */

type UndoEvent = Extract<OmegaEvent, { type: "undo.started" | "undo.done" | "undo.failed" | "undo.conflicted" }>;

/** Codes that say that what an action changed is not there any more: whatever has its name now is somebody else's. */
const goneCodes: ReadonlySet<string> = new Set(["object_gone", "object_replaced"]);

/** Soon, for most targets that are away come back; in the end rarely, for a person has been told. */
const retryFirstMs = 5000;
const retryMaxMs = 300_000;

/** Codes of failures that no repetition mends. */
const hopeless: ReadonlySet<string> = new Set(["irreversible", "action_unknown", "plan_unreadable", "stale_fence"]);

/** How long after a failed attempt the next one begins; `undefined` where none would ever work. */
export function retryAfterMs(attempt: number, code: string): number | undefined {
  return hopeless.has(code) ? undefined : Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(attempt - 1, 16));
}

/** Names what is worked on one after the other. */
export function targetKey({ system, namespace = "", kind = "", name }: Target): string {
  return `${system}/${namespace}/${kind}/${name}`;
}

export function withUndoEvent(deed: Deed, event: UndoEvent): Deed {
  const { undo } = deed;
  switch (event.type) {
    case "undo.started": {
      if (undo.state === "undone") return deed;
      const requestId = undo.requestId ?? event.causationid;
      const attempts = Math.max(undo.attempts, event.data.attempt);
      return withUndo(deed, { state: "undoing", ...(requestId === undefined ? {} : { requestId }), attempts });
    }
    case "undo.done":
      return withUndo(deed, { ...kept(undo), state: "undone", says: event.data.says });
    case "undo.failed": {
      // An order that was refused, by a Coordinator that leads no more, says nothing of the action.
      if (undo.state !== "undoing") return deed;
      const { failure, retryAt } = event.data;
      const state = failure.code === "irreversible" ? "irreversible" : "failed";
      const retry = retryAt === undefined ? {} : { retryAt: Date.parse(retryAt), blocks: failure.kind !== "terminal" };
      return withUndo(deed, { ...kept(undo), state, says: failure.message, ...retry });
    }
    case "undo.conflicted": {
      if (undo.state === "undone") return deed;
      const { failure, differs } = event.data;
      const state = goneCodes.has(failure.code) ? "gone" : "conflicted";
      return withUndo(deed, { ...kept(undo), state, says: failure.message, differs });
    }
  }
}

export function olderOnSameTarget(byId: Deeds["byId"], deed: Deed): Deed[] {
  const all = [...byId.values()].filter(({ target }) => targetKey(target) === targetKey(deed.target));
  return all.slice(
    0,
    all.findIndex(({ actionId }) => actionId === deed.actionId),
  );
}

/**
 * What may be taken back now: of each target the newest that is wanted, unless another of it is being taken back, or one above it failed
 * for the target being away. One that failed for good, or was not allowed, does not hold up those below it. Repetitions that are due at
 * `now` are among them.
 */
export function dueUndos(deeds: Deeds, now: number, onlyTarget?: Target): Deed[] {
  const byTarget = new Map<string, Deed[]>();
  for (const deed of deeds.byId.values()) {
    const key = targetKey(deed.target);
    if (onlyTarget !== undefined && key !== targetKey(onlyTarget)) continue;
    byTarget.set(key, [deed, ...(byTarget.get(key) ?? [])]);
  }
  return [...byTarget.values()].flatMap((newestFirst) => {
    const due = dueOf(newestFirst, now);
    return due === undefined ? [] : [due];
  });
}

function dueOf(newestFirst: readonly Deed[], now: number): Deed | undefined {
  if (newestFirst.some(({ undo }) => undo.state === "undoing")) return undefined;
  for (const deed of newestFirst) {
    const { state, retryAt, blocks } = deed.undo;
    if (state === "wanted") return deed;
    if (state !== "failed" || retryAt === undefined) continue;
    if (retryAt <= now) return deed;
    if (blocks === true) return undefined;
  }
  return undefined;
}

/** When the next repetition is due. */
export function nextRetryAt(deeds: Deeds): number | undefined {
  let next: number | undefined;
  for (const { undo } of deeds.byId.values()) {
    if (undo.state !== "failed" || undo.retryAt === undefined) continue;
    next = Math.min(next ?? undo.retryAt, undo.retryAt);
  }
  return next;
}

/** The event by which an undo begins. Whoever says it, however often, says the same one: it follows from the request, not from the moment. */
export function undoStart({ actionId, incidentId, undo }: Deed): { readonly causeId: string; readonly draft: Draft } {
  const attempt = undo.attempts + 1;
  return {
    causeId: undo.requestId ?? actionId,
    draft: {
      type: "undo.started",
      incidentid: incidentId,
      data: { actionId, attempt },
      key: `undo ${actionId} ${attempt}`,
    },
  };
}

function kept({ requestId, attempts }: Undo): Pick<Undo, "requestId" | "attempts"> {
  return { ...(requestId === undefined ? {} : { requestId }), attempts };
}

function withUndo(deed: Deed, undo: Omit<Undo, "differs"> & Partial<Pick<Undo, "differs">>): Deed {
  return { ...deed, undo: { differs: [], ...undo } };
}
