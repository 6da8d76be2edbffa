import { definitionOf, type DataOf, type EventType, type OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Target } from "@omega/bus-schemas/vocabulary.ts";
import { evolveDeeds, noDeeds, type Deeds } from "./deeds.ts";

// For tests: a stream told in words, folded as it goes.

export const minuteMs = 60_000;

export class DeedsLife {
  deeds: Deeds = noDeeds;
  /** Milliseconds since the epoch; moved by `after`. */
  now = Date.parse("2026-11-24T03:00:00.000Z");
  #said = 0;

  after(ms: number): this {
    this.now += ms;
    return this;
  }

  when<Type extends EventType>(type: Type, changes: Partial<DataOf<Type>> = {}, extra: object = {}): this {
    this.#said += 1;
    const data = { ...(definitionOf(type)?.example as object), ...changes };
    const envelope = { id: `evt-${this.#said}`, type, data, incidentid: "inc-1", keyid: "surgeon-0", ...extra };
    this.deeds = evolveDeeds(this.deeds, envelope as unknown as OmegaEvent, this.now);
    return this;
  }

  /** Offers, orders and starts one action. */
  begun(actionId: string, target: string, reversible: "exact" | "compensating" | "none" = "exact"): this {
    const example = definitionOf("remediation.proposed")?.example as DataOf<"remediation.proposed">;
    const options = example.options.map((option) => ({ ...option, optionId: `opt-${actionId}`, reversible }));
    const named = { actionId, optionId: `opt-${actionId}`, target: deploymentNamed(target) };
    return this.when("remediation.proposed", { options }).when("action.ordered", named).when("action.started", named);
  }

  did(actionId: string, target: string, reversible: "exact" | "compensating" | "none" = "exact"): this {
    return this.begun(actionId, target, reversible).when("action.succeeded", { actionId });
  }

  pressed(id: string, windowMs = 5 * minuteMs): this {
    return this.when("control.panic-pressed", { windowMs }, { id });
  }

  undoing(actionId: string, attempt = 1): this {
    return this.when("undo.started", { actionId, attempt });
  }

  state(actionId: string): string {
    return this.deeds.byId.get(actionId)?.undo.state ?? "unknown";
  }
}

export function deploymentNamed(name: string): Target {
  return { system: "kubernetes", namespace: "shop", kind: "Deployment", name };
}
