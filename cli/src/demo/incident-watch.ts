import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Clock } from "@omega/shared/clock.ts";
import type { BusSession } from "../bus-session.ts";
import { fold, type IncidentView } from "@omega/shared/incident-view.ts";

const pollMs = 50;

/** Follows the stream in the background, keeps the incidents, and lets the demo wait for what it hopes to see. */
export class IncidentWatch {
  readonly incidents = new Map<string, IncidentView>();
  readonly #stopping = new AbortController();
  readonly #clock: Clock;
  readonly #firing = new Set<string>();
  #following: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `seen` is called with every event once the incidents are up to date. */
  start(session: BusSession, fromSeq: number, seen: (event: OmegaEvent) => void): void {
    this.#following = (async () => {
      for await (const { event } of session.follow({ fromSeq, signal: this.#stopping.signal })) {
        fold(this.incidents, event);
        if (event.type === "signal.detected") this.#firing.add(event.data.signalId);
        if (event.type === "signal.cleared") this.#firing.delete(event.data.signalId);
        seen(event);
      }
    })();
    // Whoever stops the watch awaits it; until then an ended connection must not count as unhandled.
    this.#following.catch(() => undefined);
  }

  /** True while no signal is firing. */
  get calm(): boolean {
    return this.#firing.size === 0;
  }

  /** Looks again until `look` finds something or the signal aborts. */
  async until<T>(look: () => T | undefined, signal: AbortSignal): Promise<T | undefined> {
    while (!signal.aborted) {
      const found = look();
      if (found !== undefined) return found;
      await this.#clock.sleep(pollMs, signal);
    }
    return undefined;
  }

  /** The first incident that opened at or after this time. */
  openedSince(time: number, except: ReadonlySet<string>): IncidentView | undefined {
    return [...this.incidents.values()].find(({ id, events }) => {
      const [opened] = events;
      return !except.has(id) && opened !== undefined && Date.parse(opened.time) >= time;
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
  }
}
