import type { EventOf, EventType } from "@omega/bus-schemas/catalogue.ts";
import type { PersonRole } from "@omega/bus-schemas/define-event.ts";
import type {
  AutonomyLevel,
  Candidate,
  Change,
  Drift,
  MemoryMatch,
  PanicItemState,
  PolicyMistake,
  RepairOption,
  Target,
} from "@omega/bus-schemas/vocabulary.ts";
import type { Waterfall } from "@omega/bus-schemas/waterfall.ts";
import type { Chapter } from "@omega/shared/audit/reasoning.ts";
import type { IncidentView } from "@omega/shared/incident-view.ts";
import type { Told } from "@omega/shared/timeline.ts";

/** What the server answers and the page shows. Types only, so that the page carries none of the server's code. */

export interface Person {
  readonly name: string;
  /** A viewer looks, a responder decides and presses the Panic Button, an admin also resumes. */
  readonly role: PersonRole;
}

/** Whether what is shown is what the stream holds now. */
export interface BusState {
  readonly connected: boolean;
  /** Milliseconds since the epoch of the last time that the bus answered; absent before the first. */
  readonly heardAt?: number;
}

/** One event of the stream, told. The whole of it is at /api/events/<seq>. */
export interface Frame {
  readonly seq: number;
  readonly storedAt: number;
  readonly id: string;
  readonly type: EventType;
  /** The process or person who said it. */
  readonly actor: string;
  readonly incidentId?: string;
  readonly told: readonly Told[];
}

export type IncidentCard = Omit<IncidentView, "events"> & {
  /** What Omega does about it at present, in a few words; absent once it is over. */
  readonly doing?: string;
  /** When its last event was stored. */
  readonly movedAt: number;
};

export interface SignalCard {
  readonly signalId: string;
  readonly service: string;
  readonly operation: string;
  readonly severity: "warning" | "critical";
  readonly says: string;
  readonly since: number;
  readonly leadTimeMs?: number;
}

export interface AgentCard {
  readonly agent: string;
  readonly instance: string;
  readonly version: string;
  readonly startedAt: number;
}

export interface Gauge {
  readonly name: string;
  readonly used: number;
  readonly max: number;
  readonly unit: string;
}

export interface AutonomyCard {
  readonly actionType: string;
  readonly service: string;
  readonly level: AutonomyLevel;
  readonly streak: number;
  readonly verified: number;
  readonly setbacks: number;
}

/** One effect that a panic is about, and what became of it. */
export interface PanicItem {
  readonly actionId: string;
  readonly incidentId: string;
  readonly actionType: string;
  readonly target: Target;
  readonly startedAt: number;
  readonly state: PanicItemState;
  /** What was or would be done, or why it can't be. */
  readonly says: string;
  readonly changes: readonly Change[];
  /** Where somebody else's change is in the way: as the action left it, and as it is. */
  readonly differs: readonly Drift[];
}

/** What one press would take back, before it is pressed. */
export interface PanicPreview {
  readonly seq: number;
  readonly windowMs: number;
  readonly undo: readonly PanicItem[];
  readonly cannot: readonly PanicItem[];
}

export interface PanicState {
  readonly panicId: string;
  readonly by: string;
  readonly at: number;
  readonly windowMs: number;
  readonly reason?: string;
  /** Surgeons that said they are frozen. */
  readonly frozen: readonly string[];
  readonly items: readonly PanicItem[];
  readonly resumed?: { readonly by: string; readonly at: number; readonly reason: string };
}

export interface AuditState {
  readonly size: number;
  readonly root: string;
  readonly origin: string;
  readonly at: number;
  readonly cosignedBy: readonly string[];
}

/** Everything that the first page shows, as of one place in the stream. */
export interface Now {
  readonly seq: number;
  /** Of the server, when it made this: the page measures ages by the difference. */
  readonly at: number;
  readonly bus: BusState;
  readonly incidents: readonly IncidentCard[];
  readonly signals: readonly SignalCard[];
  readonly agents: readonly AgentCard[];
  readonly panic?: PanicState;
  readonly autonomy: readonly AutonomyCard[];
  readonly budgets: readonly Gauge[];
  /** What was decided with last; absent before the first diagnosis. Without a name it was decided without a model. */
  readonly model?: { readonly name?: string; readonly failure?: string; readonly at: number };
  /** Where to open the feed behind, to see what happened last as well. */
  readonly recentAfter: number;
  readonly audit?: AuditState;
  readonly alarms: readonly string[];
  readonly policyMistakes: readonly PolicyMistake[];
  /** Messages on the stream that no trusted key vouches for. */
  readonly refused: number;
}

/** One number over time, as signals and verifications measured it. */
export interface MetricSeries {
  readonly name: string;
  readonly unit: string;
  readonly baseline?: number;
  readonly points: readonly { readonly at: number; readonly value: number; readonly says: string }[];
}

/** Lines around the line at fault, from the source root that the console was given. */
export interface SourceExcerpt {
  readonly file: string;
  readonly firstLine: number;
  readonly line: number;
  readonly lines: readonly string[];
}

/** A question that waits for a person. */
export interface Pending {
  readonly requestId: string;
  readonly optionId: string;
  readonly planHash: string;
  readonly expiresAt: number;
  readonly reasons: readonly string[];
}

export interface IncidentDetail {
  /** Of its newest event: what stands here is as of then. */
  readonly seq: number;
  readonly card: IncidentCard;
  readonly events: number;
  readonly diagnosis?: {
    readonly says: string;
    readonly verdict: string;
    readonly candidates: readonly Candidate[];
    readonly model?: string;
    readonly services: readonly string[];
    readonly trafficShare: number;
    readonly traceIds: readonly string[];
  };
  /** As Scout kept it when it found the cause. */
  readonly trace?: Waterfall;
  readonly source?: SourceExcerpt;
  readonly options: readonly Omit<RepairOption, "plan" | "params">[];
  readonly refused: readonly { readonly actionType: string; readonly reason: string }[];
  /** Rounds of planning whose repairs are not among these any more. */
  readonly earlierRounds: number;
  readonly pending?: Pending;
  readonly recalled?: { readonly says: string; readonly matches: readonly MemoryMatch[] };
  readonly metrics: readonly MetricSeries[];
  /** Times to mark in the charts. */
  readonly marks: readonly { readonly at: number; readonly says: string; readonly kind: "onset" | "action" | "undo" }[];
  readonly reasoning: readonly Chapter[];
  readonly postmortem?: string;
}

/** An event whole, with its audit entry where the log is on this machine. */
export interface EventDetail {
  readonly seq: number;
  readonly storedAt: number;
  readonly event: EventOf<EventType>;
}

export interface AuditRow {
  readonly index: number;
  readonly seq: number;
  readonly storedAt: number;
  readonly type: string;
  readonly incidentId?: string;
  readonly keyId?: string;
  readonly says: string;
}

export interface AuditPage {
  /** Absent where the log is not on this machine; `why` says so. */
  readonly log?: { readonly origin: string; readonly size: number; readonly root: string; readonly checkpoint: string };
  readonly why?: string;
  readonly rows: readonly AuditRow[];
  /** Entries that fit the filter. */
  readonly found: number;
}

/** What a browser needs to check by itself that an entry is in the log. */
export interface AuditProof {
  readonly index: number;
  /** Base64 of the entry's bytes. */
  readonly entry: string;
  /** Base64, from the leaf's sibling upwards. */
  readonly hashes: readonly string[];
  /** The signed note. */
  readonly checkpoint: string;
  readonly verifier: { readonly name: string; readonly keyIdHex: string; readonly publicKey: string };
  /** A c2sp.org/tlog-proof file. */
  readonly proofFile: string;
}

export interface MemoryCard {
  readonly incidentId: string;
  readonly at: number;
  readonly service: string;
  readonly operation: string;
  readonly rootCause: string;
  readonly symptoms: readonly string[];
  readonly fixes: readonly { readonly actionType: string; readonly target: string; readonly outcome: string }[];
  readonly resolveMs: number;
  readonly recalledTimes: number;
}

export interface Knowledge {
  readonly memories: readonly MemoryCard[];
  readonly documents: readonly { readonly title: string; readonly at: number; readonly incidentId?: string }[];
}

export interface SettingsFile {
  readonly name: string;
  readonly text: string;
  /** Its own process read it and said whether it holds; else only its form was looked at. */
  readonly isChecked: boolean;
  readonly mistakes: readonly string[];
}

export interface Settings {
  readonly files: readonly SettingsFile[];
  readonly policies: {
    readonly hash?: string;
    readonly inForce: readonly { readonly id: string; readonly file: string; readonly text: string }[];
    readonly mistakes: readonly PolicyMistake[];
  };
  readonly folder: string;
}

/** The answer to everything that a person does. */
export type ActAnswer = { readonly ok: true; readonly seq: number; readonly says: string } | Refusal;
export interface Refusal {
  readonly ok: false;
  readonly code: string;
  readonly says: string;
}
