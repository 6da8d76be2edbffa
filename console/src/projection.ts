import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { PolicyMistake, PolicyText } from "@omega/bus-schemas/vocabulary.ts";
import { emptyLedger, evolveAutonomy, type AutonomyLedger, type AutonomyRules } from "@omega/shared/policy/autonomy.ts";
import { RecentIds } from "@omega/shared/recent-ids.ts";
import { tell } from "@omega/shared/timeline.ts";
import { IncidentRecords, type Recorded } from "./incident-records.ts";
import { PanicView } from "./panic-view.ts";
import type { AgentCard, AuditState, Frame, MemoryCard, Now, SignalCard } from "./wire.ts";

/** Orders are counted against budgets of at most an hour. */
const ordersKeptMs = 3_600_000;
const memoriesKept = 500;
const cardsShown = 100;

interface Order {
  readonly at: number;
  readonly target: string;
}

/** Everything that the console shows, as the fold of the stream; it can be thrown away and made again. */
export class Projection {
  readonly incidents = new IncidentRecords();
  readonly panic = new PanicView();
  readonly #seen = new RecentIds();
  readonly #signals = new Map<string, SignalCard>();
  readonly #agents = new Map<string, AgentCard>();
  readonly #memories = new Map<string, MemoryCard>();
  readonly #recalls = new Map<string, number>();
  readonly #documents: { title: string; at: number; incidentId?: string }[] = [];
  readonly #alarms = new Map<string, EventOf<"audit.alarmed">>();
  readonly #evolveAutonomy: (ledger: AutonomyLedger, event: OmegaEvent, at: number) => AutonomyLedger;
  #ledger = emptyLedger;
  #orders: Order[] = [];
  #audit: AuditState | undefined;
  #model: Now["model"];
  #policies: { readonly hash: string; readonly policies: readonly PolicyText[] } | undefined;
  #mistakes: readonly PolicyMistake[] = [];
  #seq = 0;
  refused = 0;
  /** As the Coordinator said them last. */
  rules: unknown;

  constructor(autonomy: AutonomyRules) {
    this.#evolveAutonomy = evolveAutonomy(autonomy);
  }

  /** The stream sequence up to which everything is in here. */
  get seq(): number {
    return this.#seq;
  }

  /** A message that can't be believed changes nothing, but the fold is past it. */
  skip(seq: number): void {
    this.#seq = Math.max(this.#seq, seq);
    this.refused += 1;
  }

  /** Takes the next event in order. Nothing for one that was said before under another sequence. */
  take(recorded: Recorded): Frame | undefined {
    const { event, seq, storedAt } = recorded;
    if (seq <= this.#seq) return undefined;
    this.#seq = seq;
    if (!this.#seen.add(event.id)) return undefined;
    this.incidents.take(recorded);
    this.panic.take(event, storedAt);
    this.#ledger = this.#evolveAutonomy(this.#ledger, event, storedAt);
    this.#takeWorld(event, storedAt);
    this.#takeKnowledge(event, storedAt);
    return frameOf(recorded);
  }

  get policies(): { hash?: string; inForce: readonly PolicyText[]; mistakes: readonly PolicyMistake[] } {
    const { hash, policies } = this.#policies ?? {};
    return { ...(hash === undefined ? {} : { hash }), inForce: policies ?? [], mistakes: this.#mistakes };
  }

  /** Actions ordered since a time, for the gauges of budgets. */
  ordersSince(time: number): readonly Order[] {
    return this.#orders.filter(({ at }) => at >= time);
  }

  memories(): MemoryCard[] {
    return [...this.#memories.values()]
      .map((memory) => ({ ...memory, recalledTimes: this.#recalls.get(memory.incidentId) ?? 0 }))
      .toReversed();
  }

  documents(): readonly { title: string; at: number; incidentId?: string }[] {
    return this.#documents.toReversed();
  }

  /** What the first page shows, but for what is not on the stream: time, the bus, and the rules. */
  now(): Omit<Now, "at" | "bus" | "budgets" | "recentAfter"> {
    const panic = this.panic.state;
    return {
      seq: this.#seq,
      incidents: this.incidents.cards(cardsShown),
      signals: [...this.#signals.values()].toReversed(),
      agents: [...this.#agents.values()],
      ...(panic === undefined ? {} : { panic }),
      autonomy: Object.values(this.#ledger.records).map(
        ({ actionType, service, level, streak, verified, setbacks }) => ({
          actionType,
          service,
          level,
          streak,
          verified,
          setbacks,
        }),
      ),
      ...(this.#model === undefined ? {} : { model: this.#model }),
      ...(this.#audit === undefined ? {} : { audit: this.#audit }),
      alarms: [...this.#alarms.values()].map(({ data }) => data.says),
      policyMistakes: this.#mistakes,
      refused: this.refused,
    };
  }

  #takeWorld(event: OmegaEvent, at: number): void {
    switch (event.type) {
      case "signal.detected": {
        const { signalId, service, operation, severity, says, since, leadTimeMs } = event.data;
        const lead = leadTimeMs === undefined ? {} : { leadTimeMs };
        this.#signals.delete(signalId);
        this.#signals.set(signalId, {
          signalId,
          service,
          operation,
          severity,
          says,
          since: Date.parse(since),
          ...lead,
        });
        return;
      }
      case "signal.cleared":
        this.#signals.delete(event.data.signalId);
        return;
      case "agent.started": {
        const { agent, instance, version } = event.data;
        this.#agents.set(agent, { agent, instance, version, startedAt: at });
        return;
      }
      case "action.ordered": {
        const { target } = event.data;
        const order = { at, target: `${target.namespace ?? ""}/${target.kind ?? ""}/${target.name}` };
        this.#orders = [...this.#orders.filter((each) => each.at >= at - ordersKeptMs), order];
        return;
      }
      case "diagnosis.reached": {
        const { model, reviewBy } = event.data;
        // A second opinion is still to come: what it was made with stays as it was said last.
        if (model === undefined && reviewBy !== undefined && this.#model !== undefined) return;
        this.#model = { at, ...(model === undefined ? {} : { name: model }) };
        return;
      }
      case "model.consulted": {
        const { model: name, failure } = event.data;
        this.#model = { at, name, ...(failure === undefined ? {} : { failure: failure.message }) };
        return;
      }
      case "rules.loaded":
        this.rules = event.data.rules;
        return;
      case "policy.loaded":
        this.#policies = event.data;
        this.#mistakes = [];
        return;
      case "policy.refused":
        this.#mistakes = event.data.mistakes;
        return;
      default:
        return;
    }
  }

  #takeKnowledge(event: OmegaEvent, at: number): void {
    switch (event.type) {
      case "audit.checkpointed": {
        const { size, root, origin, cosignedBy } = event.data;
        this.#audit = { size, root, origin, at, cosignedBy };
        for (const [id, alarm] of this.#alarms) if (alarm.data.code === "log_unwritable") this.#alarms.delete(id);
        return;
      }
      case "audit.alarmed":
        this.#alarms.set(event.id, event);
        return;
      case "audit.acknowledged":
        this.#alarms.delete(event.data.alarmId);
        return;
      case "memory.stored":
        this.#remember(event, at);
        return;
      case "memory.recalled":
        for (const { incidentId } of event.data.matches)
          this.#recalls.set(incidentId, (this.#recalls.get(incidentId) ?? 0) + 1);
        return;
      case "postmortem.written": {
        const title = /^# (.+)$/m.exec(event.data.text)?.[1] ?? "Post-mortem";
        const { incidentid } = event;
        this.#documents.push({ title, at, ...(incidentid === undefined ? {} : { incidentId: incidentid }) });
        if (this.#documents.length > memoriesKept) this.#documents.shift();
        return;
      }
      default:
        return;
    }
  }

  #remember({ incidentid, data }: EventOf<"memory.stored">, at: number): void {
    if (incidentid === undefined) return;
    const { service, operation, rootCause, symptoms, fixes, resolveMs } = data;
    const done = fixes.map(({ actionType, target, outcome }) => ({ actionType, target: target.name, outcome }));
    this.#memories.set(incidentid, {
      incidentId: incidentid,
      at,
      service,
      operation,
      rootCause,
      symptoms,
      fixes: done,
      resolveMs,
      recalledTimes: 0,
    });
    const [oldest] = this.#memories.keys();
    if (this.#memories.size > memoriesKept && oldest !== undefined) this.#memories.delete(oldest);
  }
}

export function frameOf({ event, seq, storedAt }: Recorded): Frame {
  return {
    seq,
    storedAt,
    id: event.id,
    type: event.type,
    actor: event.source.split("/")[2] ?? "",
    ...(event.incidentid === undefined ? {} : { incidentId: event.incidentid }),
    told: tell(event),
  };
}
