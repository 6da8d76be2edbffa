import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import { targetName } from "@omega/shared/timeline.ts";
import type { PanicItem, PanicPreview, PanicState } from "./wire.ts";

type Option = Pick<RepairOption, "reversible" | "changes" | "warnings">;

interface Effect {
  readonly item: PanicItem;
  readonly reversible: Option["reversible"] | undefined;
  /** The world may differ from before because of it. */
  readonly stands: boolean;
}

/** The longest window that a press may name (control.panic-pressed). */
export const windowMsMax = 86_400_000;
const effectsKept = 2000;
const optionsKept = 500;

/** What a press would take back, and what became of the latest press; a fold of the stream. */
export class PanicFold {
  readonly #effects = new Map<string, Effect>();
  readonly #options = new Map<string, Option>();
  #state: PanicState | undefined;

  get state(): PanicState | undefined {
    const state = this.#state;
    if (state === undefined) return undefined;
    const items = state.items.map((item) => this.#effects.get(item.actionId)?.item ?? item);
    return { ...state, items };
  }

  take(event: OmegaEvent, storedAt: number): void {
    switch (event.type) {
      case "remediation.proposed":
        for (const option of event.data.options) remember(this.#options, option.planHash, option, optionsKept);
        return;
      case "action.started":
        this.#started(event, storedAt);
        return;
      case "action.failed":
      case "action.conflicted":
        // Whether a failure left the world alone is for Surgeon's undo to find out, so the effect stands.
        if (event.type === "action.conflicted") this.#change(event.data.actionId, { stands: false });
        return;
      case "undo.ordered":
      case "undo.started":
        this.#change(event.data.actionId, { state: "undoing", says: "Being taken back" });
        return;
      case "undo.done":
        this.#change(event.data.actionId, { state: "undone", says: event.data.says, stands: false });
        return;
      case "undo.conflicted":
        this.#change(event.data.actionId, { state: "conflicted", says: event.data.failure.message });
        return;
      case "undo.failed":
        this.#change(event.data.actionId, { state: "failed", says: event.data.failure.message });
        return;
      case "control.panic-pressed":
        this.#pressed(event, storedAt);
        return;
      case "control.frozen":
        if (this.#state !== undefined)
          this.#state = { ...this.#state, frozen: [...new Set([...this.#state.frozen, event.data.instance])] };
        return;
      case "control.resumed":
        if (this.#state !== undefined)
          this.#state = { ...this.#state, resumed: { by: event.data.by, reason: event.data.reason, at: storedAt } };
        return;
      default:
        return;
    }
  }

  preview(seq: number, windowMs: number, now: number): PanicPreview {
    const standing = [...this.#effects.values()]
      .filter(({ item, stands }) => stands && item.startedAt >= now - windowMs)
      .toReversed();
    return {
      seq,
      windowMs,
      undo: standing.filter(canUndo).map(({ item }) => item),
      cannot: standing.filter((effect) => !canUndo(effect)).map(({ item }) => item),
    };
  }

  #started(event: EventOf<"action.started">, storedAt: number): void {
    const { actionId, actionType, target, planHash } = event.data;
    if (this.#effects.has(actionId)) return;
    const option = this.#options.get(planHash);
    const reversible = option?.reversible;
    const item: PanicItem = {
      actionId,
      incidentId: event.incidentid ?? "",
      actionType,
      target,
      startedAt: storedAt,
      state: reversible === "none" ? "irreversible" : "pending",
      says:
        reversible === "none"
          ? (option?.warnings[0] ?? `${actionType} can't be taken back.`)
          : `${targetName(target)} goes back to what the plan found${reversible === "compensating" ? ", by compensating it" : ""}.`,
      changes: option?.changes ?? [],
    };
    remember(this.#effects, actionId, { item, reversible, stands: true }, effectsKept);
  }

  #change(actionId: string, { stands, ...change }: Partial<PanicItem> & { stands?: boolean }): void {
    const effect = this.#effects.get(actionId);
    if (effect === undefined) return;
    this.#effects.set(actionId, { ...effect, item: { ...effect.item, ...change }, stands: stands ?? effect.stands });
  }

  #pressed(event: EventOf<"control.panic-pressed">, storedAt: number): void {
    const { by, windowMs, reason } = event.data;
    // Pressing twice is the same as once: the first press of a freeze stays the one that is shown.
    if (this.#state !== undefined && this.#state.resumed === undefined) return;
    const { undo, cannot } = this.preview(0, windowMs, storedAt);
    this.#state = {
      panicId: event.id,
      by,
      at: storedAt,
      windowMs,
      ...(reason === undefined ? {} : { reason }),
      frozen: [],
      items: [...undo, ...cannot],
    };
  }
}

function canUndo({ reversible, item }: Effect): boolean {
  return reversible !== "none" && item.state !== "conflicted";
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value, max: number): void {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}
