import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { evolveDeeds, noDeeds, type Deeds, type Press } from "@omega/shared/panic/deeds.ts";
import { itemsOf, panicWindow, type PanicItem as Item } from "@omega/shared/panic/window.ts";
import type { PanicItem, PanicPreview, PanicState } from "./wire.ts";

/** The longest window that a press may name (control.panic-pressed). */
export const windowMsMax = 86_400_000;

/** What a press would take back, and what became of the latest press: the fold that Surgeon and the command go by too, and who said what. */
export class PanicView {
  #deeds: Deeds = noDeeds;
  #frozen: readonly string[] = [];
  #resumed: PanicState["resumed"];

  take(event: OmegaEvent, storedAt: number): void {
    if (event.type === "control.panic-pressed" && this.#deeds.frozenBy === undefined) this.#frozen = [];
    if (event.type === "control.frozen") this.#frozen = [...new Set([...this.#frozen, event.data.instance])];
    if (event.type === "control.resumed") this.#resumed = resumedBy(event, storedAt);
    this.#deeds = evolveDeeds(this.#deeds, event, storedAt);
  }

  /** Id of the press that froze everything, until a person resumes. */
  get frozenBy(): string | undefined {
    return this.#deeds.frozenBy;
  }

  /** The freeze that stands, else the last one. Later presses of the same freeze add to what it is about. */
  get state(): PanicState | undefined {
    const { presses, frozenBy } = this.#deeds;
    const press = presses.find(({ id }) => id === frozenBy) ?? presses.at(-1);
    if (press === undefined) return undefined;
    const { id: panicId, by, at, windowMs, reason } = press;
    return {
      panicId,
      by,
      at,
      windowMs,
      ...(reason === undefined ? {} : { reason }),
      frozen: this.#frozen,
      items: itemsSince(this.#deeds, presses, press),
      ...(frozenBy !== undefined || this.#resumed === undefined ? {} : { resumed: this.#resumed }),
    };
  }

  preview(seq: number, windowMs: number, now: number): PanicPreview {
    const { undo, cannot } = panicWindow(this.#deeds, now, windowMs);
    return { seq, windowMs, undo: undo.map(shown), cannot: cannot.map(shown) };
  }
}

function itemsSince(deeds: Deeds, presses: readonly Press[], first: Press): PanicItem[] {
  const items = presses.slice(presses.indexOf(first)).flatMap((press) => itemsOf(deeds, press));
  return [...new Map(items.map((item) => [item.deed.actionId, shown(item)])).values()];
}

function shown({ deed, state, says }: Item): PanicItem {
  const { actionId, incidentId, actionType, target, startedAt, changes, undo } = deed;
  return { actionId, incidentId, actionType, target, startedAt, state, says, changes, differs: undo.differs };
}

function resumedBy({ data }: EventOf<"control.resumed">, at: number): PanicState["resumed"] {
  return { by: data.by, reason: data.reason, at };
}
