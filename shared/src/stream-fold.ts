import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Role } from "@omega/bus-schemas/define-event.ts";
import type { Bus, StoredMessage } from "./bus.ts";
import { openEvent } from "./event-codec.ts";
import { RecentIds } from "./recent-ids.ts";
import type { Keyring } from "./signing.ts";

/** Types that an agent says of itself or of the clock, not by a decision on a message. */
const unprompted: ReadonlySet<string> = new Set([
  "agent.started",
  "agent.faulted",
  "deadline.passed",
  "policy.loaded",
  "policy.refused",
  "rules.loaded",
]);

/** Whether a role said this by deciding on the message that `causationid` names. Needed by the fold and by replay alike. */
export function isDecisionOf(role: Role, event: OmegaEvent): boolean {
  return event.keyid.startsWith(`${role}-`) && !unprompted.has(event.type);
}

export interface FoldOptions<State> {
  readonly role: Role;
  readonly bus: Bus;
  readonly keyring: Keyring;
  readonly initialState: State;
  evolve(state: State, event: OmegaEvent, storedAt: number): State;
  /**
   * A decision counts from the message that it was made on, not from where the stream happened to store it: between the two lie messages
   * that would otherwise be decided on as if the decision had not been made.
   */
  readonly ownDecisionsAtOnce: boolean;
  /** Told of each message, at least once. */
  onRead?(message: StoredMessage): void;
}

/**
 * What became of a delivered message: folded in now, folded in before (a redelivery), a repeat of an event under a new sequence, or an
 * event that we never saw at a sequence that we are past: then the stream may not be the one we folded.
 */
export type Taken = "fresh" | "known" | "repeated" | "foreign";

/** An agent's state as the fold of the stream, each event once. */
export class StreamFold<State> {
  readonly #options: FoldOptions<State>;
  readonly #seen = new RecentIds();
  /** Own decisions that are in the state already but were not delivered yet. */
  readonly #ahead = new Set<string>();
  #seq = 0;
  state: State;

  constructor(options: FoldOptions<State>) {
    this.#options = options;
    this.state = options.initialState;
  }

  /** The stream sequence up to which everything is in the state. */
  get seq(): number {
    return this.#seq;
  }

  /** Folds what lies between here and `seq`, which was delivered before this process lived. */
  async foldTo(seq: number, signal?: AbortSignal): Promise<void> {
    if (seq <= this.#seq) return;
    for await (const message of this.#read(this.#seq + 1, seq, signal)) this.#foldMessage(message);
  }

  /**
   * The state right after the last message up to `floor` was decided on: every message up to it, each followed by the own decisions that
   * it caused, wherever they are stored. Reads the stream twice, since a decision may lie far behind its cause.
   */
  async foldDecidedTo(floor: number, signal?: AbortSignal): Promise<void> {
    const decisions = new Map<string, { event: OmegaEvent; seq: number }[]>();
    for await (const message of this.#read(1, await this.#options.bus.lastSeq(), signal)) {
      const event = this.#open(message);
      if (event?.causationid === undefined || !isDecisionOf(this.#options.role, event)) continue;
      const siblings = decisions.get(event.causationid) ?? [];
      siblings.push({ event, seq: message.seq });
      decisions.set(event.causationid, siblings);
    }
    for await (const message of this.#read(this.#seq + 1, floor, signal)) {
      this.skip(message);
      const event = this.#open(message);
      if (event === undefined) continue;
      if (!isDecisionOf(this.#options.role, event)) this.#evolve(event, message.storedAt);
      for (const decision of decisions.get(event.id) ?? []) {
        this.#evolve(decision.event, message.storedAt);
        if (decision.seq > floor) this.#ahead.add(decision.event.id);
      }
    }
  }

  take(event: OmegaEvent, message: StoredMessage): Taken {
    if (message.seq <= this.#seq) return this.#seen.has(event.id) ? "known" : "foreign";
    this.#seq = message.seq;
    this.#options.onRead?.(message);
    if (this.#ahead.delete(event.id)) return "fresh";
    return this.#evolve(event, message.storedAt) ? "fresh" : "repeated";
  }

  /** A message that can't be read changes nothing, but the fold is past it. */
  skip(message: StoredMessage): void {
    this.#options.onRead?.(message);
    this.#seq = Math.max(this.#seq, message.seq);
  }

  /** An own decision, just said on a message stored at `storedAt`. */
  decided(event: OmegaEvent, storedAt: number): void {
    if (this.#options.ownDecisionsAtOnce && this.#evolve(event, storedAt)) this.#ahead.add(event.id);
  }

  #foldMessage(message: StoredMessage): void {
    const event = this.#open(message);
    if (event === undefined) this.skip(message);
    else this.take(event, message);
  }

  #evolve(event: OmegaEvent, storedAt: number): boolean {
    if (!this.#seen.add(event.id)) return false;
    this.state = this.#options.evolve(this.state, event, storedAt);
    return true;
  }

  #open(message: StoredMessage): OmegaEvent | undefined {
    const opened = openEvent(message.body, message.subject, this.#options.keyring, message.storedAt);
    // What can't be read was parked when it was delivered, or will be.
    return opened.ok ? opened.value : undefined;
  }

  #read(fromSeq: number, toSeq: number, signal?: AbortSignal): AsyncIterable<StoredMessage> {
    return this.#options.bus.read({ fromSeq, toSeq, ...(signal === undefined ? {} : { signal }) });
  }
}
