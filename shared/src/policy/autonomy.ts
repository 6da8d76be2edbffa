import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import {
  autonomyLevels,
  autonomyLevelSchema,
  type AutonomyLevel,
  type RepairOption,
} from "@omega/bus-schemas/vocabulary.ts";
import { z } from "zod";

// Earned autonomy: how far Omega may go alone with one action type on one service, as the stream has it. The Coordinator folds it for its
// policies, `omega autonomy` folds it for people; both with the rules in coordinator.yaml.

export const autonomyRulesSchema = z.strictObject({
  start: z
    .strictObject({
      lowRiskExact: autonomyLevelSchema
        .default("auto")
        .describe("Where an action begins that is of low risk and is taken back exactly."),
      otherwise: autonomyLevelSchema.default("approve").describe("Where every other one begins."),
    })
    .prefault({}),
  raiseAfter: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(3)
    .describe("Verified outcomes in a row that raise it by one level. One undo or failure lowers it by one."),
});
export type AutonomyRules = z.infer<typeof autonomyRulesSchema>;

/** One move of a level, or a confirmation of it, and the event that made it. */
export interface AutonomyChange {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly from: AutonomyLevel;
  readonly to: AutonomyLevel;
  readonly why: string;
  readonly incidentId?: string;
}

export interface AutonomyRecord {
  readonly actionType: string;
  readonly service: string;
  readonly level: AutonomyLevel;
  /** Verified outcomes since the last change. */
  readonly streak: number;
  readonly verified: number;
  readonly setbacks: number;
  /** The latest changes, the oldest first. */
  readonly changes: readonly AutonomyChange[];
}

interface OrderedAction {
  readonly actionType: string;
  readonly service: string;
  readonly start: AutonomyLevel;
  /** A setback counts once for each action, however many events tell of it. */
  readonly setBack: boolean;
  readonly verified: boolean;
}

export interface AutonomyLedger {
  readonly records: Readonly<Record<string, AutonomyRecord>>;
  readonly actions: Readonly<Record<string, OrderedAction>>;
  /** Of open incidents: the service at fault, and where each proposed option would begin. */
  readonly incidents: Readonly<
    Record<string, { readonly service?: string; readonly starts: Readonly<Record<string, AutonomyLevel>> }>
  >;
}

export const emptyLedger: AutonomyLedger = { records: {}, actions: {}, incidents: {} };

/** How many changes of a record, and actions and incidents of the ledger, are remembered; the oldest go first. */
const changesKept = 8;
const actionsKept = 512;
const incidentsKept = 256;

/** Surgeon's codes for orders that never touched anything for a reason that is not the action's. */
const notItsFault: ReadonlySet<string> = new Set(["frozen", "withdrawn", "order_expired", "stale_fence"]);

export function levelOf(
  ledger: AutonomyLedger,
  rules: AutonomyRules,
  option: Pick<RepairOption, "actionType" | "risk" | "reversible">,
  service: string,
): AutonomyLevel {
  return ledger.records[keyOf(option.actionType, service)]?.level ?? startOf(rules, option);
}

/** Folds one event. Pure; whoever folds the same stream with the same rules has the same levels. */
export function evolveAutonomy(
  rules: AutonomyRules,
): (ledger: AutonomyLedger, event: OmegaEvent, at: number) => AutonomyLedger {
  return (ledger, event, at) => {
    switch (event.type) {
      case "remediation.requested":
        return withIncident(ledger, event.incidentid, { service: event.data.cause.service, starts: {} });
      case "remediation.proposed": {
        const starts = Object.fromEntries(
          event.data.options.map((option) => [option.optionId, startOf(rules, option)]),
        );
        return withIncident(ledger, event.incidentid, { ...ledger.incidents[event.incidentid ?? ""], starts });
      }
      case "incident.resolved": {
        const { [event.incidentid ?? ""]: _over, ...incidents } = ledger.incidents;
        return { ...ledger, incidents };
      }
      case "action.ordered":
        return ordered(ledger, event, rules);
      case "recovery.confirmed":
        return verified(ledger, event, at, rules);
      case "action.failed":
        return notItsFault.has(event.data.failure.code)
          ? ledger
          : setBack(ledger, event, at, event.data.failure.message);
      case "action.outcome-unknown":
        return setBack(ledger, event, at, event.data.failure.message);
      case "recovery.failed":
        return setBack(ledger, event, at, event.data.says);
      case "undo.ordered":
        return setBack(ledger, event, at, `undone: ${event.data.reason} by ${event.data.by.name}`);
      case "undo.started":
        return setBack(ledger, event, at, "undone");
      case "autonomy.set":
        return set(ledger, event, at);
      default:
        return ledger;
    }
  };
}

function startOf(
  { start }: AutonomyRules,
  { risk, reversible }: Pick<RepairOption, "risk" | "reversible">,
): AutonomyLevel {
  return risk === "low" && reversible === "exact" ? start.lowRiskExact : start.otherwise;
}

function keyOf(actionType: string, service: string): string {
  return `${actionType} ${service}`;
}

function withIncident(
  ledger: AutonomyLedger,
  id: string | undefined,
  incident: AutonomyLedger["incidents"][string],
): AutonomyLedger {
  if (id === undefined) return ledger;
  return { ...ledger, incidents: newest({ ...ledger.incidents, [id]: incident }, incidentsKept) };
}

function ordered(ledger: AutonomyLedger, event: EventOf<"action.ordered">, rules: AutonomyRules): AutonomyLedger {
  const { actionId, actionType, optionId, target } = event.data;
  if (ledger.actions[actionId] !== undefined) return ledger;
  const incident = ledger.incidents[event.incidentid ?? ""];
  const action: OrderedAction = {
    actionType,
    service: incident?.service ?? target.name,
    start: incident?.starts[optionId] ?? rules.start.otherwise,
    setBack: false,
    verified: false,
  };
  return { ...ledger, actions: newest({ ...ledger.actions, [actionId]: action }, actionsKept) };
}

type OutcomeEvent = { readonly incidentid?: string | undefined; readonly data: { readonly actionId: string } };

function verified(
  ledger: AutonomyLedger,
  event: EventOf<"recovery.confirmed">,
  at: number,
  rules: AutonomyRules,
): AutonomyLedger {
  const action = ledger.actions[event.data.actionId];
  if (action === undefined || action.verified || action.setBack) return ledger;
  const before = recordOf(ledger, action);
  const streak = before.streak + 1;
  const raised = streak >= rules.raiseAfter ? moved(before.level, 1) : before.level;
  const counted = { ...before, streak, verified: before.verified + 1 };
  const record =
    raised === before.level ? counted : changed(counted, raised, at, `${streak} verified in a row`, event.incidentid);
  return withRecord(withAction(ledger, event.data.actionId, { ...action, verified: true }), record);
}

/** Counts against an action that failed or was taken back, also when it had been verified before. */
function setBack(ledger: AutonomyLedger, event: OutcomeEvent, at: number, why: string): AutonomyLedger {
  const action = ledger.actions[event.data.actionId];
  if (action === undefined || action.setBack) return ledger;
  const before = recordOf(ledger, action);
  const record = changed(
    { ...before, setbacks: before.setbacks + 1 },
    moved(before.level, -1),
    at,
    why.slice(0, 256),
    event.incidentid,
  );
  return withRecord(withAction(ledger, event.data.actionId, { ...action, setBack: true }), record);
}

function set(ledger: AutonomyLedger, event: EventOf<"autonomy.set">, at: number): AutonomyLedger {
  const { actionType, service, level, by, reason } = event.data;
  const before = recordOf(ledger, { actionType, service, start: level });
  return withRecord(ledger, changed(before, level, at, `set by ${by}: ${reason}`.slice(0, 256), undefined));
}

function recordOf(
  ledger: AutonomyLedger,
  { actionType, service, start }: Pick<OrderedAction, "actionType" | "service" | "start">,
): AutonomyRecord {
  const fresh = { actionType, service, level: start, streak: 0, verified: 0, setbacks: 0, changes: [] };
  return ledger.records[keyOf(actionType, service)] ?? fresh;
}

function moved(level: AutonomyLevel, by: 1 | -1): AutonomyLevel {
  return autonomyLevels[autonomyLevels.indexOf(level) + by] ?? level;
}

function changed(
  record: AutonomyRecord,
  to: AutonomyLevel,
  at: number,
  why: string,
  incidentId: string | undefined,
): AutonomyRecord {
  const change = { at, from: record.level, to, why, ...(incidentId === undefined ? {} : { incidentId }) };
  return { ...record, level: to, streak: 0, changes: [...record.changes, change].slice(-changesKept) };
}

function withRecord(ledger: AutonomyLedger, record: AutonomyRecord): AutonomyLedger {
  return { ...ledger, records: { ...ledger.records, [keyOf(record.actionType, record.service)]: record } };
}

function withAction(ledger: AutonomyLedger, id: string, action: OrderedAction): AutonomyLedger {
  return { ...ledger, actions: { ...ledger.actions, [id]: action } };
}

function newest<Value>(entries: Readonly<Record<string, Value>>, max: number): Readonly<Record<string, Value>> {
  const all = Object.entries(entries);
  return all.length <= max ? entries : Object.fromEntries(all.slice(-max));
}
