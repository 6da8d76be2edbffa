import type { EventDefinition } from "./define-event.ts";
import type { Envelope } from "./envelope.ts";
import * as action from "./events/action.ts";
import * as agent from "./events/agent.ts";
import * as audit from "./events/audit.ts";
import * as canary from "./events/canary.ts";
import * as control from "./events/control.ts";
import * as diagnosis from "./events/diagnosis.ts";
import * as incident from "./events/incident.ts";
import * as memory from "./events/memory.ts";
import * as metrics from "./events/metrics.ts";
import * as model from "./events/model.ts";
import * as policy from "./events/policy.ts";
import * as remediation from "./events/remediation.ts";
import * as signal from "./events/signal.ts";
import * as trace from "./events/trace.ts";
import * as undo from "./events/undo.ts";

const definitions = {
  ...signal,
  ...incident,
  ...diagnosis,
  ...trace,
  ...metrics,
  ...memory,
  ...model,
  ...remediation,
  ...action,
  ...canary,
  ...undo,
  ...control,
  ...policy,
  ...agent,
  ...audit,
};

type Definitions = (typeof definitions)[keyof typeof definitions];

/** The name of an event type on the wire, such as `action.ordered`. */
export type EventType = Definitions["type"];

type DefinitionOf<Type extends EventType> = Extract<Definitions, { type: Type }>;

/** The payload of an event type, at its current version. */
export type DataOf<Type extends EventType> =
  DefinitionOf<Type> extends EventDefinition<Type, infer Data> ? Data : never;

/** A decoded, upcast and verified event of one type. */
export type EventOf<Type extends EventType> = Omit<Envelope, "type" | "data"> & { type: Type; data: DataOf<Type> };

/** Any event of the catalogue, discriminated by `type`. */
export type OmegaEvent = { [Type in EventType]: EventOf<Type> }[EventType];

/**
 * An event not yet said: what a pure decider returns. The process that says it adds id, time, trace and signature. Two drafts
 * with the same cause and the same `key` (default: the type) are the same event.
 */
export type Draft = {
  [Type in EventType]: { type: Type; data: DataOf<Type>; incidentid?: string; key?: string };
}[EventType];

const byType: ReadonlyMap<string, EventDefinition> = new Map(
  Object.values(definitions).map((definition) => [definition.type, definition as EventDefinition]),
);

/** Every definition in the order of the documentation. */
export const catalogue: readonly EventDefinition[] = [...byType.values()];

export function definitionOf(type: string): EventDefinition | undefined {
  return byType.get(type);
}
