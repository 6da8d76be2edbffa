import type { Draft, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { omegaStream } from "@omega/bus-schemas/streams.ts";
import { isUnder, subjects } from "@omega/bus-schemas/subjects.ts";
import type { Bus, StoredMessage } from "@omega/shared/bus.ts";
import type { Clock } from "@omega/shared/clock.ts";
import { deriveId } from "@omega/shared/ids.ts";
import type { Log } from "@omega/shared/log.ts";
import type { Failure, Outcome } from "@omega/shared/outcome.ts";
import type { Deeds } from "@omega/shared/panic/deeds.ts";
import { FollowedDeeds } from "@omega/shared/panic/followed-deeds.ts";
import { dueUndos, nextRetryAt, undoStart } from "@omega/shared/panic/undoing.ts";
import { dueReports } from "@omega/shared/panic/window.ts";
import type { Keyring } from "@omega/shared/signing.ts";
import { Gate } from "./gate.ts";

export interface KeeperOptions {
  readonly bus: Bus;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Distinguishes Surgeons. Absent: this process executes nothing, so it has nothing to say of being frozen. */
  readonly instance?: string;
  say(draft: Draft, causeId: string): Promise<Outcome<OmegaEvent>>;
  /** Running executions end at their next safe point. */
  stopExecutions(): void;
  /** Told of each event after it was folded, the past included. */
  onEvent?(event: OmegaEvent): void;
  /** Told after each event, once all of the past is known. */
  onChange?(): void;
}

const sayAgainMs = 500;

/**
 * Keeps a person's word: freezes this process as soon as the stream holds a press, says which undo begins next, tries again what failed,
 * and reports. It decides by the stream alone, and all it says has ids that follow from the request: so any number of them, in Surgeons
 * and in a person's `omega panic --direct`, say the same things once.
 */
export class Keeper {
  readonly gate: Gate;
  readonly #options: KeeperOptions;
  readonly #followed: FollowedDeeds;
  /** Messages under `omega.control` that don't count, and those of them that somebody has said so of. */
  readonly #refused = new Map<number, { subject: string; failure: Failure }>();
  readonly #toldOf = new Set<number>();
  #frozenFor: string | undefined;
  /** Nothing is said of the past before all of it is known. */
  #awake = false;
  #tending: Promise<void> = Promise.resolve();
  #retry = new AbortController();

  constructor(options: KeeperOptions) {
    this.#options = options;
    const { bus, keyring, clock, log, signal } = options;
    this.#followed = new FollowedDeeds({
      bus,
      keyring,
      clock,
      log,
      signal,
      onEvent: (event) => this.#onEvent(event),
      onRefused: (message, failure) => this.#onRefused(message, failure),
    });
    this.gate = new Gate((until) => this.#followed.newest(until));
  }

  /** As far as this process has heard. */
  get deeds(): Deeds {
    return this.#followed.deeds;
  }

  /** With everything that the stream held when this was asked. Failures `retryable/bus_away`, `retryable/stopped`. */
  newest(until: AbortSignal): Promise<Outcome<Deeds>> {
    return this.#followed.newest(until);
  }

  /** Follows the stream until the signal aborts. */
  async run(): Promise<void> {
    const following = this.#followed.follow();
    await this.#catchUp();
    await following;
    this.#retry.abort();
    await this.#tending;
  }

  async #catchUp(): Promise<void> {
    const { clock, signal } = this.#options;
    while (!signal.aborted && !(await this.#followed.newest()).ok) await clock.sleep(sayAgainMs, signal);
    this.#awake = true;
    this.#tend();
  }

  #onEvent(event: OmegaEvent): void {
    if (event.type === "control.refused") this.#toldOf.add(event.data.seq);
    if (event.type === "control.resumed") this.#frozenFor = undefined;
    // Before anything is said or awaited: from here on no call of an execution leaves this process.
    if (event.type === "control.panic-pressed") this.#options.stopExecutions();
    this.#options.onEvent?.(event);
    this.#tend();
  }

  #onRefused({ seq, subject }: StoredMessage, failure: Failure): void {
    if (!isUnder(subjects.control, subject)) return;
    this.#options.log.warn({ seq, subject, failure }, "this does not count");
    this.#refused.set(seq, { subject, failure });
    this.#tend();
  }

  #tend(): void {
    if (!this.#awake) return;
    this.#options.onChange?.();
    this.#tending = this.#tending.then(() => this.#sayWhatIsDue());
  }

  async #sayWhatIsDue(): Promise<void> {
    const { clock, signal } = this.#options;
    if (signal.aborted) return;
    this.#retry.abort();
    const { deeds } = this.#followed;
    const said = [await this.#sayFrozen(deeds), await this.#sayRefused()];
    for (const deed of dueUndos(deeds, clock.now())) said.push(await this.#say(undoStart(deed)));
    for (const { causeId, key, data } of dueReports(deeds))
      said.push(await this.#say({ causeId, draft: { type: "control.panic-reported", data, key } }));
    const next = said.every((one) => one) ? nextRetryAt(deeds) : clock.now() + sayAgainMs;
    if (next !== undefined) this.#tendAt(next);
  }

  #tendAt(time: number): void {
    const retry = new AbortController();
    this.#retry = retry;
    const { clock } = this.#options;
    void clock.sleep(Math.max(10, time - clock.now()), retry.signal).then(() => {
      if (!retry.signal.aborted) this.#tend();
    });
  }

  /** Each process says once for each press that it is frozen, with what it could not hold back any more. */
  async #sayFrozen({ frozenBy, presses }: Deeds): Promise<boolean> {
    const latest = frozenBy === undefined ? undefined : presses.at(-1)?.id;
    const { instance } = this.#options;
    if (instance === undefined || latest === undefined || this.#frozenFor === latest) return true;
    const data = { instance, panicId: latest, inFlight: this.gate.inFlight() };
    const said = await this.#say({
      causeId: latest,
      draft: { type: "control.frozen", data, key: `frozen ${instance}` },
    });
    if (said) this.#frozenFor = latest;
    return said;
  }

  async #sayRefused(): Promise<boolean> {
    let all = true;
    for (const [seq, { subject, failure }] of this.#refused) {
      const draft: Draft = { type: "control.refused", data: { seq, subject, failure } };
      if (!this.#toldOf.has(seq)) all &&= await this.#say({ causeId: `${omegaStream.name}:${seq}`, draft });
      if (this.#toldOf.has(seq)) this.#refused.delete(seq);
    }
    return all;
  }

  /** Once said, it comes back over the stream; until then, saying it again says the same. */
  readonly #spoken = new Set<string>();
  async #say({ causeId, draft }: { readonly causeId: string; readonly draft: Draft }): Promise<boolean> {
    const id = deriveId(causeId, draft.key ?? draft.type);
    if (this.#spoken.has(id)) return true;
    const said = await this.#options.say(draft, causeId);
    if (said.ok) this.#spoken.add(id);
    else this.#options.log.warn({ failure: said.failure, type: draft.type }, "it will be said again");
    return said.ok;
  }
}
