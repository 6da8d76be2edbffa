import { candidateSchema, type Candidate } from "@omega/bus-schemas/vocabulary.ts";
import { z } from "zod";
import type { Registry } from "./actions/registry.ts";
import type { JsonObject } from "./kubernetes/json-pointer.ts";
import type { Considered, Refusal, Repair } from "./repair-planner.ts";
import type { SshConfig } from "./ssh/ssh-config.ts";
import { nameSchema } from "./ssh/parameters.ts";
import type { WebhookConfig } from "./webhook/webhook-config.ts";

/** What a parameter may take from the diagnosis. */
export const placeholders = ["service", "operation", "version", "healthyVersion", "change", "host"] as const;
type Placeholder = (typeof placeholders)[number];
const inBraces = /\{([^{}]*)\}/g;

const textSchema = z.string().max(1024);
const valueSchema = z.union([textSchema, z.number(), z.boolean()]);

const remedySchema = z
  .strictObject({
    when: z.strictObject({
      services: z
        .array(z.string().min(1).max(256))
        .min(1)
        .describe("Services whose fault it mends; `*` is any. Names as telemetry has them."),
      kinds: z
        .array(candidateSchema.shape.kind)
        .min(1)
        .optional()
        .describe("Kinds of fault that it mends; absent: any."),
      changes: z
        .array(z.string().min(1).max(256))
        .min(1)
        .optional()
        .describe("Ids of changes that it takes back, as the change list has them; a `*` at the end is any ending."),
      errorTypes: z.array(z.string().min(1).max(256)).min(1).optional().describe("Types of error that it mends."),
    }),
    action: z.string().regex(/^(ssh|webhook)\.[a-z-]+$/, "must be an action of the families ssh or webhook"),
    params: z
      .record(z.string(), z.union([valueSchema, z.record(z.string(), valueSchema)]))
      .describe(`The action's parameters. Texts may hold ${placeholders.map((name) => `{${name}}`).join(", ")}.`),
    says: z.string().min(1).max(512).describe("Why it helps, for the people who decide."),
    weight: z
      .number()
      .min(0)
      .max(100)
      .default(65)
      .describe(
        "Higher comes first. A rollback to a version known to be healthy has 100, a restart 70, more capacity 50.",
      ),
  })
  .superRefine(({ params }, context) => {
    for (const text of textsOf(params)) {
      for (const [, name = ""] of text.matchAll(inBraces)) {
        if (isPlaceholder(name)) continue;
        context.addIssue({ code: "custom", path: ["params"], message: `no placeholder {${name}} exists` });
      }
    }
  });
export type Remedy = z.infer<typeof remedySchema>;

/** The `remedies` part of Surgeon's configuration: which SSH template or webhook mends which fault. The planner offers no other. */
export const remediesSchema = z.record(nameSchema, remedySchema);
export type Remedies = z.infer<typeof remediesSchema>;

/** Where a remedy names what the rest of the configuration does not have; each with its path and a message. */
export function mistakesInRemedies(
  remedies: Remedies,
  { ssh, webhooks }: { readonly ssh: SshConfig; readonly webhooks: WebhookConfig },
): { path: (string | number)[]; message: string }[] {
  const known: Readonly<Record<string, readonly [string, object]>> = {
    host: ["host", ssh.hosts],
    service: ["service", ssh.services],
    template: ["command", ssh.commands],
    disk: ["disk", ssh.disks],
    target: ["webhook target", webhooks.targets],
  };
  return Object.entries(remedies).flatMap(([name, { params }]) =>
    Object.entries(params).flatMap(([param, value]) => {
      const [what, among] = known[param] ?? [];
      if (among === undefined || typeof value !== "string" || value.includes("{")) return [];
      if (Object.hasOwn(among, value)) return [];
      return [{ path: ["remedies", name, "params", param], message: `no ${what} '${value}' is configured` }];
    }),
  );
}

/**
 * The remedies of the operator's that fit a cause, and of those that are for this service why the others were not taken. Values from the
 * diagnosis only fill parameters, which the action's own schema and the template's types check like anybody else's.
 */
export function considerRemedies(
  cause: Candidate,
  { remedies, ssh, registry }: { readonly remedies: Remedies; readonly ssh: SshConfig; readonly registry: Registry },
): Considered[] {
  const ofService = Object.entries(remedies).filter(
    ([, { when }]) => when.services.includes(cause.service) || when.services.includes("*"),
  );
  return ofService.map(([name, remedy]) => {
    const refuse = (reason: string): Refusal => ({ actionType: remedy.action, reason: `Remedy '${name}': ${reason}` });
    const unfit = unfitness(remedy, cause);
    if (unfit !== undefined) return refuse(unfit);
    const filled = fill(remedy.params, valuesFrom(cause, ssh));
    if (typeof filled === "string") return refuse(`the diagnosis names no {${filled}}, which it needs.`);
    const action = registry.get(remedy.action);
    if (action === undefined) return refuse(`no action ${remedy.action} is installed.`);
    const params = action.paramsSchema.safeParse(filled);
    if (!params.success) return refuse(z.prettifyError(params.error).slice(0, 512));
    const repair: Repair = {
      actionType: remedy.action,
      targetName: action.traits.target(params.data).name,
      params: filled,
      reasons: [`${remedy.says} (remedy '${name}' for ${kindsText(remedy)} of ${cause.service}).`],
      warnings: [],
      weight: remedy.weight,
    };
    return repair;
  });
}

function unfitness({ when }: Remedy, { kind, change, errorType }: Candidate): string | undefined {
  if (when.kinds !== undefined && !when.kinds.includes(kind)) {
    return `it mends faults of kind ${when.kinds.join(", ")}, and this is one of kind ${kind}.`;
  }
  if (when.changes !== undefined) {
    if (change === undefined) return "it takes a change back, and no change is known to be the cause.";
    if (!when.changes.some((pattern) => matches(pattern, change.id)))
      return `it does not take back change ${change.id}.`;
  }
  if (when.errorTypes !== undefined && !when.errorTypes.includes(errorType ?? "")) {
    return `it mends errors of type ${when.errorTypes.join(", ")}, and this is ${errorType ?? "of unknown type"}.`;
  }
  return undefined;
}

function matches(pattern: string, id: string): boolean {
  return pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : pattern === id;
}

function valuesFrom(cause: Candidate, ssh: SshConfig): Readonly<Partial<Record<Placeholder, string>>> {
  const { service, operation, version, healthyVersion, change } = cause;
  const host = hostOf(cause, ssh);
  return {
    service,
    ...(operation === undefined ? {} : { operation }),
    ...(version === undefined ? {} : { version }),
    ...(healthyVersion === undefined ? {} : { healthyVersion }),
    ...(change === undefined ? {} : { change: change.id }),
    ...(host === undefined ? {} : { host }),
  };
}

/** The configured host whose name or address a metric of the evidence comes from (`metric:<name>@<instance>`); none where several do. */
function hostOf({ evidence }: Candidate, { hosts }: SshConfig): string | undefined {
  const instances = new Set(
    evidence.flatMap(({ kind, ref }) => (kind === "metric" ? [ref.slice(ref.lastIndexOf("@") + 1)] : [])),
  );
  const found = Object.entries(hosts).filter(([name, { address }]) => instances.has(name) || instances.has(address));
  return found.length === 1 ? found[0]?.[0] : undefined;
}

/** The parameters with the diagnosis's values in them, or the first placeholder that has none. */
function fill(params: Remedy["params"], values: Readonly<Partial<Record<Placeholder, string>>>): JsonObject | string {
  const missing = textsOf(params)
    .flatMap((text) => [...text.matchAll(inBraces)].map(([, name = ""]) => name))
    .find((name) => !isPlaceholder(name) || values[name] === undefined);
  if (missing !== undefined) return missing;
  const filled = (value: z.infer<typeof valueSchema>): z.infer<typeof valueSchema> =>
    typeof value === "string"
      ? value.replaceAll(inBraces, (whole, name: string) => (isPlaceholder(name) ? (values[name] ?? whole) : whole))
      : value;
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [
      name,
      typeof value === "object"
        ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, filled(inner)]))
        : filled(value),
    ]),
  );
}

function textsOf(params: Remedy["params"]): string[] {
  return Object.values(params)
    .flatMap((value) => (typeof value === "object" ? Object.values(value) : [value]))
    .filter((value) => typeof value === "string");
}

function isPlaceholder(name: string): name is Placeholder {
  return placeholders.some((known) => known === name);
}

function kindsText({ when }: Remedy): string {
  if (when.changes !== undefined) return "a change";
  return when.kinds === undefined ? "any fault" : `faults of kind ${when.kinds.join(", ")}`;
}
