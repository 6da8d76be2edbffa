import assert from "node:assert/strict";
import { it } from "node:test";
import type { ActionContext } from "@omega/shared/action.ts";
import { systemClock } from "@omega/shared/clock.ts";
import { createLog } from "@omega/shared/log.ts";
import { fail, type Outcome } from "@omega/shared/outcome.ts";
import type { AnyAction } from "../../../agents/surgeon/src/actions/registry.ts";
import type { Clients } from "../../../agents/surgeon/src/ports.ts";

/**
 * - `refused`: not sent; nothing happened.
 * - `lost`: sent, and nobody knows; in truth nothing happened.
 * - `applied anyway`: nobody knows; in truth it happened.
 */
const faults = ["refused", "lost", "applied anyway"] as const;
type Fault = (typeof faults)[number];

/** Stands between an action and its clients: counts calls, fails one of them, lets others act right before a change. */
export class Watch {
  calls = 0;
  changes = 0;
  lastChangeAt = 0;
  readonly #fault: { readonly at: number; readonly fault: Fault } | undefined;
  readonly #beforeChange: () => Promise<void>;

  constructor(fault?: { at: number; fault: Fault }, beforeChange: () => Promise<void> = () => Promise.resolve()) {
    this.#fault = fault;
    this.#beforeChange = beforeChange;
  }

  async call<T>(changes: boolean, send: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    this.calls += 1;
    if (changes) {
      this.changes += 1;
      this.lastChangeAt = this.calls;
      await this.#beforeChange();
    }
    if (this.#fault?.at !== this.calls) return await send();
    if (this.#fault.fault === "refused" || !changes) return fail("retryable", "unreachable", "an injected fault");
    if (this.#fault.fault === "applied anyway") await send();
    return fail("unknown", "no_answer", "an injected fault");
  }
}

/** A fresh place with the parameters of an action that changes it. */
export interface Arranged {
  readonly params: unknown;
  /** Clients that reach the place through the watch. */
  clients(watch: Watch): Clients;
  /** Everything of the place that undo must bring back. */
  world(): Promise<unknown>;
  /** Somebody else sets what the action sets to yet another value. */
  foreignChange(): Promise<void>;
}

/** Promises that an action of this kind cannot give, each with the reason that its documentation gives. */
export interface Exceptions {
  /** A foreign change cannot be told from ours, or there is nothing that it could change. */
  readonly noForeignChange?: string;
  /** `execute` leaves no trace in the world but its effect, so `undo` has nothing to write. */
  readonly undoWritesNothing?: string;
  readonly irreversible?: string;
}

interface Planned extends Arranged {
  readonly before: unknown;
  readonly plan: unknown;
}

type Step = "execute" | "undo";

/** Registers the promises of design/actions.md, for actions whose world is not a Kubernetes API, as tests of one action. */
export function keepsItsPromises(
  action: AnyAction,
  arrange: () => Promise<Arranged>,
  exceptions: Exceptions = {},
): void {
  const { type } = action;
  const planned = (): Promise<Planned> => plannedWith(action, arrange);
  const undoes = exceptions.irreversible === undefined;

  it(`${type}: plan and dryRun change nothing, and the plan passes through JSON`, async () => {
    const place = await planned();
    const watch = new Watch();
    const changes = value(await action.dryRun(contextOf(place, watch), place.plan));
    assert.ok(changes.length > 0, "a dry-run shows what would change");
    assert.equal(watch.changes, 0);
    assert.deepEqual(await place.world(), place.before);
  });

  it(`${type}: what disturbs instances says how many of how many, so that a budget knows the share`, async () => {
    const { plan } = await planned();
    const { instances, ofInstances, unavailable = instances } = action.traits.blastRadius(plan);
    assert.ok(instances === 0 || ofInstances !== undefined, `${instances} instances of how many?`);
    assert.ok(unavailable <= Math.max(ofInstances ?? 0, instances), `${unavailable} of ${ofInstances}`);
  });

  it(`${type}: execute and undo may run twice, and the second run changes nothing`, async () => {
    const place = await planned();
    for (const step of undoes ? (["execute", "undo"] as const) : (["execute"] as const)) {
      value(await action[step](contextOf(place), place.plan), step);
      const after = await place.world();
      if (step === "undo") assert.deepEqual(after, place.before, "undo restores the world");
      const watch = new Watch();
      value(await action[step](contextOf(place, watch), place.plan), `${step} again`);
      assert.equal(watch.changes, 0, `${step} again`);
      assert.deepEqual(await place.world(), after);
    }
  });

  if (undoes) {
    it(`${type}: undo of what never happened changes nothing`, async () => {
      const place = await planned();
      const watch = new Watch();
      value(await action.undo(contextOf(place, watch), place.plan));
      assert.equal(watch.changes, 0);
      assert.deepEqual(await place.world(), place.before);
    });
  }

  if (exceptions.noForeignChange === undefined) foreignChangePromises(action, planned, exceptions);

  for (const step of undoes ? (["execute", "undo"] as const) : (["execute"] as const)) {
    for (const fault of faults) {
      it(`${type}: ${step} survives every call being ${fault}`, async () => {
        await faultEveryCall(action, planned, step, fault, exceptions);
      });
    }
  }
}

function foreignChangePromises(action: AnyAction, planned: () => Promise<Planned>, exceptions: Exceptions): void {
  const steps: Step[] = exceptions.irreversible === undefined ? ["execute", "undo"] : ["execute"];
  for (const step of steps) {
    it(`${action.type}: ${step} leaves a foreign change alone and says conflict`, async () => {
      const place = await planned();
      if (step === "undo") value(await action.execute(contextOf(place), place.plan));
      await place.foreignChange();
      const foreign = await place.world();
      const watch = new Watch();
      assert.equal(kindOf(await action[step](contextOf(place, watch), place.plan)), "conflict");
      assert.deepEqual(await place.world(), foreign);
    });
    if (step === "undo" && exceptions.undoWritesNothing !== undefined) continue;
    it(`${action.type}: ${step} leaves a foreign change alone that comes between its look and its change`, async () => {
      const place = await planned();
      if (step === "undo") value(await action.execute(contextOf(place), place.plan));
      let foreign: unknown;
      const watch = new Watch(undefined, async () => {
        if (foreign !== undefined) return;
        await place.foreignChange();
        foreign = await place.world();
      });
      assert.equal(kindOf(await action[step](contextOf(place, watch), place.plan)), "conflict");
      assert.deepEqual(await place.world(), foreign);
    });
  }
}

/** Fails each call up to just after the last change, one run for each; then retries the step, then takes it back. */
async function faultEveryCall(
  action: AnyAction,
  planned: () => Promise<Planned>,
  step: Step,
  fault: Fault,
  exceptions: Exceptions,
): Promise<void> {
  const counted = await planned();
  if (step === "undo") value(await action.execute(contextOf(counted), counted.plan));
  const counter = new Watch();
  value(await action[step](contextOf(counted, counter), counted.plan));
  if (step === "execute" || exceptions.undoWritesNothing === undefined)
    assert.ok(counter.lastChangeAt > 0, `${step} changes`);
  const wanted = await counted.world();
  for (let at = 1; at <= counter.lastChangeAt + 1; at += 1) {
    const place = await planned();
    const where = `call ${at} of ${step}, ${fault}`;
    if (step === "undo") value(await action.execute(contextOf(place), place.plan), where);
    const outcome = await action[step](contextOf(place, new Watch({ at, fault })), place.plan);
    if (!outcome.ok)
      assert.ok(["retryable", "unknown"].includes(outcome.failure.kind), `${where}: ${outcome.failure.kind}`);
    if (!outcome.ok && outcome.failure.kind === "retryable" && step === "execute") {
      assert.deepEqual(await place.world(), place.before, `${where}: retryable means that nothing changed`);
    }
    value(await action[step](contextOf(place), place.plan), `${where}: retried`);
    // Above all it must not have happened twice.
    if (exceptions.irreversible !== undefined) {
      assert.deepEqual(await place.world(), wanted, where);
      continue;
    }
    value(await action.undo(contextOf(place), place.plan), `${where}: undone`);
    assert.deepEqual(await place.world(), place.before, where);
  }
}

async function plannedWith(action: AnyAction, arrange: () => Promise<Arranged>): Promise<Planned> {
  const place = await arrange();
  const before = await place.world();
  const watch = new Watch();
  const plan = value(await action.plan(contextOf(place, watch), action.paramsSchema.parse(place.params)), "plan");
  const carried = action.planSchema.parse(JSON.parse(JSON.stringify(plan)));
  assert.deepEqual(carried, plan);
  assert.equal(watch.changes, 0, "plan reads only");
  assert.deepEqual(await place.world(), before, "plan reads only");
  return { ...place, before, plan: carried };
}

export function contextOf(place: Arranged, watch: Watch = new Watch()): ActionContext<Clients> {
  return {
    clients: place.clients(watch),
    clock: systemClock,
    log: createLog("conformance", "fatal"),
    fieldManager: "omega-inc-conformance",
    signal: AbortSignal.timeout(60_000),
  };
}

export function value<T>(outcome: Outcome<T>, where = ""): T {
  assert.ok(
    outcome.ok,
    outcome.ok ? "" : `${where} ${outcome.failure.kind} ${outcome.failure.code}: ${outcome.failure.message}`,
  );
  return outcome.value;
}

export function kindOf(outcome: Outcome<unknown>): string {
  return outcome.ok ? "ok" : outcome.failure.kind;
}
