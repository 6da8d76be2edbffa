import type { Draft, EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { busIdentity } from "@omega/shared/bus-identity.ts";
import { systemClock } from "@omega/shared/clock.ts";
import { sealEvent } from "@omega/shared/event-codec.ts";
import { createLog, type Log } from "@omega/shared/log.ts";
import { NatsBus } from "@omega/shared/nats-bus.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { configFromCommandLine } from "@omega/shared/process-config.ts";
import { Keyring, loadSigner } from "@omega/shared/signing.ts";
import { loadActions, type Registry } from "./actions/registry.ts";
import { openClients } from "./clients.ts";
import { surgeonConfigSchema, type SurgeonConfig } from "./config.ts";
import { gated } from "./gate.ts";
import { Keeper } from "./keeper.ts";
import type { Clients } from "./ports.ts";
import { fenceOff, undoResult } from "./taking-back.ts";

// `omega panic --direct` and `omega undo --direct`: takes back, in a person's name and by this process alone, whatever the stream wants
// taken back. It needs the bus and the targets, and no other process of Omega. It has no way to execute anything.

const unavailableCode = 69;
const sayAttempts = 10;
const sayAgainMs = 500;

interface HandsAround {
  readonly config: SurgeonConfig;
  readonly registry: Registry;
  readonly clients: Clients;
  readonly log: Log;
  readonly signal: AbortSignal;
  say(draft: Draft, causeId: string): Promise<Outcome<OmegaEvent>>;
}

/** Undoes that are wanted, one per action, each with the plan that its start put on the stream. */
class Hands {
  readonly #plans = new Map<string, EventOf<"action.started">>();
  readonly #begun = new Map<string, EventOf<"undo.started">>();
  readonly #inHand = new Set<string>();
  readonly #around: HandsAround;

  constructor(around: HandsAround) {
    this.#around = around;
  }

  onEvent(event: OmegaEvent): void {
    if (event.type === "action.started" && !this.#plans.has(event.data.actionId))
      this.#plans.set(event.data.actionId, event);
    if (event.type === "undo.started") this.#begun.set(event.data.actionId, event);
  }

  /** Takes up what is being taken back and is in nobody's hands here: a Surgeon may have begun it and died. */
  takeUp(keeper: Keeper): void {
    for (const { actionId, undo } of keeper.deeds.byId.values()) {
      const start = this.#begun.get(actionId);
      if (undo.state !== "undoing" || start === undefined || this.#inHand.has(start.id)) continue;
      this.#inHand.add(start.id);
      void this.#takeBack(start, keeper);
    }
  }

  async #takeBack(start: EventOf<"undo.started">, keeper: Keeper): Promise<void> {
    const { config, log } = this.#around;
    const startedAt = systemClock.now();
    const deadline = AbortSignal.any([this.#around.signal, AbortSignal.timeout(config.deadlines.actionMs)]);
    const plan = this.#plans.get(start.data.actionId);
    const done = await this.#undo(plan, start, keeper, deadline);
    // Interrupted: whoever comes next looks at it again.
    if (this.#around.signal.aborted && !done.ok) return;
    const now = systemClock.now();
    const target = plan?.data.target ?? { system: "kubernetes" as const, name: start.data.actionId };
    const said = await this.#around.say(undoResult(start, target, done, { now, tookMs: now - startedAt }), start.id);
    if (!said.ok) {
      log.error({ failure: said.failure, actionId: start.data.actionId }, "what became of it could not be said");
      this.#inHand.delete(start.id);
    }
  }

  async #undo(
    started: EventOf<"action.started"> | undefined,
    start: EventOf<"undo.started">,
    keeper: Keeper,
    signal: AbortSignal,
  ): Promise<Outcome<void>> {
    const { clients, registry, log } = this.#around;
    const { actionId } = start.data;
    if (started === undefined)
      return fail("terminal", "action_unknown", `The stream does not hold the start of ${actionId}.`);
    const { actionType } = started.data;
    const action = registry.get(actionType);
    if (action === undefined) return fail("terminal", "action_unknown", `No action ${actionType} is installed.`);
    const plan = action.planSchema.safeParse(started.data.plan);
    if (!plan.success) return fail("terminal", "plan_unreadable", `The plan is no plan of ${actionType}.`);
    const context = {
      clients: gated(clients, keeper.gate, { actionId, step: "undo", signal }),
      clock: systemClock,
      log,
      signal,
      fieldManager: `omega-${started.incidentid ?? "direct"}`.slice(0, 128),
      interrupted: keeper.deeds.byId.get(actionId)?.ended?.how !== "succeeded",
    };
    const { target } = started.data;
    const fenced = await fenceOff({ actionId, target, plan: plan.data, interrupted: context.interrupted }, context);
    return fenced.ok ? await action.undo(context, plan.data) : fenced;
  }
}

/** Runs until SIGTERM or SIGINT: whoever started it sees on the stream when all is done. Exit code 69: the bus can't be reached. */
async function run(config: SurgeonConfig): Promise<void> {
  const log = createLog("surgeon-direct", config.log.level);
  const stopping = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stopping.abort());
  const { signal } = stopping;
  const connected = await NatsBus.connect({
    servers: config.bus.servers,
    name: "omega-direct",
    identity: busIdentity(config.keys, "operator"),
  });
  if (!connected.ok) {
    process.stderr.write(`${connected.failure.message}\n`);
    process.exitCode = unavailableCode;
    return;
  }
  const bus = connected.value;
  const signer = loadSigner(config.keys, "operator");
  const say = async (draft: Draft, causeId: string): Promise<Outcome<OmegaEvent>> => {
    const sealed = sealEvent(draft, { signer, source: "/omega/operator/direct", now: systemClock.now(), causeId });
    for (let attempt = 1; ; attempt += 1) {
      const published = await bus.publish(sealed);
      if (published.ok) return ok(sealed.event);
      if (published.failure.kind !== "retryable" || attempt === sayAttempts) return published;
      await systemClock.sleep(sayAgainMs, signal);
    }
  };
  const { clients, close } = openClients(config, log, process.env);
  const hands = new Hands({ config, registry: await loadActions(), clients, log, signal, say });
  const keeper: Keeper = new Keeper({
    bus,
    keyring: new Keyring(config.keys),
    clock: systemClock,
    log,
    signal,
    say,
    stopExecutions: () => undefined,
    onEvent: (event) => hands.onEvent(event),
    onChange: () => hands.takeUp(keeper),
  });
  await keeper.run();
  close();
  await bus.close();
}

const given = configFromCommandLine({
  name: "surgeon",
  program: "agents/surgeon/src/direct-main.ts",
  schema: surgeonConfigSchema,
});
if (given !== undefined) await run(given.config);
