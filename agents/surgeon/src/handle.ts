import type { Draft, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import type { ActionContext } from "@omega/shared/action.ts";
import type { EffectContext } from "@omega/shared/agent.ts";
import type { Clock } from "@omega/shared/clock.ts";
import type { Log } from "@omega/shared/log.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import type { AnyAction, Registry } from "./actions/registry.ts";
import { judgeFor, type CanaryRules } from "./canary-judge.ts";
import { about, resultOf, type Effect } from "./decide.ts";
import { readInventory, type NamespaceRules } from "./inventory.ts";
import { planRepair, proveRepair } from "./offer.ts";
import type { Clients } from "./ports.ts";
import { considerRemedies, type Remedies } from "./remedies.ts";
import { considerWorkload, inOrder, type Considered, type Refusal, type Repair } from "./repair-planner.ts";
import { RunningWork } from "./running-work.ts";
import type { SettingsHistory } from "./settings-history.ts";
import type { KnownAction, State } from "./state.ts";

const attemptsMax = 5;
const retryDelayMs = 500;
const optionsMax = 8;

export interface HandlerSetting {
  readonly registry: Registry;
  readonly clients: Clients;
  readonly clock: Clock;
  readonly log: Log;
  readonly namespaces: NamespaceRules;
  readonly history: SettingsHistory;
  readonly remedies: Remedies;
  readonly canary: CanaryRules;
  readonly proposeMs: number;
  readonly actionMs: number;
}

/** Performs Surgeon's effects. It decides nothing that replay would need: what may run was decided before. */
export class Handler {
  readonly #setting: HandlerSetting;
  readonly #running = new RunningWork();

  constructor(setting: HandlerSetting) {
    this.#setting = setting;
  }

  async perform(effect: Effect, context: EffectContext<State>): Promise<Outcome<readonly Draft[]>> {
    switch (effect.do) {
      case "propose":
        return ok([await this.#propose(effect, context)]);
      case "execute":
        return await this.#execute(effect, context);
      case "undo":
        return await this.#undo(effect, context);
      case "stop-running":
        this.#running.stopAllExecutions();
        return ok([]);
    }
  }

  async #propose(effect: Extract<Effect, { do: "propose" }>, { cause, signal }: EffectContext<State>): Promise<Draft> {
    const { clock, clients, namespaces, history, proposeMs, registry, remedies } = this.#setting;
    const startedAt = clock.now();
    const options: RepairOption[] = [];
    const refused: Refusal[] = [];
    await this.#within(proposeMs, signal, async (deadline) => {
      const inventory = await this.#patiently(deadline, () =>
        readInventory(clients.kubernetes, namespaces, history, effect.request.cause.service),
      );
      const request = { ...effect.request, requestedAt: cause.time };
      const inCluster: Considered[] = inventory.ok
        ? considerWorkload(request, inventory.value)
        : [{ actionType: "k8s", reason: inventory.failure.message.slice(0, 1024) }];
      const outside = considerRemedies(request.cause, { registry, remedies, ssh: clients.ssh.config });
      const considered = inOrder(request, [...inCluster, ...outside]);
      refused.push(...considered.refused);
      const first = considered.repairs.slice(0, optionsMax);
      // At once, so that a host that does not answer costs the others nothing; in the order of their weight all the same.
      const offered = await Promise.all(
        first.map((repair) => this.#patiently(deadline, () => this.#offer(repair, effect.incidentId, deadline))),
      );
      for (const [at, option] of offered.entries()) {
        if (option.ok) options.push(option.value);
        else refused.push({ actionType: first[at]?.actionType ?? "", reason: option.failure.message.slice(0, 1024) });
      }
    });
    return about(cause, {
      type: "remediation.proposed",
      data: { options, refused: refused.slice(0, 32), tookMs: clock.now() - startedAt },
    });
  }

  /** Plans and dry-runs one repair. What does not get through is refused with its reason. */
  async #offer(repair: Repair, incidentId: string, signal: AbortSignal): Promise<Outcome<RepairOption>> {
    const context = this.#contextFor(incidentId, signal);
    const planned = await planRepair(repair, this.#setting, context);
    return planned.ok ? await proveRepair(planned.value, incidentId, context) : planned;
  }

  async #execute(
    { actionId, action }: Extract<Effect, { do: "execute" }>,
    context: EffectContext<State>,
  ): Promise<Outcome<readonly Draft[]>> {
    const startedAt = this.#setting.clock.now();
    const done = await this.#run("execute", actionId, action, context);
    if (done.ok) {
      const tookMs = this.#setting.clock.now() - startedAt;
      const says = `${action.actionType} on ${titleOf(action)} is done.`;
      return ok([about(context.cause, { type: "action.succeeded", data: { actionId, says, tookMs }, key: "result" })]);
    }
    if (isDraining(context, done.failure.kind)) return draining;
    return ok([resultOf(context.cause, actionId, done.failure)]);
  }

  async #undo(
    { actionId, action }: Extract<Effect, { do: "undo" }>,
    context: EffectContext<State>,
  ): Promise<Outcome<readonly Draft[]>> {
    const startedAt = this.#setting.clock.now();
    this.#running.stopExecution(actionId);
    const done = await this.#run("undo", actionId, action, context);
    if (!done.ok && isDraining(context, done.failure.kind)) return draining;
    return ok([this.#undoResult(context.cause, actionId, action, done, this.#setting.clock.now() - startedAt)]);
  }

  #undoResult(cause: OmegaEvent, actionId: string, action: KnownAction, done: Outcome<void>, tookMs: number): Draft {
    const key = "result";
    if (done.ok) {
      const says = `${titleOf(action)} is as it was before.`;
      return about(cause, { type: "undo.done", data: { actionId, says, tookMs }, key });
    }
    const { failure } = done;
    if (failure.kind === "conflict") {
      return about(cause, { type: "undo.conflicted", data: { actionId, failure, differs: [] }, key });
    }
    return about(cause, { type: "undo.failed", data: { actionId, failure, attempt: 1 }, key });
  }

  /** One effect at a time on a target, within the action's deadline, repeated while nothing has changed yet. */
  async #run(
    step: "execute" | "undo",
    actionId: string,
    known: KnownAction,
    effect: EffectContext<State>,
  ): Promise<Outcome<void>> {
    const { clock, canary } = this.#setting;
    const action: AnyAction | undefined = this.#setting.registry.get(known.actionType);
    if (action === undefined) return fail("terminal", "action_unknown", `No action ${known.actionType} is installed.`);
    const plan = action.planSchema.safeParse(known.plan);
    if (!plan.success) return fail("terminal", "plan_unreadable", `The plan is no plan of ${known.actionType}.`);
    const work = { step, actionId, target: titleOf(known), signal: effect.signal };
    return await this.#running.run(work, (stop) =>
      this.#within(this.#setting.actionMs, stop, (deadline) =>
        this.#patiently(deadline, () => {
          const judge = judgeFor(actionId, canary, { clock, effect, signal: deadline });
          const context = this.#contextFor(known.incidentId, deadline);
          return action[step](judge === undefined ? context : { ...context, judgeCanary: judge }, plan.data);
        }),
      ),
    );
  }

  #contextFor(incidentId: string, signal: AbortSignal): ActionContext<Clients> {
    const { clients, clock, log } = this.#setting;
    return { clients, clock, log, signal, fieldManager: `omega-${incidentId}`.slice(0, 128) };
  }

  /** Repeats what failed with nothing changed, a few times and not past the deadline. */
  async #patiently<T>(deadline: AbortSignal, attempt: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    for (let count = 1; ; count += 1) {
      const outcome = await attempt();
      if (outcome.ok || outcome.failure.kind !== "retryable" || count === attemptsMax || deadline.aborted) {
        return outcome;
      }
      this.#setting.log.warn({ failure: outcome.failure, attempt: count }, "trying again");
      await this.#setting.clock.sleep(retryDelayMs * count, deadline);
    }
  }

  async #within<T>(limitMs: number, outer: AbortSignal, work: (deadline: AbortSignal) => Promise<T>): Promise<T> {
    const ended = new AbortController();
    const late = new AbortController();
    const timer = this.#setting.clock.sleep(limitMs, ended.signal).then(() => late.abort());
    try {
      return await work(AbortSignal.any([outer, late.signal]));
    } finally {
      ended.abort();
      await timer;
    }
  }
}

/** The process is going down and the effect is half seen: the message comes again to whoever is up next. */
const draining = fail("retryable", "draining", "This Surgeon is stopping; the effect is looked at again.");

function isDraining({ signal }: EffectContext<State>, kind: string): boolean {
  return signal.aborted && (kind === "unknown" || kind === "retryable");
}

function titleOf({ target }: KnownAction): string {
  const place = target.namespace === undefined ? target.name : `${target.namespace}/${target.name}`;
  return target.kind === undefined ? `${target.system} ${place}` : `${target.kind} ${place}`;
}
