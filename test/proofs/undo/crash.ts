import type { DataOf, Draft, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Role } from "@omega/bus-schemas/define-event.ts";
import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import type { ActionContext } from "@omega/shared/action.ts";
import { systemClock, timeText } from "@omega/shared/clock.ts";
import { createLog } from "@omega/shared/log.ts";
import { fail, type Outcome } from "@omega/shared/outcome.ts";
import { evolveDeeds, noDeeds } from "@omega/shared/panic/deeds.ts";
import { undoStart } from "@omega/shared/panic/undoing.ts";
import { systemIds } from "@omega/shared/ids.ts";
import type { AnyAction, Registry } from "../../../agents/surgeon/src/actions/registry.ts";
import { about, resultOf } from "../../../agents/surgeon/src/decide.ts";
import { planRepair, proveRepair, type Bounds, type PlannedRepair } from "../../../agents/surgeon/src/offer.ts";
import type { Clients } from "../../../agents/surgeon/src/ports.ts";
import type { RemoteShell } from "../../../agents/surgeon/src/ssh/remote-shell.ts";
import { titleOf } from "../../../agents/surgeon/src/taking-back.ts";
import type { Place } from "./places.ts";

/** What is asked for, of what. */
export type Offered = Pick<Place, "kind" | "actionType" | "params">;

/** How far a Surgeon had come with an action, or with taking it back, when its process died. */
export type CrashStep =
  | { readonly at: "started" }
  /** So many changes of `execute`, or of `undo`, reached the target; the answer to the last one nobody heard. */
  | { readonly at: "execute cut"; readonly changes: number }
  | { readonly at: "executed" }
  | { readonly at: "succeeded" }
  | { readonly at: "outcome unknown" }
  | { readonly at: "undo begun" }
  | { readonly at: "undo cut"; readonly changes: number }
  | { readonly at: "undone" };

export function titleOfStep(step: CrashStep): string {
  return "changes" in step ? `${step.at} after change ${step.changes}` : step.at;
}

/** Every step of an action that makes so many changes. */
export function crashSteps({ execute, undo }: Changes): CrashStep[] {
  const cuts = <At extends "execute cut" | "undo cut">(at: At, count: number): { at: At; changes: number }[] =>
    Array.from({ length: count }, (_, index) => ({ at, changes: index + 1 }));
  return [
    { at: "started" },
    ...cuts("execute cut", execute),
    { at: "executed" },
    { at: "succeeded" },
    { at: "outcome unknown" },
    { at: "undo begun" },
    ...cuts("undo cut", undo),
    { at: "undone" },
  ];
}

/** How many calls of an action change the world. */
export interface Changes {
  readonly execute: number;
  readonly undo: number;
}

/** Clients of which each call goes through `call`, told whether it is to change the world. */
export function through(
  { kubernetes, ssh, webhooks }: Clients,
  call: <T>(changes: boolean, send: () => Promise<T>) => Promise<T>,
): Clients {
  return {
    kubernetes: {
      get: (ref) => call(false, () => kubernetes.get(ref)),
      list: (scope) => call(false, () => kubernetes.list(scope)),
      patch: (ref, operations, options) => call(!options.dryRun, () => kubernetes.patch(ref, operations, options)),
      evict: (pod, uid, options) => call(!options.dryRun, () => kubernetes.evict(pod, uid, options)),
    },
    ssh: {
      config: ssh.config,
      shell: {
        run: (command, signal) => call(command.effect === "change", () => ssh.shell.run(command, signal)),
        fence: (host, owner, signal) => call(false, () => ssh.shell.fence(host, owner, signal)),
      },
    },
    webhooks: {
      config: webhooks.config,
      http: { send: (one, signal) => call(one.effect === "change", () => webhooks.http.send(one, signal)) },
    },
  };
}

/** The clients of a process that dies as soon as so many of its changes have reached the world: from then on it does and hears nothing. */
class MortalClients {
  changes = 0;
  readonly clients: Clients;
  readonly died: Promise<void>;
  readonly #dieAfter: number;
  #die: () => void = () => undefined;
  #dead = false;

  constructor(clients: Clients, dieAfter = Number.POSITIVE_INFINITY) {
    this.#dieAfter = dieAfter;
    this.died = new Promise((resolve) => (this.#die = resolve));
    this.clients = through(clients, (changes, send) => this.#call(changes, send));
  }

  async #call<T>(changes: boolean, send: () => Promise<T>): Promise<T> {
    if (this.#dead) return await forever();
    const answer = await send();
    if (this.#dead) return await forever();
    if (!changes) return answer;
    this.changes += 1;
    if (this.changes < this.#dieAfter) return answer;
    this.#dead = true;
    this.#die();
    return await forever();
  }
}

const forever = <T>(): Promise<T> => new Promise<T>(() => undefined);

export interface Bench {
  readonly registry: Registry;
  readonly namespaces: Bounds["namespaces"];
  readonly clients: Clients;
}

/** Puts an event on the stream. */
export type Say = (role: Role, draft: Draft, causeId: string) => Promise<OmegaEvent>;

/** An action that was offered and ordered as Surgeon and the Coordinator would. */
export interface OrderedAction {
  readonly id: string;
  readonly incidentId: string;
  readonly planned: PlannedRepair;
  /** The order without its deadline: the rest of it is what `action.started` says. */
  readonly order: Omit<DataOf<"action.ordered">, "notAfter">;
  readonly events: { readonly proposed: OmegaEvent; readonly ordered: OmegaEvent };
}

let begun = 0;

export async function offerAndOrder(place: Offered, bench: Bench, say: Say): Promise<OrderedAction> {
  begun += 1;
  // A host remembers by its id what was taken back.
  const id = `act-${systemIds.random()}`;
  const incidentId = `inc-${process.pid}-${begun}`;
  const { planned, option } = await offered(place, incidentId, bench);
  const { optionId, actionType, target, plan, planHash } = option;
  const order = { actionId: id, optionId, actionType, target, plan, planHash, fence: 1 };
  const proposed = await say(
    "surgeon",
    { type: "remediation.proposed", incidentid: incidentId, data: { options: [option], refused: [], tookMs: 0 } },
    systemIds.random(),
  );
  const data = { ...order, notAfter: timeText(Date.now() + orderedForMs) };
  const ordered = await say("coordinator", { type: "action.ordered", incidentid: incidentId, data }, proposed.id);
  return { id, incidentId, planned, order, events: { proposed, ordered } };
}

/** A Surgeon that offers an action, gets its order, and dies at the step. What it had said is on the stream, what it had done is done. */
export async function actAndDie(place: Offered, step: CrashStep, bench: Bench, say: Say): Promise<string> {
  const { id, incidentId, planned, order, events } = await offerAndOrder(place, bench, say);
  const { proposed, ordered } = events;
  const { action, plan, target } = planned;
  const started = await say("surgeon", about(ordered, { type: "action.started", data: order }), ordered.id);
  const run = (which: "execute" | "undo", changes?: number): Promise<number> =>
    perform(action, which, plan, { bench, incidentId, owner: id, ...(changes === undefined ? {} : { changes }) });
  if (step.at === "started") return id;
  if (step.at === "outcome unknown" || step.at === "execute cut") {
    await run("execute", step.at === "execute cut" ? step.changes : 1);
    if (step.at === "outcome unknown") {
      const reason = fail("unknown", "no_answer", "Nobody heard what became of it.").failure;
      await say("surgeon", resultOf(started, id, reason), started.id);
    }
    return id;
  }
  await run("execute");
  if (step.at === "executed") return id;
  const says = `${order.actionType} on ${titleOf(target)} is done.`;
  const succeeded = await say(
    "surgeon",
    about(started, { type: "action.succeeded", data: { actionId: id, says, tookMs: 0 }, key: "result" }),
    started.id,
  );
  if (step.at === "succeeded") return id;
  const undoOrdered = await say(
    "operator",
    {
      type: "undo.ordered",
      incidentid: incidentId,
      data: { actionId: id, fence: 0, reason: "person", by: { kind: "person", name: "somebody" } },
    },
    succeeded.id,
  );
  await sayUndoStarted([proposed, ordered, started, succeeded, undoOrdered], id, say);
  if (step.at === "undo begun") return id;
  await run("undo", step.at === "undo cut" ? step.changes : undefined);
  return id;
}

/** Longer than any batch takes. */
const orderedForMs = 3_600_000;

async function sayUndoStarted(events: readonly OmegaEvent[], actionId: string, say: Say): Promise<void> {
  const deeds = events.reduce((so, event) => evolveDeeds(so, event, Date.now()), noDeeds);
  const deed = deeds.byId.get(actionId);
  if (deed === undefined) throw new Error(`${actionId} has no start`);
  const { causeId, draft } = undoStart(deed);
  await say("surgeon", draft, causeId);
}

/** Counts the changes of an action on a place that is used for nothing else. */
export async function changesOf(place: Offered, bench: Bench): Promise<Changes> {
  const { planned } = await offered(place, "inc-counted", bench);
  const counted = { bench, incidentId: "inc-counted" };
  const execute = await perform(planned.action, "execute", planned.plan, counted);
  return { execute, undo: await perform(planned.action, "undo", planned.plan, counted) };
}

export async function offered(
  place: Offered,
  incidentId: string,
  bench: Bench,
): Promise<{ planned: PlannedRepair; option: RepairOption }> {
  const context = contextOf(bench.clients, incidentId);
  const { actionType, params } = place;
  const planned = value(
    await planRepair({ actionType, params, reasons: [], warnings: [] }, bench, context),
    place.kind,
  );
  const option = value(await proveRepair(planned, incidentId, context), place.kind);
  return { planned, option };
}

/** Runs the step to its end, or to the death of its process; answers how many changes reached the world. */
async function perform(
  action: AnyAction,
  which: "execute" | "undo",
  plan: unknown,
  { bench, incidentId, owner, changes }: { bench: Bench; incidentId: string; owner?: string; changes?: number },
): Promise<number> {
  const mortal = new MortalClients(which === "execute" ? ownedBy(owner, bench.clients) : bench.clients, changes);
  const done = await Promise.race([action[which](contextOf(mortal.clients, incidentId), plan), mortal.died]);
  if (done !== undefined) value(done, `${action.type}: ${which}`);
  return mortal.changes;
}

/** As Surgeon's gate marks the commands of an execution. */
function ownedBy(owner: string | undefined, clients: Clients): Clients {
  if (owner === undefined) return clients;
  const { config, shell } = clients.ssh;
  const run: RemoteShell["run"] = (command, signal) => shell.run({ ...command, owner }, signal);
  return { ...clients, ssh: { config, shell: { run, fence: (...given) => shell.fence(...given) } } };
}

export function contextOf(clients: Clients, incidentId: string): ActionContext<Clients> {
  return {
    clients,
    clock: systemClock,
    log: createLog("proof", "fatal"),
    fieldManager: `omega-${incidentId}`,
    signal: AbortSignal.timeout(120_000),
  };
}

export function value<T>(outcome: Outcome<T>, where: string): T {
  if (outcome.ok) return outcome.value;
  const { kind, code, message } = outcome.failure;
  throw new Error(`${where}: ${kind} ${code}: ${message}`);
}
