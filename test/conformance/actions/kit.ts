import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ActionContext } from "@omega/shared/action.ts";
import { systemClock } from "@omega/shared/clock.ts";
import { createLog } from "@omega/shared/log.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import type { AnyAction } from "../../../agents/surgeon/src/actions/registry.ts";
import { differences, type JsonObject } from "../../../agents/surgeon/src/kubernetes/json-pointer.ts";
import type { Clients, KubernetesApi } from "../../../agents/surgeon/src/ports.ts";
import { at, worldOf, type ActionCase } from "./action-case.ts";
import type { Cluster } from "./cluster.ts";
import { elsewhere } from "./elsewhere.ts";
import { FaultyKubernetes, faults, type Fault } from "./faulty-kubernetes.ts";

/** Most of a test is waiting for controllers. */
const testsAtOnce = 4;

/** Enough for any rollout of the pretended kubelet; a run that needs it has failed. */
const actionDeadlineMs = 30_000;

/** One promise of design/actions.md; `check` rejects when the action breaks it. */
export interface ActionPromise {
  readonly title: string;
  readonly check: () => Promise<void>;
}
type Promising = (title: string, check: () => Promise<void>) => void;

export interface Setting {
  cluster(): Cluster;
  kubernetes(): KubernetesApi;
}

/** Registers the promises of design/actions.md as tests of one action. */
export function holdsItsPromises(action: AnyAction, example: ActionCase, setting: Setting): void {
  describe(action.type, { concurrency: testsAtOnce }, () => {
    for (const { title, check } of promisesOf(action, example, setting)) it(title, check);
  });
}

export function promisesOf(action: AnyAction, example: ActionCase, setting: Setting): ActionPromise[] {
  const bench = new Bench(action, example, setting);
  const promises: ActionPromise[] = [];
  const promise: Promising = (title, check) => void promises.push({ title, check });
  planPromises(bench, promise);
  executePromises(bench, promise);
  if (example.irreversible !== true) undoPromises(bench, promise);
  if (example.irreversible !== true && example.twoValued !== true) conflictPromises(bench, promise);
  identityPromises(bench, promise);
  faultPromises(bench, promise);
  return promises;
}

function planPromises(bench: Bench, promise: Promising): void {
  const { action } = bench;
  promise("plan and dryRun change nothing, and the plan passes through JSON", async () => {
    const { name, before, plan } = await bench.planned();
    const changes = value(await action.dryRun(bench.context(), plan));
    assert.ok(changes.length > 0, "a dry-run shows what would change");
    assert.deepEqual(await bench.world(name), before);
  });

  promise("what disturbs instances says how many of how many, so that a budget knows the share", async () => {
    const { plan } = await bench.planned();
    const { instances, ofInstances, unavailable = instances } = action.traits.blastRadius(plan);
    assert.ok(instances === 0 || ofInstances !== undefined, `${instances} instances of how many?`);
    assert.ok(unavailable <= Math.max(ofInstances ?? 0, instances), `${unavailable} of ${ofInstances}`);
  });
}

function executePromises(bench: Bench, promise: Promising): void {
  const { action, example, setting } = bench;
  promise("execute may run twice, and its second run writes nothing", async () => {
    const { name, before, plan } = await bench.planned();
    value(await action.execute(bench.context(), plan));
    const after = await bench.world(name);
    assert.notDeepEqual(after, before);
    const watched = new FaultyKubernetes(setting.kubernetes());
    value(await action.execute(bench.context(watched), plan));
    assert.equal(watched.writes, 0);
    assert.deepEqual(await bench.world(name), after);
  });

  promise("dryRun announces exactly what execute then does", async () => {
    const { name, before, plan } = await bench.planned();
    const changes = value(await action.dryRun(bench.context(), plan));
    value(await action.execute(bench.context(), plan));
    const after = await bench.world(name);
    for (const change of changes) {
      assert.deepEqual(at(before, change.path), change.before, change.path);
      assert.deepEqual(at(after, change.path), change.after, change.path);
    }
    // What ends an object ends all of its fields.
    if (bench.example.irreversible === true) return;
    for (const { path } of differences(before, after)) {
      assert.ok(
        changes.some((change) => `${path}/`.startsWith(`${change.path}/`)),
        `${path} changed without having been announced`,
      );
    }
  });

  promise("done means that its pods are as they should be", async () => {
    const { name, plan } = await bench.planned();
    value(await action.execute(bench.context(), plan));
    assert.ok(await (example.ended?.(setting.cluster(), name) ?? true));
  });
}

function faultPromises(bench: Bench, promise: Promising): void {
  for (const step of ["execute", "undo"] as const) {
    if (step === "undo" && bench.example.irreversible === true) continue;
    for (const fault of faults) {
      promise(`${step} survives every call being ${fault}`, () => bench.faultEveryCall(step, fault));
    }
  }
}

function undoPromises(bench: Bench, promise: Promising): void {
  const { action, setting } = bench;
  promise("undo restores the world exactly, and may run twice", async () => {
    const { name, before, plan } = await bench.planned();
    value(await action.execute(bench.context(), plan));
    value(await action.undo(bench.context(), plan));
    assert.deepEqual(await bench.world(name), before);
    const watched = new FaultyKubernetes(setting.kubernetes());
    value(await action.undo(bench.context(watched), plan));
    assert.equal(watched.writes, 0);
  });

  promise("undo leaves nothing of its own behind, even where an earlier attempt at it died in its midst", async () => {
    const { name, before, plan } = await bench.planned();
    let writes = 0;
    const dying = new FaultyKubernetes(setting.kubernetes(), undefined, () => {
      writes += 1;
      return writes === 2 ? Promise.reject(new Error("it died")) : Promise.resolve();
    });
    await action.undo({ ...bench.context(dying), interrupted: true }, plan).catch(() => undefined);
    value(await action.undo(bench.context(), plan));
    assert.deepEqual(await bench.world(name), before);
  });

  promise("undo of what never happened changes nothing", async () => {
    const { name, before, plan } = await bench.planned();
    value(await action.undo(bench.context(), plan));
    assert.deepEqual(await bench.world(name), before);
  });
}

function conflictPromises(bench: Bench, promise: Promising): void {
  const { action, example, setting } = bench;
  promise("undo leaves a later foreign change alone and says conflict", async () => {
    const { name, plan } = await bench.planned();
    value(await action.execute(bench.context(), plan));
    await example.foreignChange(setting.cluster(), name);
    const foreign = await bench.world(name);
    assert.equal(kindOf(await action.undo(bench.context(), plan)), "conflict");
    assert.deepEqual(await bench.world(name), foreign);
  });

  promise("undo leaves a foreign change alone that comes between its look and its write", async () => {
    const { name, plan } = await bench.planned();
    value(await action.execute(bench.context(), plan));
    await bench.raced("undo", name, plan);
  });

  promise("execute leaves a foreign change since the plan alone and says conflict", async () => {
    const { name, plan } = await bench.planned();
    await example.foreignChange(setting.cluster(), name);
    const foreign = await bench.world(name);
    assert.equal(kindOf(await action.execute(bench.context(), plan)), "conflict");
    assert.deepEqual(await bench.world(name), foreign);
  });

  promise("execute leaves a foreign change alone that comes between its look and its write", async () => {
    const { name, plan } = await bench.planned();
    await bench.raced("execute", name, plan);
  });
}

function identityPromises(bench: Bench, promise: Promising): void {
  const { action, example, setting } = bench;
  // What an irreversible action ends may have ended already: then it is done. What others change must still be there.
  const expected = example.irreversible === true ? "ok" : "conflict";
  promise("an object that was deleted and made anew is not ours", async () => {
    const { name, plan } = await bench.planned();
    await setting.cluster().delete(example.object(name));
    assert.equal(kindOf(await action.execute(bench.context(), plan)), expected);
    await example.arrange(setting.cluster(), name);
    const anew = await bench.world(name);
    assert.equal(kindOf(await action.execute(bench.context(), plan)), expected);
    assert.deepEqual(await bench.world(name), anew);
  });

  promise("what it may not do is terminal and has no effect", async () => {
    const { name, before, plan } = await bench.planned();
    const refused = forbidding(setting.kubernetes());
    const outcome = await action.execute(bench.context(refused), plan);
    assert.equal(kindOf(outcome), "terminal");
    assert.deepEqual(await bench.world(name), before);
  });
}

export interface Planned {
  readonly name: string;
  /** What was asked for, as the action's schema gives it. */
  readonly params: unknown;
  readonly before: JsonObject;
  readonly plan: unknown;
}

let made = 0;

export class Bench {
  readonly action: AnyAction;
  readonly example: ActionCase;
  readonly setting: Setting;

  constructor(action: AnyAction, example: ActionCase, setting: Setting) {
    this.action = action;
    this.example = example;
    this.setting = setting;
  }

  context(kubernetes: KubernetesApi = this.setting.kubernetes()): ActionContext<Clients> {
    return {
      clients: { kubernetes, ...elsewhere },
      clock: systemClock,
      log: createLog("conformance", "fatal"),
      fieldManager: "omega-inc-conformance",
      signal: AbortSignal.timeout(actionDeadlineMs),
    };
  }

  /** A fresh object with a plan for it that has been through JSON, as every plan on the stream has. */
  async planned(): Promise<Planned> {
    made += 1;
    const name = `w${process.pid}-${made}`;
    const params = this.action.paramsSchema.parse(await this.example.arrange(this.setting.cluster(), name));
    const before = await this.world(name);
    const plan = value(await this.action.plan(this.context(), params));
    const carried = this.action.planSchema.parse(JSON.parse(JSON.stringify(plan)));
    assert.deepEqual(carried, plan);
    assert.deepEqual(await this.world(name), before, "plan reads only");
    return { name, params, before, plan: carried };
  }

  world(name: string): Promise<JsonObject> {
    return worldOf(this.setting.cluster(), this.example, name);
  }

  /** Somebody changes the object after the action looked and before it writes. */
  async raced(step: "execute" | "undo", name: string, plan: unknown): Promise<void> {
    let foreign: JsonObject | undefined;
    const racing = new FaultyKubernetes(this.setting.kubernetes(), undefined, async () => {
      if (foreign !== undefined) return;
      await this.example.foreignChange(this.setting.cluster(), name);
      foreign = await this.world(name);
    });
    assert.equal(kindOf(await this.action[step](this.context(racing), plan)), "conflict");
    assert.deepEqual(await this.world(name), foreign);
  }

  /**
   * Runs the step once per call that it makes up to just after its write, with that call failing; then retries it, then takes it back.
   * After that the world is as it was, so the same plan serves for the next call.
   */
  async faultEveryCall(step: "execute" | "undo", fault: Fault): Promise<void> {
    let lastCall = 1;
    let { name, before, plan } = await this.planned();
    for (let at = 0; at <= lastCall; at += 1) {
      if (step === "undo") value(await this.action.execute(this.context(), plan));
      // Call 0 is none: the first run counts the calls.
      const faulty = new FaultyKubernetes(this.setting.kubernetes(), { at, fault });
      const outcome = await this.action[step](this.context(faulty), plan);
      const where = `call ${at} of ${step}, ${fault}`;
      if (at === 0) {
        value(outcome, where);
        assert.ok(faulty.lastWriteAt > 0, `${step} writes`);
        lastCall = faulty.lastWriteAt + 1;
      }
      if (!outcome.ok) {
        const { kind, code, message } = outcome.failure;
        assert.ok(["retryable", "unknown"].includes(kind), `${where}: ${kind} ${code}: ${message}`);
      }
      const retrying = new FaultyKubernetes(this.setting.kubernetes());
      value(await this.action[step](this.context(retrying), plan), `${where}: retried`);
      if (outcome.ok) assert.equal(retrying.writes, 0, `${where}: it said that it was done, and it was not`);
      if (this.example.irreversible === true) ({ name, before, plan } = await this.planned());
      else {
        value(await this.action.undo(this.context(), plan), `${where}: undone`);
        assert.deepEqual(await this.world(name), before, where);
      }
    }
  }
}

/** An API server whose RBAC lets everything be read and nothing be written. */
function forbidding(real: KubernetesApi): KubernetesApi {
  const refuse = (): Promise<Outcome<never>> =>
    Promise.resolve({ ok: false, failure: { kind: "terminal", code: "forbidden", message: "403" } });
  return { get: (ref) => real.get(ref), list: (scope) => real.list(scope), patch: refuse, evict: refuse };
}

function value<T>(outcome: Outcome<T>, where = ""): T {
  assert.ok(outcome.ok, outcome.ok ? "" : `${where} ${outcome.failure.code}: ${outcome.failure.message}`);
  return outcome.value;
}

function kindOf(outcome: Outcome<unknown>): string {
  return outcome.ok ? "ok" : outcome.failure.kind;
}
