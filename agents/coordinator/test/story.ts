import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { DataOf, Draft, EventType, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { definitionOf } from "@omega/bus-schemas/catalogue.ts";
import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import { checkPolicies, policyFilesIn, type PolicyReading, type PolicySet } from "@omega/shared/policy/policy-set.ts";
import { SourceText } from "@omega/shared/policy/source-text.ts";
import { rulesSchema, type Rules } from "../src/config.ts";
import { decideBy } from "../src/decide.ts";
import { coordinator } from "../src/definition.ts";
import { keyOf, takenBy, targetText, withOrder, type CountedOrder } from "../src/orders.ts";
import { evolveBy, initialState, type State } from "../src/state.ts";

export const start = Date.parse("2026-11-24T03:00:00.000Z");

export function exampleOf<Type extends EventType>(type: Type): DataOf<Type> {
  return definitionOf(type)?.example as DataOf<Type>;
}

const shipped = policyFilesIn(fileURLToPath(new URL("../../../infra/config/policies", import.meta.url)));

function setOf(reading: PolicyReading): PolicySet {
  assert.ok(reading.ok, JSON.stringify(reading));
  return reading.set;
}

/** The policies that Omega ships. */
export const defaultPolicies: PolicySet = setOf(checkPolicies(shipped));

/** A set of these policies and no others. */
export function policiesOf(text: string): PolicySet {
  return setOf(checkPolicies({ ...shipped, policies: [new SourceText("own.cedar", text)] }));
}

/** The shipped policies and these. */
export function edited(text: string): PolicySet {
  return setOf(checkPolicies({ ...shipped, policies: [...shipped.policies, new SourceText("own.cedar", text)] }));
}

/** The default rules with other budgets. */
export function budgeted(change: Partial<Rules["budgets"]>): Partial<Rules> {
  return { budgets: { ...rulesSchema.parse({}).budgets, ...change } };
}

/** A stream in miniature: what is said is stored, folded and decided on, as runAgent does it. */
export class Story {
  readonly rules: Rules;
  state: State = initialState;
  now = start;
  said: Draft[] = [];
  incident = "";
  #count = 0;

  /** Who signs what happens. */
  speaker = { source: "/omega/surgeon/surgeon-1", keyid: "surgeon-0123456789abcdef" };

  constructor(rules: Partial<Rules> = {}, policies?: PolicySet) {
    this.rules = { ...rulesSchema.parse({ namespaces: { allow: ["shop"] } }), ...rules };
    if (policies !== undefined) this.load(policies);
  }

  /** An order of some earlier incident, spent at this moment. */
  spend(option: RepairOption): void {
    const { target, blastRadius } = option;
    const order: CountedOrder = {
      actionId: `act-${this.#count}`,
      incidentId: "inc-earlier",
      key: keyOf(option),
      target: targetText(target),
      service: target.name,
      at: this.now,
      ...takenBy(blastRadius, target.name),
    };
    this.state = { ...this.state, orders: withOrder(this.state.orders, order, this.rules.budgets) };
  }

  load(set: PolicySet): void {
    this.#happen({ type: "policy.loaded", data: { hash: set.hash, policies: [...set.policies] } }, 0);
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
      ...this.speaker,
    } as unknown as OmegaEvent;
    this.state = evolveBy(this.rules)(this.state, event, this.now);
    return event;
  }
}

/** A story that stands right before the repair is chosen. */
export function planned(rules: Partial<Rules> = {}): Story {
  const story = new Story(rules, defaultPolicies);
  story.when("signal.detected");
  story.when("memory.recalled", { verdict: "none", matches: [] });
  story.when("diagnosis.reached");
  story.pass(4000);
  assert.deepEqual(story.heard(), ["incident.opened", "remediation.requested"]);
  return story;
}
