import assert from "node:assert/strict";
import type { DataOf, Draft, EventType, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { definitionOf } from "@omega/bus-schemas/catalogue.ts";
import { rulesSchema, type Rules } from "./config.ts";
import { decideBy } from "./decide.ts";
import { coordinator } from "./definition.ts";
import { evolveBy, initialState, type State } from "./state.ts";

/** For tests of the decider: given, when, then. */

export const start = Date.parse("2026-11-24T03:00:00.000Z");

export function exampleOf<Type extends EventType>(type: Type): DataOf<Type> {
  return definitionOf(type)?.example as DataOf<Type>;
}

/** A stream in miniature: what is said is stored, folded and decided on, as runAgent does it. */
export class Story {
  readonly rules: Rules;
  state: State = initialState;
  now = start;
  said: Draft[] = [];
  incident = "";
  #count = 0;

  constructor(rules: Partial<Rules> = {}) {
    this.rules = { ...rulesSchema.parse({ namespaces: { allow: ["shop"] } }), ...rules };
  }

  /** The event happens; returns what the Coordinator says to it. Everything it says is folded in and decided on too. */
  when<Type extends EventType>(type: Type, data: Partial<DataOf<Type>> = {}, afterMs = 10): Draft[] {
    const example = definitionOf(type)?.example as object;
    return this.#happen(
      { type, incidentid: this.incident, data: { ...example, ...data } } as unknown as Draft,
      afterMs,
    );
  }

  /** Types of all that was said since the last call. */
  heard(): string[] {
    const types = this.said.map((draft) => draft.type);
    this.said = [];
    return types;
  }

  last<Type extends EventType>(type: Type): DataOf<Type> {
    const found = this.said.findLast((draft) => draft.type === type);
    assert.ok(found, `${type} was not said; heard ${this.said.map((draft) => draft.type).join(", ")}`);
    return found.data as DataOf<Type>;
  }

  pass(ms: number): Draft[] {
    this.now += ms;
    const due = coordinator(this.rules).passedDeadlines?.(this.state, this.now) ?? [];
    return due.flatMap(({ draft }) => this.#happen(draft, 0));
  }

  #happen(draft: Draft, afterMs: number): Draft[] {
    this.now += afterMs;
    const event = this.#store(draft);
    const { say } = decideBy(this.rules)(event, this.state, { now: this.now, fence: 7 });
    // Decisions are folded in at once, and decided on when their turn comes.
    const own = say.map((next) => this.#store(next));
    for (const [at, next] of say.entries()) {
      if (next.type === "incident.opened") this.incident = next.incidentid ?? "";
      this.said.push(next);
      const event = own[at];
      if (event !== undefined) this.#follow(event);
    }
    return [...say];
  }

  #follow(event: OmegaEvent): void {
    const { say } = decideBy(this.rules)(event, this.state, { now: this.now, fence: 7 });
    const own = say.map((next) => this.#store(next));
    this.said.push(...say);
    for (const next of own) this.#follow(next);
  }

  #store(draft: Draft): OmegaEvent {
    this.#count += 1;
    const event = {
      ...draft,
      id: `evt-${this.#count}`,
      time: new Date(this.now).toISOString(),
    } as unknown as OmegaEvent;
    this.state = evolveBy(this.rules)(this.state, event, this.now);
    return event;
  }
}

/** A story that stands right before the repair is chosen. */
export function planned(rules: Partial<Rules> = {}): Story {
  const story = new Story(rules);
  story.when("signal.detected");
  story.when("memory.recalled", { verdict: "none", matches: [] });
  story.when("diagnosis.reached");
  story.pass(4000);
  assert.deepEqual(story.heard(), ["incident.opened", "remediation.requested"]);
  return story;
}
