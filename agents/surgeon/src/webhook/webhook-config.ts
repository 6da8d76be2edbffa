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
  url: z
    .url({ protocol: /^https?$/ })
    .refine((url) => {
      const { search, hash, username, password } = new URL(url);
      return search + hash + username + password === "";
    }, "must hold neither query, fragment nor credentials")
    .describe("Scheme, host and port, with a path in front of all paths if need be."),
  allowHttp: z.boolean().default(false).describe("Without it only https is spoken."),
  allowAddresses: z
    .array(z.string().refine(isAddressRange, "must be a range such as 10.1.0.0/16"))
    .default([])
    .describe("Ranges such as `10.1.0.0/16` that this target may resolve to although they are not public."),
  auth: authSchema.optional(),
  caFile: z
    .string()
    .min(1)
    .optional()
    .describe("Path of a PEM file of certificate authorities, instead of the system's."),
  callMs: z
    .number()
    .int()
    .min(50)
    .max(120_000)
    .default(10_000)
    .describe("One exchange, from the look-up of the name to the end of the answer."),
  answerBytesMax: z.number().int().min(1024).max(16_777_216).default(1_048_576),
};

const inputs = {
  says: z.string().min(1).max(512),
  pollMs: z.number().int().min(10).max(60_000).default(2000).describe("Pause between two looks at what was started."),
  params: parametersSchema.default({}),
};

const targetSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("github-workflow"),
      ...reach,
      ...inputs,
      repository: z.string().regex(/^[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+$/),
      workflow: z
        .string()
        .regex(/^[A-Za-z0-9_.-]+\.ya?ml$/)
        .describe("File name of the workflow."),
      ref: z.string().regex(/^[A-Za-z0-9_./-]+$/),
      idInput: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_-]*$/)
        .default("omega_action_id")
        .describe("Input that takes our action id; the workflow's `run-name` must show it."),
    }),
    z.strictObject({
      kind: z.literal("jenkins-build"),
      ...reach,
      ...inputs,
      job: pathSchema.describe("Path of the job, such as `/job/shop/job/deploy`."),
      idInput: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
        .default("OMEGA_ACTION_ID")
        .describe("String parameter of the job that takes our action id."),
    }),
    z.strictObject({
      kind: z.literal("http"),
      ...reach,
      ...inputs,
      path: pathSchema,
      statusPath: pathSchema
        .refine((path) => path.includes("{id}"), "must hold {id}")
        .describe("Answers what became of the action `{id}`: 404, or JSON with `state` `pending | done | failed`."),
      signingSecret: secretSchema.describe("`whsec_…` of Standard Webhooks."),
    }),
    z.strictObject({
      kind: z.literal("feature-flag"),
      ...reach,
      flags: z
        .array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/))
        .describe("The flags that may be set; an empty list permits none."),
      path: pathSchema.refine((path) => path.includes("{flag}"), "must hold {flag}"),
      field: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
        .default("enabled")
        .describe("Field of the flag's JSON object that holds its value."),
      method: z
        .enum(["PUT", "PATCH"])
        .default("PATCH")
        .describe("`PUT` sends the whole object back, `PATCH` a JSON merge patch (RFC 7396)."),
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
