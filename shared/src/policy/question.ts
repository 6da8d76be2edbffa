import type { CedarValueJson, EntityJson, EntityUidJson } from "@cedar-policy/cedar-wasm/nodejs";
import { autonomyLevelSchema, optionSchema, targetSchema } from "@omega/bus-schemas/vocabulary.ts";
import { z } from "zod";

/**
 * What a policy is asked about, in the words of `omega.cedarschema`. All of it comes from the action's registered traits, the dry-run, the
 * config and the fold of the stream; nothing from a model but the diagnosis' confidence, which can only ever ask for a person.
 */
export const questionSchema = z.strictObject({
  actionType: optionSchema.shape.actionType,
  resource: targetSchema.extend({
    /** The service that the repair is for. */
    service: z.string().optional(),
    /** Whether the config's allow-list names the namespace; true where the target system has none. */
    allowListed: z.boolean(),
  }),
  context: z.strictObject({
    /** The config's name for where this Omega works, such as `production`. */
    environment: z.string(),
    risk: optionSchema.shape.risk,
    reversible: optionSchema.shape.reversible,
    dryRun: optionSchema.shape.dryRun,
    confidence: z.number().min(0).max(1),
    confidenceMin: z.number().min(0).max(1),
    autonomy: autonomyLevelSchema,
    /** Instances and objects that would feel it. */
    instances: z.number().int().min(0),
    objects: z.number().int().min(0),
    /** Repairs tried on this incident already. */
    tried: z.number().int().min(0),
    /** Actions that the budget of the running minute still holds. */
    actionsLeft: z.number().int().min(0),
    /** Names of exhausted budgets. */
    exhausted: z.array(z.string()),
    frozen: z.boolean(),
    /** Of the moment of the decision, UTC: 0 to 23; 1 is Monday, 7 Sunday. */
    hour: z.number().int().min(0).max(23),
    weekday: z.number().int().min(1).max(7),
  }),
});
export type Question = z.infer<typeof questionSchema>;

/** Hour and weekday (ISO 8601) of a time in milliseconds since the epoch, UTC. */
export function timeOfDay(now: number): { hour: number; weekday: number } {
  const time = new Date(now);
  return { hour: time.getUTCHours(), weekday: time.getUTCDay() === 0 ? 7 : time.getUTCDay() };
}

/** Who would act: Omega alone, or a person by approving. `anyone` asks whether a person may at all. */
export type Principal =
  | { readonly type: "Agent"; readonly id: "omega" }
  | { readonly type: "Person"; readonly id: string };

export interface CedarRequest {
  readonly principal: EntityUidJson;
  readonly action: EntityUidJson;
  readonly resource: EntityUidJson;
  readonly context: Record<string, CedarValueJson>;
  readonly entities: EntityJson[];
}

/**
 * The question as Cedar takes it. The action is handed over with its family as parent instead of a schema, so that a new action needs no
 * edit here: policies on the family or on all actions apply to it, and one that names it must be declared in a schema to be accepted.
 */
export function cedarRequest({ actionType, resource, context }: Question, principal: Principal): CedarRequest {
  const action = { type: "Action", id: actionType };
  const [family = ""] = actionType.split(".");
  const target = { type: "Target", id: targetId(resource) };
  const { system, ...attributes } = resource;
  return {
    principal,
    action,
    resource: target,
    context: {
      ...context,
      risk: entity("Risk", context.risk),
      reversible: entity("Reversibility", context.reversible),
      dryRun: entity("DryRun", context.dryRun),
      autonomy: entity("Autonomy", context.autonomy),
      confidence: decimal(context.confidence),
      confidenceMin: decimal(context.confidenceMin),
    },
    entities: [
      { uid: action, attrs: {}, parents: [{ type: "Action", id: family }] },
      { uid: target, attrs: { ...withoutAbsent(attributes), system: entity("System", system) }, parents: [] },
    ],
  };
}

/** `kubernetes/shop/Deployment/payments`; what a policy names in `resource == Target::"…"`. */
export function targetId({ system, namespace = "", kind = "", name }: Question["resource"]): string {
  return `${system}/${namespace}/${kind}/${name}`;
}

function entity(type: string, id: string): CedarValueJson {
  return { __entity: { type, id } };
}

/** Cedar's decimal has four digits after the point; more are cut off, so that 0.59999 is not 0.6. */
function decimal(value: number): CedarValueJson {
  return { __extn: { fn: "decimal", arg: (Math.floor(value * 10_000 + 1e-9) / 10_000).toFixed(4) } };
}

function withoutAbsent(attributes: Record<string, string | boolean | undefined>): Record<string, CedarValueJson> {
  const present: Record<string, CedarValueJson> = {};
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) present[name] = value;
  return present;
}
