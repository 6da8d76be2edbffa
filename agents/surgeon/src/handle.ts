import type { Draft } from "@omega/bus-schemas/catalogue.ts";
import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import type { ActionContext } from "@omega/shared/action.ts";
import type { EffectContext } from "@omega/shared/agent.ts";
import type { Clock } from "@omega/shared/clock.ts";
import type { Log } from "@omega/shared/log.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { targetKey } from "@omega/shared/panic/undoing.ts";
import type { AnyAction, Registry } from "./actions/registry.ts";
import { judgeFor, type CanaryRules } from "./canary-judge.ts";
import { about, resultOf, type Effect } from "./decide.ts";
import { readInventory, type NamespaceRules } from "./inventory.ts";
import { planRepair, proveRepair } from "./offer.ts";
import { gated } from "./gate.ts";
import type { Keeper } from "./keeper.ts";
import type { Clients } from "./ports.ts";
import { considerRemedies, type Remedies } from "./remedies.ts";
import { considerWorkload, inOrder, type Considered, type Refusal, type Repair } from "./repair-planner.ts";
import { RunningWork } from "./running-work.ts";
import type { SettingsHistory } from "./settings-history.ts";
import type { KnownAction, State } from "./state.ts";
import { fenceOff, titleOf, undoResult } from "./taking-back.ts";

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
  readonly keeper: Pick<Keeper, "gate" | "newest">;
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
    }
  }

  /** Running executions end at their next safe point; undos go on. */
  stopExecutions(): void {
    this.#running.stopAllExecutions();
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
      const says = `${action.actionType} on ${titleOf(action.target)} is done.`;
      return ok([about(context.cause, { type: "action.succeeded", data: { actionId, says, tookMs }, key: "result" })]);
    }
    if (isDraining(context, done.failure.kind)) return draining;
    return ok([resultOf(context.cause, actionId, done.failure)]);
  }

  async #undo(
    { start, action }: Extract<Effect, { do: "undo" }>,
    context: EffectContext<State>,
  ): Promise<Outcome<readonly Draft[]>> {
    const { clock } = this.#setting;
    const startedAt = clock.now();
    const { actionId } = start.data;
    this.#running.stopExecution(actionId);
    const done = await this.#run("undo", actionId, action, context);
    if (!done.ok && isDraining(context, done.failure.kind)) return draining;
    const now = clock.now();
    return ok([undoResult(start, action.target, done, { now, tookMs: now - startedAt })]);
  }

  /** One effect at a time on a target, within the action's deadline, repeated while nothing has changed yet. */
  async #run(
    step: "execute" | "undo",
    actionId: string,
    known: KnownAction,
    effect: EffectContext<State>,
  ): Promise<Outcome<void>> {
    const { clock, canary, keeper } = this.#setting;
    const action: AnyAction | undefined = this.#setting.registry.get(known.actionType);
    if (action === undefined) return fail("terminal", "action_unknown", `No action ${known.actionType} is installed.`);
    const plan = action.planSchema.safeParse(known.plan);
    if (!plan.success) return fail("terminal", "plan_unreadable", `The plan is no plan of ${known.actionType}.`);
    const work = { step, actionId, target: targetKey(known.target), signal: effect.signal };
    return await this.#running.run(work, (stop) =>
      this.#within(this.#setting.actionMs, stop, async (deadline) => {
        const shared = this.#contextFor(known.incidentId, deadline);
        const clients = gated(shared.clients, keeper.gate, { actionId, step, signal: deadline });
        // Looked at when its turn has come: until then an execution before it has ended, or this process stopped it.
        const deeds = await this.#patiently(deadline, () => keeper.newest(deadline));
        if (!deeds.ok) return deeds;
        const interrupted = deeds.value.byId.get(actionId)?.ended?.how !== "succeeded";
        return await this.#patiently(deadline, async () => {
          const judge = judgeFor(actionId, canary, { clock, effect, signal: deadline });
          const context = { ...shared, clients, interrupted };
          if (step === "undo") {
            const fenced = await fenceOff({ actionId, target: known.target, plan: plan.data, interrupted }, context);
            if (!fenced.ok) return fenced;
          }
          return await action[step](judge === undefined ? context : { ...context, judgeCanary: judge }, plan.data);
        });
      }),
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
