import type { Draft, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Role } from "@omega/bus-schemas/define-event.ts";
import { omegaStream } from "@omega/bus-schemas/streams.ts";
import type { Bus, Delivery, WorkQueue } from "./bus.ts";
import type { Clock } from "./clock.ts";
import { DeadlineTimer } from "./deadline-timer.ts";
import { openEvent } from "./event-codec.ts";
import type { Ids } from "./ids.ts";
import { HistoryLost, KnownPast } from "./known-past.ts";
import type { Log } from "./log.ts";
import type { Failure, Outcome } from "./outcome.ts";
import type { Keyring, Signer } from "./signing.ts";
import { StreamFold } from "./stream-fold.ts";
import { inSpan } from "./telemetry.ts";
import { Voice } from "./voice.ts";

/** The processes on the bus; people (`operator`) have no agent. */
export type AgentRole = Exclude<Role, "operator">;

/** What the decider is told besides event and state. Replay gives the recorded values, so decisions come out the same. */
export interface Moment {
  /** When the stream stored the event, milliseconds since the epoch. */
  readonly now: number;
  /** The fencing token of this leadership; 0 for agents that need none. */
  readonly fence: number;
}

export interface Decision<Effect> {
  readonly say: readonly Draft[];
  readonly perform: readonly Effect[];
}

/** A draft that follows from an event other than the one in hand, such as a deadline. */
export interface CausedDraft {
  readonly causeId: string;
  /** The trace that it belongs to, as W3C traceparent. */
  readonly traceparent?: string | undefined;
  readonly draft: Draft;
}

/** What an effect may use: the newest state, and a voice for what must be on the stream before the effect ends. */
export interface EffectContext<State> {
  readonly cause: OmegaEvent;
  readonly signal: AbortSignal;
  state(): State;
  /** Stores the event durably before it returns; a failure means that it may not be there. */
  say(draft: Draft): Promise<Outcome<OmegaEvent>>;
}

/** An agent: a fold, a pure decision, and the effects that it performs through its ports. */
export interface AgentDefinition<State, Effect> {
  readonly role: AgentRole;
  readonly version: string;
  readonly ackWaitMs: number;
  /** After so many deliveries the message is parked and `agent.faulted` says so. */
  readonly deliveriesMax: number;
  /** Messages in work at once; 1 gives strict stream order, which a decider that is replayed needs. */
  readonly concurrency: number;
  readonly initialState: State;
  /** `storedAt`: when the stream stored the event, milliseconds since the epoch. */
  evolve(state: State, event: OmegaEvent, storedAt: number): State;
  decide(event: OmegaEvent, state: State, moment: Moment): Decision<Effect>;
  /** Ends with the events to say. A retryable failure brings the message back later; any other parks it. */
  perform(effect: Effect, context: EffectContext<State>): Promise<Outcome<readonly Draft[]>>;
  /** The trace that the handling of this event belongs to, where it is another than the event's own: an incident is one trace. */
  traceparentOf?(state: State, event: OmegaEvent): string | undefined;
  /** What to say before the first message is taken, from the state that the stream left: what this process goes by and the stream lacks. */
  opening?(state: State): readonly Draft[];
  /** Time of the next deadline of this state, and what to say when one has passed. */
  nextDeadline?(state: State): number | undefined;
  passedDeadlines?(state: State, now: number): readonly CausedDraft[];
}

export interface AgentSurroundings {
  readonly bus: Bus;
  readonly signer: Signer;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Distinguishes replicas, e.g. `surgeon-4242`. */
  readonly instance: string;
  readonly fence: number;
}

export interface RunningAgent<State> {
  state(): State;
  /** Says something that follows from no event, such as a signal. `causeId` and the draft's key make its id. */
  say(draft: Draft, causeId: string): Promise<Outcome<OmegaEvent>>;
  /** Takes no more work, ends what is in flight, resolves when done. */
  stop(): Promise<void>;
  /** Rejects when the agent met a bug: the process must exit and the message comes again. */
  readonly done: Promise<void>;
}

const retryDelayMs = 500;
const drainMs = 10_000;

/**
 * Runs an agent on the bus: folds the stream, then takes each message, decodes and verifies it once, folds it, decides, performs, says
 * what follows with ids derived from its cause, and acknowledges. A crash at any point is mended by redelivery: what was said has the
 * same id again, and what was performed is looked at again.
 */
export async function runAgent<State, Effect>(
  definition: AgentDefinition<State, Effect>,
  surroundings: AgentSurroundings,
): Promise<RunningAgent<State>> {
  const loop = new AgentLoop(definition, surroundings);
  await loop.catchUp();
  await loop.announce();
  const done = loop.run();
  // Whoever holds the agent awaits `done`; until then a bug must not count as unhandled.
  done.catch(() => undefined);
  return {
    state: () => loop.state,
    say: (draft, causeId) => loop.sayFresh(draft, causeId),
    stop: async () => {
      loop.stop();
      await done;
    },
    done,
  };
}

class AgentLoop<State, Effect> {
  readonly #definition: AgentDefinition<State, Effect>;
  readonly #around: AgentSurroundings;
  readonly #queue: WorkQueue;
  readonly #stopping = new AbortController();
  /** Aborts effects that are still running when the drain time is over. */
  readonly #cutting = new AbortController();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #fold: StreamFold<State>;
  /** In strict order: the last message whose decisions are all said. It may be delivered again when the acknowledgement was lost. */
  #decidedSeq = 0;
  readonly #past: KnownPast;
  readonly #voice: Voice;
  readonly #deadline: DeadlineTimer;
  #bug: unknown;

  constructor(definition: AgentDefinition<State, Effect>, around: AgentSurroundings) {
    this.#definition = definition;
    this.#around = around;
    const { bus, clock } = around;
    this.#past = new KnownPast({ bus, clock, signal: this.#cutting.signal, onLost: (lost) => this.#fail(lost) });
    this.#voice = new Voice({ role: definition.role, around, past: this.#past, signal: this.#cutting.signal });
    this.#deadline = new DeadlineTimer({
      clock,
      passed: () => this.#sayPassed(),
      onBug: (error) => this.#fail(error),
    });
    this.#fold = new StreamFold({
      role: definition.role,
      bus: around.bus,
      keyring: around.keyring,
      initialState: definition.initialState,
      evolve: (state, event, storedAt) => definition.evolve(state, event, storedAt),
      ownDecisionsAtOnce: this.#strict,
      onRead: (message) => this.#past.note(message),
    });
    this.#queue = {
      durable: `${definition.role}-work`,
      ackWaitMs: definition.ackWaitMs,
      maxAckPending: definition.concurrency,
    };
  }

  get state(): State {
    return this.#fold.state;
  }

  get #strict(): boolean {
    return this.#definition.concurrency === 1;
  }

  /**
   * Folds what is already decided. In strict order that is everything up to the acknowledged floor, so that the next message meets the
   * state it would have met; otherwise everything there is, so that a redelivered message meets its own results.
   */
  async catchUp(): Promise<void> {
    const { bus } = this.#around;
    const { signal } = this.#stopping;
    if (this.#strict) await this.#fold.foldDecidedTo(await bus.ackFloor(this.#queue), signal);
    else await this.#fold.foldTo(await bus.lastSeq(), signal);
  }

  async announce(): Promise<void> {
    const { ids, instance } = this.#around;
    await this.sayFresh(
      {
        type: "agent.started",
        data: {
          agent: this.#definition.role,
          instance,
          pid: process.pid,
          version: this.#definition.version,
          foldedSeq: this.#fold.seq,
        },
      },
      ids.random(),
    );
    for (const draft of this.#definition.opening?.(this.state) ?? []) await this.sayFresh(draft, ids.random());
  }

  stop(): void {
    this.#stopping.abort();
    this.#deadline.stop();
  }

  /** A bug ends the process. What rests on a lost history ends at once, at its next safe point. */
  #fail(error: unknown): void {
    this.#bug ??= error;
    if (error instanceof HistoryLost) this.#cutting.abort();
    this.stop();
  }

  async run(): Promise<void> {
    this.#armDeadline();
    try {
      for await (const delivery of this.#around.bus.work(this.#queue, this.#stopping.signal)) {
        await this.#take(delivery);
        if (this.#bug !== undefined) break;
      }
    } catch (error) {
      this.#fail(error);
    }
    this.stop();
    const drained = new AbortController();
    void this.#around.clock.sleep(drainMs, drained.signal).then(() => this.#cutting.abort());
    await Promise.all(this.#inFlight);
    drained.abort();
    if (this.#bug !== undefined) throw this.#bug;
  }

  async sayFresh(draft: Draft, causeId: string, parent?: string): Promise<Outcome<OmegaEvent>> {
    return await inSpan(
      `say ${draft.type}`,
      { kind: "producer", parent, attributes: { "messaging.system": "nats" } },
      (traceparent) => this.#voice.say(draft, causeId, traceparent),
    );
  }

  async #take(delivery: Delivery): Promise<void> {
    if (!(await this.#past.assure()).ok) return;
    await this.#fold.foldTo(delivery.seq - 1, this.#stopping.signal);
    const opened = openEvent(delivery.body, delivery.subject, this.#around.keyring, delivery.storedAt);
    if (!opened.ok) {
      this.#fold.skip(delivery);
      await this.#park(delivery, opened.failure);
      return;
    }
    const event = opened.value;
    const taken = this.#fold.take(event, delivery);
    if (taken === "foreign" && !(await this.#past.look()).ok) return;
    this.#armDeadline();
    if (taken === "repeated" || (this.#strict && delivery.seq <= this.#decidedSeq)) {
      await delivery.ack();
      return;
    }
    if (delivery.deliveries > this.#definition.deliveriesMax) {
      await this.#park(delivery, {
        kind: "terminal",
        code: "deliveries_exhausted",
        message: `${event.type} ${event.id} was not handled in ${this.#definition.deliveriesMax} deliveries.`,
      });
      return;
    }
    const handling = this.#handle(event, delivery).catch((error: unknown) => this.#fail(error));
    this.#inFlight.add(handling);
    void handling.finally(() => this.#inFlight.delete(handling));
    if (this.#strict) await handling;
  }

  async #handle(event: OmegaEvent, delivery: Delivery): Promise<void> {
    const { say, perform } = this.#definition.decide(event, this.state, {
      now: delivery.storedAt,
      fence: this.#around.fence,
    });
    if (say.length + perform.length === 0) {
      this.#decidedSeq = Math.max(this.#decidedSeq, delivery.seq);
      await delivery.ack();
      return;
    }
    const attributes = {
      "messaging.system": "nats",
      "messaging.destination.name": omegaStream.name,
      "messaging.message.id": event.id,
      "omega.event.type": event.type,
      ...(event.incidentid === undefined ? {} : { "omega.incident.id": event.incidentid }),
    };
    const failure = await inSpan(
      `process ${event.type}`,
      {
        kind: "consumer",
        parent: this.#definition.traceparentOf?.(this.state, event) ?? event.traceparent,
        attributes,
      },
      (traceparent) => this.#answer(event, delivery, { say, perform }, traceparent),
    );
    if (failure === undefined) await delivery.ack();
    else if (failure.kind === "retryable") delivery.nak(retryDelayMs * delivery.deliveries);
    else await this.#park(delivery, failure);
  }

  async #answer(
    event: OmegaEvent,
    delivery: Delivery,
    decision: Decision<Effect>,
    traceparent: string | undefined,
  ): Promise<Failure | undefined> {
    const busy = setInterval(() => delivery.working(), Math.max(50, this.#definition.ackWaitMs / 3));
    const say = (draft: Draft): Promise<Outcome<OmegaEvent>> => this.#voice.say(draft, event.id, traceparent);
    try {
      const decided: OmegaEvent[] = [];
      for (const draft of decision.say) {
        const said = await say(draft);
        if (!said.ok) return said.failure;
        decided.push(said.value);
      }
      // All or none: half a decision in the state would make the redelivered message decide something else.
      for (const own of decided) this.#fold.decided(own, delivery.storedAt);
      this.#decidedSeq = Math.max(this.#decidedSeq, delivery.seq);
      this.#armDeadline();
      for (const effect of decision.perform) {
        const same = await this.#past.assure();
        if (!same.ok) return same.failure;
        const performed = await this.#definition.perform(effect, {
          cause: event,
          signal: this.#cutting.signal,
          state: () => this.state,
          say,
        });
        if (!performed.ok) return performed.failure;
        for (const draft of performed.value) {
          const said = await say(draft);
          if (!said.ok) return said.failure;
        }
      }
      return undefined;
    } finally {
      clearInterval(busy);
    }
  }

  /** Ends a message that can't be handled. It stays in the stream; `agent.faulted` has one id for all agents that can't read it. */
  async #park(delivery: Delivery, failure: Failure): Promise<void> {
    const { log } = this.#around;
    log.error({ seq: delivery.seq, subject: delivery.subject, failure }, "parked a message");
    const said = await this.sayFresh(
      {
        type: "agent.faulted",
        data: {
          agent: this.#definition.role,
          seq: delivery.seq,
          subject: delivery.subject,
          deliveries: delivery.deliveries,
          failure,
        },
      },
      `${omegaStream.name}:${delivery.seq}`,
    );
    if (said.ok) delivery.term();
    else delivery.nak(retryDelayMs);
  }

  #armDeadline(): void {
    if (!this.#stopping.signal.aborted) this.#deadline.arm(this.#definition.nextDeadline?.(this.state));
  }

  /** What is said of a passed deadline comes back over the stream and is decided on like everything else. */
  async #sayPassed(): Promise<boolean> {
    const passed = this.#definition.passedDeadlines?.(this.state, this.#around.clock.now()) ?? [];
    const said: Outcome<OmegaEvent>[] = [];
    for (const { draft, causeId, traceparent } of passed) said.push(await this.sayFresh(draft, causeId, traceparent));
    return said.every((outcome) => outcome.ok);
  }
}
