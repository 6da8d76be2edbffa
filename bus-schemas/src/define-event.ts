import { z } from "zod";

/** The processes and people that sign events. `operator` is a person's key, used by the console and the `omega` command. */
export const roles = ["scout", "coordinator", "surgeon", "scribe", "operator"] as const;
export type Role = (typeof roles)[number];

/** What a person's key may do: a viewer looks, a responder decides and presses the panic button, an admin also resumes and sets. */
export const personRoles = ["viewer", "responder", "admin"] as const;
export type PersonRole = (typeof personRoles)[number];

/** What an event is about; decides its NATS subject (see subjects.ts). */
export type Scope = "incident" | "signal" | "control" | "agent" | "policy" | "audit";

/** Turns the data of version n into the data of version n + 1. Pure and total over every golden sample of version n. */
export type Upcaster = (data: unknown) => unknown;

export interface EventDefinition<Type extends string = string, Data = unknown> {
  readonly type: Type;
  /** One sentence for docs/events.md. */
  readonly says: string;
  readonly scope: Scope;
  /** The current version of `data`; a reader accepts every lower one for which an upcaster leads here. */
  readonly version: number;
  /** Who may sign this type. A correctly signed event of another role is refused. */
  readonly saidBy: readonly Role[];
  /** What a person's key must at least be good for to say it. */
  readonly personNeeds: PersonRole;
  readonly schema: z.ZodType<Data>;
  /** A complete sample; it becomes the golden file and the documentation. */
  readonly example: Data;
  readonly upcasters: Readonly<Record<number, Upcaster>>;
}

/** Declares one event type. The definition is the only place that knows its name, its shape and who may say it. */
export function defineEvent<const Type extends `${string}.${string}`, Schema extends z.ZodType>(definition: {
  type: Type;
  says: string;
  scope: Scope;
  version?: number;
  saidBy: readonly Role[];
  /** Where a person may say it; `responder` unless told. */
  personNeeds?: PersonRole;
  schema: Schema;
  example: z.output<Schema>;
  upcasters?: Readonly<Record<number, Upcaster>>;
}): EventDefinition<Type, z.output<Schema>> {
  const { version = 1, upcasters = {}, personNeeds = "responder", schema, ...rest } = definition;
  for (let from = 1; from < version; from += 1) {
    if (upcasters[from] === undefined) {
      throw new Error(`${definition.type} is at version ${version} but has no upcaster from version ${from}`);
    }
  }
  return { ...rest, version, upcasters, personNeeds, schema: schema as z.ZodType<z.output<Schema>> };
}
