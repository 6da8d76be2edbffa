import type { DataOf, Draft } from "@omega/bus-schemas/catalogue.ts";
import { deriveId } from "@omega/shared/ids.ts";
import type { Log as Logger } from "@omega/shared/log.ts";
import type { PastFindings, Span } from "./past.ts";
import type { Speaker } from "./speaker.ts";

type AlarmCode = DataOf<"audit.alarmed">["code"];

/** Says each alarm once, however often the same thing is found, also by the next process. */
export class Alarms {
  readonly #origin: string;
  readonly #stopsActions: boolean;
  readonly #say: Speaker;
  readonly #logger: Logger;
  readonly #said = new Set<string>();
  /** Alarms that the bus did not take yet, by cause. */
  readonly #unsaid = new Map<string, Draft>();
  /** A full disk may come and go: each time is an alarm of its own. */
  #unwritableSince: number | undefined;
  #unwritableTimes = 0;

  constructor(options: { origin: string; stopsActions: boolean; say: Speaker; logger: Logger }) {
    this.#origin = options.origin;
    this.#stopsActions = options.stopsActions;
    this.#say = options.say;
    this.#logger = options.logger;
  }

  /** Ids of alarms that the stream holds already. */
  known(id: string): void {
    this.#said.add(id);
  }

  async found({ lost, differing }: PastFindings): Promise<void> {
    if (lost !== undefined) await this.lost(lost);
    if (differing !== undefined) {
      await this.#alarm(
        "history_differs",
        `${differing.messages} messages on the stream are not what was logged, from sequence ${differing.firstSeq} to ${differing.lastSeq}.`,
        differing,
      );
    }
  }

  async lost(span: Span): Promise<void> {
    await this.#alarm(
      "history_lost",
      `The stream does not hold ${span.messages} messages that it held before, from sequence ${span.firstSeq} to ${span.lastSeq}.`,
      span,
    );
  }

  async raise(code: Exclude<AlarmCode, "history_lost" | "history_differs">, says: string): Promise<void> {
    if (code === "log_unwritable") {
      if (this.#unwritableSince !== undefined) return;
      this.#unwritableTimes += 1;
      this.#unwritableSince = this.#unwritableTimes;
    }
    await this.#alarm(code, says);
  }

  /** Says what the bus did not take before. */
  async flush(): Promise<void> {
    for (const [causeId, draft] of this.#unsaid) {
      const said = await this.#say(draft, causeId);
      if (said.ok) this.#unsaid.delete(causeId);
    }
  }

  /** Whether an alarm stands that the next announced checkpoint ends. */
  get endsWithCheckpoint(): boolean {
    return this.#unwritableSince !== undefined;
  }

  checkpointed(): void {
    this.#unwritableSince = undefined;
  }

  async #alarm(code: AlarmCode, says: string, span?: Span): Promise<void> {
    const what = span === undefined ? says : `${span.firstSeq} ${span.lastSeq} ${span.messages}`;
    const time = code === "log_unwritable" ? ` ${process.pid} ${this.#unwritableTimes}` : "";
    const causeId = `audit ${this.#origin} ${code}${time} ${deriveId(what, code)}`;
    const id = deriveId(causeId, "audit.alarmed");
    if (this.#said.has(id)) return;
    this.#said.add(id);
    this.#logger.error({ code, says, ...span }, "AUDIT ALARM");
    const data = { code, says: says.slice(0, 1024), ...span, stopsActions: this.#stopsActions };
    this.#unsaid.set(causeId, { type: "audit.alarmed", data });
    await this.flush();
  }
}
