import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Change, Drift, RepairOption, Target } from "@omega/bus-schemas/vocabulary.ts";
import { olderOnSameTarget, withUndoEvent } from "./undoing.ts";
import { inWindow } from "./window.ts";

/**
 * What Omega did to the world, and what became of taking it back: a fold of the stream, the same for Surgeon, `omega panic --direct`, the
 * console and the command. Nothing in here needs a process to be alive.
 */

export type Ending = "succeeded" | "failed" | "conflicted" | "unknown";

/**
 * `wanted`: somebody asked for it and its turn has not come. `failed` is tried again at `retryAt`; without one, like `irreversible`, it
 * never is.
 */
export type UndoState = "none" | "wanted" | "undoing" | "undone" | "conflicted" | "gone" | "irreversible" | "failed";

export interface Undo {
  readonly state: UndoState;
  /** The press or order that it follows from: with the attempt it makes the id of `undo.started`. */
  readonly requestId?: string;
  readonly attempts: number;
  readonly says?: string;
  readonly differs: readonly Drift[];
  /** Whether a failure is no more than the target being away: then what lies below waits for it. */
  readonly blocks?: boolean;
  /** Milliseconds since the epoch. */
  readonly retryAt?: number;
}

/** One action that was started, and so may have changed the world. */
export interface Deed {
  readonly actionId: string;
  readonly incidentId: string;
  readonly actionType: string;
  readonly target: Target;
  readonly planHash: string;
  /** Absent where its proposal is not remembered. */
  readonly reversible?: RepairOption["reversible"];
  readonly changes: readonly Change[];
  /** When the stream stored the start; milliseconds since the epoch. */
  readonly startedAt: number;
  readonly ended?: { readonly at: number; readonly how: Ending; readonly says: string };
  readonly undo: Undo;
}

export interface Press {
  readonly id: string;
  readonly at: number;
  readonly by: string;
  readonly windowMs: number;
  readonly reason?: string;
  /** What it is about, newest first; nothing joins later, for nothing starts any more. */
  readonly actionIds: readonly string[];
  /** The event that last reported on it, so that the same is not reported twice. */
  readonly reported?: string;
}

type Offer = Pick<RepairOption, "reversible"> & { readonly changes: readonly Change[] };

export interface Deeds {
  /** In the order of their starts. */
  readonly byId: ReadonlyMap<string, Deed>;
  readonly offers: ReadonlyMap<string, Offer>;
  /** Ordered and not started, with whether it may still begin. */
  readonly orders: ReadonlyMap<string, "open" | "void">;
  readonly presses: readonly Press[];
  /** The press that froze everything, until a person resumes. */
  readonly frozenBy?: string;
  /** The highest fencing token seen: orders of a Coordinator with a lower one don't count. */
  readonly fence: number;
}

export const noDeeds: Deeds = { byId: new Map(), offers: new Map(), orders: new Map(), presses: [], fence: 0 };

/** The oldest are forgotten first; taking one of those back is a person's work. */
const deedsKept = 1000;
const pressesKept = 16;
const changesKept = 32;

export function evolveDeeds(deeds: Deeds, event: OmegaEvent, storedAt: number): Deeds {
  switch (event.type) {
    case "remediation.proposed":
      return proposed(deeds, event);
    case "action.ordered":
      return ordered({ ...deeds, fence: Math.max(deeds.fence, event.data.fence) }, event.data.actionId);
    case "action.started":
      return started(deeds, event, storedAt);
    case "action.succeeded":
    case "action.failed":
    case "action.conflicted":
    case "action.outcome-unknown":
      return ended(deeds, event, storedAt);
    case "undo.ordered":
      return undoOrdered(deeds, event);
    case "undo.started":
    case "undo.done":
    case "undo.failed":
    case "undo.conflicted":
      return undoSaid(deeds, event);
    case "control.panic-pressed":
      return pressed(deeds, event, storedAt);
    case "control.panic-reported":
      return reported(deeds, event);
    case "control.resumed": {
      const { frozenBy: _thawed, ...rest } = deeds;
      return rest;
    }
    default:
      return deeds;
  }
}

function proposed(deeds: Deeds, event: EventOf<"remediation.proposed">): Deeds {
  const offers = event.data.options.map(({ optionId, reversible, changes }): [string, Offer] => [
    optionId,
    { reversible, changes: changes.slice(0, changesKept) },
  ]);
  return { ...deeds, offers: newest([...deeds.offers, ...offers]) };
}

function ordered(deeds: Deeds, actionId: string): Deeds {
  if (deeds.orders.has(actionId) || deeds.byId.has(actionId)) return deeds;
  const standing = deeds.frozenBy === undefined ? "open" : "void";
  return { ...deeds, orders: newest([...deeds.orders, [actionId, standing]]) };
}

/** A start that lies behind a press or an undo never begins, whatever its order was. */
function started(deeds: Deeds, event: EventOf<"action.started">, at: number): Deeds {
  const { actionId, actionType, target, planHash, optionId } = event.data;
  if (deeds.byId.has(actionId) || deeds.frozenBy !== undefined || deeds.orders.get(actionId) === "void") return deeds;
  const offer = deeds.offers.get(optionId);
  const deed: Deed = {
    actionId,
    incidentId: event.incidentid ?? "",
    actionType,
    target,
    planHash,
    ...(offer === undefined ? {} : { reversible: offer.reversible }),
    changes: offer?.changes ?? [],
    startedAt: at,
    undo: { state: "none", attempts: 0, differs: [] },
  };
  return { ...deeds, byId: newest([...deeds.byId, [actionId, deed]]) };
}

const endings = {
  "action.succeeded": "succeeded",
  "action.failed": "failed",
  "action.conflicted": "conflicted",
  "action.outcome-unknown": "unknown",
} as const;

function ended(deeds: Deeds, event: Extract<OmegaEvent, { type: keyof typeof endings }>, at: number): Deeds {
  const says = event.type === "action.succeeded" ? event.data.says : event.data.failure.message;
  return changed(deeds, event.data.actionId, (deed) =>
    deed.ended === undefined ? { ...deed, ended: { at, how: endings[event.type], says } } : deed,
  );
}

/** What has not begun is withdrawn; what was tried and did not work out is wanted once more. */
function undoOrdered(known: Deeds, event: EventOf<"undo.ordered">): Deeds {
  const { actionId, fence } = event.data;
  // Orders of the Coordinator are fenced; a person's are not. The signature check tied the key id to the role.
  const isPersons = event.keyid.startsWith("operator-");
  if (!isPersons && fence < known.fence) return known;
  const deeds = isPersons ? known : { ...known, fence };
  if (!deeds.byId.has(actionId)) return { ...deeds, orders: newest([...deeds.orders, [actionId, "void"]]) };
  return changed(deeds, actionId, (deed) =>
    ["wanted", "undoing", "undone"].includes(deed.undo.state) ? deed : wanted(deed, event.id),
  );
}

function undoSaid(deeds: Deeds, event: Parameters<typeof withUndoEvent>[1]): Deeds {
  const before = deeds.byId.get(event.data.actionId);
  const next = changed(deeds, event.data.actionId, (deed) => withUndoEvent(deed, event));
  if (event.type !== "undo.done" || before === undefined || before.undo.attempts < 2) return next;
  // While this one stood in the way, those below it could not be told from foreign changes: they are looked at again.
  return olderOnSameTarget(next.byId, before)
    .filter(({ undo }) => undo.state === "conflicted" && undo.requestId !== undefined)
    .reduce((so, { actionId, undo }) => changed(so, actionId, (deed) => wanted(deed, undo.requestId ?? "")), next);
}

function pressed(deeds: Deeds, event: EventOf<"control.panic-pressed">, at: number): Deeds {
  const { by, windowMs, reason } = event.data;
  const concerned = [...deeds.byId.values()].filter((deed) => inWindow(deed, at, windowMs)).toReversed();
  const press: Press = {
    id: event.id,
    at,
    by,
    windowMs,
    ...(reason === undefined ? {} : { reason }),
    actionIds: concerned.map(({ actionId }) => actionId),
  };
  const frozen: Deeds = {
    ...deeds,
    orders: new Map([...deeds.orders].map(([actionId]) => [actionId, "void"])),
    presses: [...deeds.presses, press].slice(-pressesKept),
    frozenBy: deeds.frozenBy ?? event.id,
  };
  return concerned
    .filter(({ undo }) => undo.state === "none")
    .reduce((so, { actionId }) => changed(so, actionId, (deed) => wanted(deed, event.id)), frozen);
}

function reported(deeds: Deeds, event: EventOf<"control.panic-reported">): Deeds {
  const presses = deeds.presses.map((press) =>
    press.id === event.data.panicId ? { ...press, reported: event.id } : press,
  );
  return { ...deeds, presses };
}

function wanted(deed: Deed, requestId: string): Deed {
  return { ...deed, undo: { state: "wanted", requestId, attempts: deed.undo.attempts, differs: [] } };
}

function changed(deeds: Deeds, actionId: string, change: (deed: Deed) => Deed): Deeds {
  const deed = deeds.byId.get(actionId);
  if (deed === undefined) return deeds;
  return { ...deeds, byId: new Map(deeds.byId).set(actionId, change(deed)) };
}

function newest<Value>(entries: readonly (readonly [string, Value])[]): ReadonlyMap<string, Value> {
  return new Map(entries.slice(-deedsKept));
}
