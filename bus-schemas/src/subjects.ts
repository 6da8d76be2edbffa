import { definitionOf } from "./catalogue.ts";
import type { EventDefinition, Role } from "./define-event.ts";

/** Everything Omega says is under this root; the stream OMEGA takes `omega.>`. */
const root = "omega";

/** Subject filters for readers. */
export const subjects = {
  everything: `${root}.>`,
  incidents: `${root}.incident.>`,
  incident: (incidentId: string) => `${root}.incident.${tokenFor(incidentId)}.>`,
  signals: `${root}.signal.>`,
  control: `${root}.control.>`,
  policy: `${root}.policy.>`,
  agents: `${root}.agent.>`,
  audit: `${root}.audit.>`,
} as const;

/** Whether a subject is one that a filter ending in `.>` lets through. */
export function isUnder(filter: string, subject: string): boolean {
  const prefix = filter.slice(0, -1);
  return subject.startsWith(prefix) && subject.length > prefix.length;
}

/**
 * One NATS subject token for any text: letters, digits, `_` and `-` stay, every other byte of its UTF-8 becomes `=XX`. Injective,
 * so two services never share a subject.
 */
export function tokenFor(text: string): string {
  if (text === "") throw new Error("an empty name has no subject token");
  let token = "";
  for (const byte of new TextEncoder().encode(text)) {
    const character = String.fromCharCode(byte);
    token += /[A-Za-z0-9_-]/.test(character) ? character : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return token;
}

/** What `subjectFor` needs of an event. */
export interface Addressed {
  readonly type: string;
  readonly incidentid?: string | undefined;
  readonly data: unknown;
}

/**
 * The one place where a subject is built: `omega.incident.<incidentId>.<noun>.<verb>`, `omega.signal.<service>.<verb>`,
 * `omega.control.<verb>`, `omega.policy.<noun>.<verb>`, `omega.agent.<agent>.<verb>`,
 * `omega.audit.<verb>`. Throws on an unknown type or a missing incident: both are bugs of the caller.
 */
export function subjectFor(event: Addressed): string {
  const definition = definitionOf(event.type);
  if (definition === undefined) throw new Error(`no event type '${event.type}' exists`);
  const [noun = "", verb = ""] = event.type.split(".");
  switch (definition.scope) {
    case "incident": {
      if (event.incidentid === undefined) throw new Error(`${event.type} needs an incidentid`);
      return `${root}.incident.${tokenFor(event.incidentid)}.${noun}.${verb}`;
    }
    case "signal":
      return `${root}.signal.${tokenFor(textField(event, "service"))}.${verb}`;
    case "control":
    case "audit":
      return `${root}.${definition.scope}.${verb}`;
    case "policy":
      return `${root}.policy.${noun}.${verb}`;
    case "agent":
      return `${root}.agent.${tokenFor(textField(event, "agent"))}.${verb}`;
  }
}

/**
 * The subjects on which `role` may say events of this type, as a pattern for the server's permissions. A process says `agent.*` of itself
 * only; everything else depends on incident or service, which a pattern leaves open.
 */
export function sayingPattern(event: Pick<EventDefinition, "type" | "scope">, role: Role): string {
  const [noun = "", verb = ""] = event.type.split(".");
  switch (event.scope) {
    case "incident":
      return `${root}.incident.*.${noun}.${verb}`;
    case "signal":
      return `${root}.signal.*.${verb}`;
    case "control":
    case "audit":
      return `${root}.${event.scope}.${verb}`;
    case "policy":
      return `${root}.policy.${noun}.${verb}`;
    case "agent":
      return `${root}.agent.${tokenFor(role)}.${verb}`;
  }
}

/** The CloudEvents `subject` attribute: the incident, service or process that the event is about. */
export function aboutOf(event: Addressed): string {
  const scope = definitionOf(event.type)?.scope;
  if (scope === "signal") return textField(event, "service");
  if (scope === "agent") return textField(event, "agent");
  return event.incidentid ?? scope ?? "control";
}

function textField(event: Addressed, name: string): string {
  const value: unknown =
    typeof event.data === "object" && event.data !== null ? Reflect.get(event.data, name) : undefined;
  if (typeof value !== "string") throw new Error(`${event.type} needs a text field '${name}' to have a subject`);
  return value;
}
