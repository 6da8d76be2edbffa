import { z } from "zod";
import { nameSchema, parametersSchema } from "../ssh/parameters.ts";
import { isAddressRange } from "./address-guard.ts";

/** Where a secret is: never in the configuration itself. */
const secretSchema = z.union([
  z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
  z.strictObject({ file: z.string().min(1) }),
]);
export type SecretPlace = z.infer<typeof secretSchema>;

const authSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("bearer"), secret: secretSchema }),
  z.strictObject({ kind: z.literal("basic"), user: z.string().regex(/^[^:\p{C}]+$/u), secret: secretSchema }),
  z.strictObject({ kind: z.literal("header"), name: z.string().regex(/^[A-Za-z0-9-]+$/), secret: secretSchema }),
]);

const pathSchema = z
  .string()
  .regex(/^(\/[A-Za-z0-9._~%{}:@!$&'()*+,;=-]+)+$/, "must be a path that begins with a slash")
  .refine((path) => !path.split("/").some((step) => step === "." || step === ".."), "must not hold '.' or '..'");

const reach = {
  /** Scheme, host and port, with a path in front of all paths if need be. */
  url: z.url({ protocol: /^https?$/ }).refine((url) => {
    const { search, hash, username, password } = new URL(url);
    return search + hash + username + password === "";
  }, "must hold neither query, fragment nor credentials"),
  /** Without it only https is spoken. */
  allowHttp: z.boolean().default(false),
  /** Ranges such as `10.1.0.0/16` that this target may resolve to although they are not public. */
  allowAddresses: z.array(z.string().refine(isAddressRange, "must be a range such as 10.1.0.0/16")).default([]),
  auth: authSchema.optional(),
  /** Path of a PEM file of certificate authorities, instead of the system's. */
  caFile: z.string().min(1).optional(),
  /** One exchange, from the look-up of the name to the end of the answer. */
  callMs: z.number().int().min(50).max(120_000).default(10_000),
  answerBytesMax: z.number().int().min(1024).max(16_777_216).default(1_048_576),
};

const inputs = {
  says: z.string().min(1).max(512),
  /** Pause between two looks at what was started. */
  pollMs: z.number().int().min(10).max(60_000).default(2000),
  params: parametersSchema.default({}),
};

const targetSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("github-workflow"),
      ...reach,
      ...inputs,
      repository: z.string().regex(/^[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+$/),
      /** File name of the workflow. */
      workflow: z.string().regex(/^[A-Za-z0-9_.-]+\.ya?ml$/),
      ref: z.string().regex(/^[A-Za-z0-9_./-]+$/),
      /** Input that takes our action id; the workflow's `run-name` must show it. */
      idInput: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_-]*$/)
        .default("omega_action_id"),
    }),
    z.strictObject({
      kind: z.literal("jenkins-build"),
      ...reach,
      ...inputs,
      /** Path of the job, such as `/job/shop/job/deploy`. */
      job: pathSchema,
      /** String parameter of the job that takes our action id. */
      idInput: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
        .default("OMEGA_ACTION_ID"),
    }),
    z.strictObject({
      kind: z.literal("http"),
      ...reach,
      ...inputs,
      path: pathSchema,
      /** Answers what became of the action `{id}`: 404, or JSON with `state` `pending | done | failed`. */
      statusPath: pathSchema.refine((path) => path.includes("{id}"), "must hold {id}"),
      /** `whsec_…` of Standard Webhooks. */
      signingSecret: secretSchema,
    }),
    z.strictObject({
      kind: z.literal("feature-flag"),
      ...reach,
      /** The flags that may be set; an empty list permits none. */
      flags: z.array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/)),
      path: pathSchema.refine((path) => path.includes("{flag}"), "must hold {flag}"),
      /** Field of the flag's JSON object that holds its value. */
      field: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
        .default("enabled"),
      /** `PUT` sends the whole object back, `PATCH` a JSON merge patch (RFC 7396). */
      method: z.enum(["PUT", "PATCH"]).default("PATCH"),
    }),
  ])
  .superRefine((target, context) => {
    if (!target.allowHttp && !target.url.startsWith("https:")) {
      context.addIssue({ code: "custom", path: ["url"], message: "must be https, or the target must say allowHttp" });
    }
    for (const [name, parameter] of Object.entries("params" in target ? target.params : {})) {
      if (parameter.type === "path") {
        context.addIssue({ code: "custom", path: ["params", name], message: "a webhook has no roots for paths" });
      }
    }
  });
export type WebhookTarget = z.infer<typeof targetSchema>;
export type WebhookTargetOf<Kind extends WebhookTarget["kind"]> = Extract<WebhookTarget, { kind: Kind }>;

/** The `webhooks` part of Surgeon's configuration: what may be called. Agents choose a name from it, never a URL. */
export const webhookConfigSchema = z.strictObject({ targets: z.record(nameSchema, targetSchema).default({}) });
export type WebhookConfig = z.infer<typeof webhookConfigSchema>;
