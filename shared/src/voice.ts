import type { Draft, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { AgentSurroundings } from "./agent.ts";
import { sealEvent } from "./event-codec.ts";
import type { KnownPast } from "./known-past.ts";
import { ok, type Outcome } from "./outcome.ts";

const publishAttempts = 5;
const retryDelayMs = 500;

/** What an agent speaks with: seals, and publishes patiently, but nothing that rests on a history which the stream has lost. */
export class Voice {
  readonly #role: string;
  readonly #around: AgentSurroundings;
  readonly #past: KnownPast;
  readonly #signal: AbortSignal;

  constructor(parts: { role: string; around: AgentSurroundings; past: KnownPast; signal: AbortSignal }) {
    this.#role = parts.role;
    this.#around = parts.around;
    this.#past = parts.past;
    this.#signal = parts.signal;
  }

  async say(draft: Draft, causeId: string, traceparent: string | undefined): Promise<Outcome<OmegaEvent>> {
    const { bus, signer, clock, instance, log } = this.#around;
    const sealed = sealEvent(draft, {
      signer,
      source: `/omega/${this.#role}/${instance}`,
      now: clock.now(),
      causeId,
      traceparent,
    });
    for (let attempt = 1; ; attempt += 1) {
      const same = await this.#past.assure();
      if (!same.ok) return same;
      const published = await bus.publish({
        id: sealed.id,
        subject: sealed.subject,
        body: sealed.body,
        ...(traceparent === undefined ? {} : { headers: { traceparent } }),
      });
      if (published.ok) {
        const { seq, duplicate } = published.value;
        if (!duplicate) this.#past.note({ seq, body: sealed.body });
        log.debug({ type: draft.type, id: sealed.id, seq }, "said");
        return ok(sealed.event);
      }
      log.warn({ type: draft.type, attempt, failure: published.failure }, "could not say it");
      if (published.failure.kind !== "retryable" || attempt === publishAttempts) return published;
      await clock.sleep(retryDelayMs * attempt, this.#signal);
    }
  }
}
