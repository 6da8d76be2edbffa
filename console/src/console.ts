import { busIdentity } from "@omega/shared/bus-identity.ts";
import type { Clock } from "@omega/shared/clock.ts";
import type { Ids } from "@omega/shared/ids.ts";
import type { Log } from "@omega/shared/log.ts";
import { Keyring, loadSigner, type Signer } from "@omega/shared/signing.ts";
import { AuditLog } from "./audit-log.ts";
import { ConfigChecks } from "./config-checks.ts";
import type { ConsoleConfig } from "./config.ts";
import { Feed } from "./feed.ts";
import { incidentDetail, questionIn } from "./incident-detail.ts";
import type { Recorded } from "./incident-records.ts";
import { perform, type Act } from "./person-acts.ts";
import { frameOf, Projection } from "./projection.ts";
import { autonomyOf, gaugesOf, rulesInForce, settingsOf, type Rules } from "./settings.ts";
import { SharedAnswers, type SharedBody } from "./shared-answers.ts";
import { StreamReader, type StreamListener } from "./stream-reader.ts";
import type {
  ActAnswer,
  BusState,
  EventDetail,
  IncidentDetail,
  Knowledge,
  Now,
  PanicPreview,
  Person,
  Settings,
} from "./wire.ts";

/** Signals and memories outside of incidents that reasoning refers to; older ones are found in the audit log. */
const othersKept = 2000;
/** Events that a page which was just opened shows of what happened before. */
const recentShown = 100;
/** Answers about incidents that are kept for whoever asks the same next. */
const answerBytesMax = 16_000_000;

/** The console's one projection of the stream, and what it answers from it. Knows nothing of HTTP but the feed's clients. */
export class Console implements StreamListener {
  readonly feed: Feed;
  readonly audit: AuditLog;
  readonly #config: ConsoleConfig;
  readonly #rules: Rules;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #reader: StreamReader;
  readonly #signer: Signer;
  readonly #checks = new ConfigChecks();
  #answers = new SharedAnswers(answerBytesMax);
  #projection: Projection;
  #others: Recorded[] = [];

  constructor(config: ConsoleConfig, rules: Rules, around: { clock: Clock; ids: Ids; log: Log }) {
    this.#config = config;
    this.#rules = rules;
    this.#clock = around.clock;
    this.#ids = around.ids;
    // An operator key of its own: what the console says can be told from what the command says, and distrusted alone.
    this.#signer = loadSigner(config.keys, "operator", "console");
    const { servers, credentials } = config.bus;
    this.#reader = new StreamReader({
      server: { servers, identity: busIdentity(config.keys, "console", credentials) },
      keyring: new Keyring(config.keys),
      clock: around.clock,
      log: around.log,
    });
    this.#projection = new Projection(autonomyOf(rules));
    this.audit = new AuditLog(config.audit, config.keys);
    this.feed = new Feed(() => JSON.stringify(this.now()));
  }

  /** Follows the stream until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#reader.follow(this, signal);
    this.feed.close();
  }

  seq(): number {
    return this.#projection.seq;
  }

  taken(recorded: Recorded): void {
    const frame = this.#projection.take(recorded);
    if (frame === undefined) return;
    const { type } = recorded.event;
    if (type === "signal.detected" || type === "signal.cleared" || type === "memory.stored") {
      this.#others.push(recorded);
      if (this.#others.length > othersKept * 2) this.#others = this.#others.slice(-othersKept);
    }
    this.feed.push(frame);
  }

  refused(seq: number): void {
    this.#projection.skip(seq);
  }

  restart(): void {
    this.#projection = new Projection(autonomyOf(this.#rules));
    this.#others = [];
    this.#answers = new SharedAnswers(answerBytesMax);
    this.feed.restart();
  }

  bus(_state: BusState): void {
    this.feed.changed();
  }

  now(): Now {
    const at = this.#clock.now();
    const budgets = gaugesOf(rulesInForce(this.#projection.rules, this.#rules), this.#projection, at);
    return {
      ...this.#projection.now(),
      at,
      bus: this.#reader.state,
      budgets,
      recentAfter: this.feed.behind(recentShown),
    };
  }

  /** Every event of an incident, told, as JSON. */
  async timeline(incidentId: string): Promise<SharedBody | undefined> {
    return await this.#answers.of(`timeline ${incidentId}`, this.#revisionOf(incidentId), async () => {
      const records = await this.#recordsOf(incidentId);
      return records?.map(frameOf);
    });
  }

  /** An IncidentDetail as JSON. */
  async incident(incidentId: string): Promise<SharedBody | undefined> {
    return await this.#answers.of(`incident ${incidentId}`, this.#revisionOf(incidentId), () =>
      this.#detailOf(incidentId),
    );
  }

  async event(seq: number): Promise<EventDetail | undefined> {
    const [found] = await this.#reader.range(seq, seq);
    return found;
  }

  preview(windowMs: number): PanicPreview {
    return this.#projection.panic.preview(this.seq(), windowMs, this.#clock.now());
  }

  knowledge(): Knowledge {
    return { memories: this.#projection.memories(), documents: this.#projection.documents() };
  }

  async settings(): Promise<Settings> {
    return await settingsOf(this.#config.settings, this.#projection, this.#checks);
  }

  perform(act: Act, person: Person): Promise<ActAnswer> {
    return perform(act, person, {
      bus: this.#reader.bus,
      signer: this.#signer,
      clock: this.#clock,
      ids: this.#ids,
      pending: async (incidentId) => {
        const [records, card] = [await this.#recordsOf(incidentId), this.#projection.incidents.card(incidentId)];
        return records === undefined || card === undefined ? undefined : questionIn(records, card);
      },
      frozenBy: () => this.#projection.panic.frozenBy,
    });
  }

  #revisionOf(incidentId: string): number {
    return this.#projection.incidents.lastSeqOf(incidentId) ?? 0;
  }

  async #detailOf(incidentId: string): Promise<IncidentDetail | undefined> {
    const records = await this.#recordsOf(incidentId);
    const card = this.#projection.incidents.card(incidentId);
    if (records === undefined || card === undefined) return undefined;
    const causes = new Set(records.map(({ event }) => event.causationid));
    const similar = new Set(
      records.flatMap(({ event }) =>
        event.type === "memory.recalled" ? event.data.matches.map((match) => match.incidentId) : [],
      ),
    );
    const others = this.#others.filter(
      ({ event }) =>
        event.incidentid !== incidentId &&
        (causes.has(event.id) || (event.type === "memory.stored" && similar.has(event.incidentid ?? ""))),
    );
    return incidentDetail({
      seq: records.at(-1)?.seq ?? 0,
      card,
      records,
      others,
      sourceRoot: this.#config.sourceRoot,
    });
  }

  async #recordsOf(incidentId: string): Promise<readonly Recorded[] | undefined> {
    const held = this.#projection.incidents.eventsOf(incidentId);
    if (held === undefined) return undefined;
    if ("events" in held) return held.events;
    if (this.#reader.bus === undefined) return undefined;
    const range = await this.#reader.range(held.firstSeq, held.lastSeq);
    return range.filter(({ event }) => event.incidentid === incidentId);
  }
}
