import type { Action, ActionContext } from "@omega/shared/action.ts";
import { canonicalJson } from "@omega/shared/canonical-json.ts";
import { fail, ok, type Failure, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../../ports.ts";
import { nameSchema } from "../../ssh/parameters.ts";
import { failureOfStatus, readAnswer, targetOfKind } from "../../webhook/answers.ts";
import type { WebhookTargetOf } from "../../webhook/webhook-config.ts";

const valueSchema = z.union([z.boolean(), z.number(), z.string().max(1024)]);
const paramsSchema = z.strictObject({ target: nameSchema, flag: z.string().min(1).max(128), value: valueSchema });
type Params = z.infer<typeof paramsSchema>;

const planSchema = z.strictObject({
  target: nameSchema,
  flag: z.string(),
  before: valueSchema,
  after: valueSchema,
  warnings: z.array(z.string()),
});
type Plan = z.infer<typeof planSchema>;
type Value = z.infer<typeof valueSchema>;
type Context = ActionContext<Clients>;

/** A look that lost a race is repeated; more often means that something fights over the flag. */
const looksMax = 3;

interface Flag {
  readonly value: Value;
  readonly whole: Record<string, z.core.util.JSONType>;
  /** Names the version, where the API offers preconditions. */
  readonly etag: string | undefined;
}

function flagTarget(
  context: Context,
  { target, flag }: Pick<Params, "target" | "flag">,
): Outcome<WebhookTargetOf<"feature-flag">> {
  const configured = targetOfKind(context.clients.webhooks.config, "feature-flag", target);
  if (!configured.ok || configured.value.flags.includes(flag)) return configured;
  return fail(
    "terminal",
    "flag_not_allowed",
    `The webhook target '${target}' does not name the flag '${flag.slice(0, 128)}'.`,
  );
}

const pathOf = (target: WebhookTargetOf<"feature-flag">, flag: string): string =>
  target.path.replaceAll("{flag}", encodeURIComponent(flag));

async function readFlag(
  context: Context,
  target: WebhookTargetOf<"feature-flag">,
  name: string,
  flag: string,
): Promise<Outcome<Flag>> {
  const call = { target: name, method: "GET", path: pathOf(target, flag), effect: "look" } as const;
  const answer = await context.clients.webhooks.http.send(call, context.signal);
  const whole = readAnswer(`Flag ${flag}`, "look", answer, z.record(z.string(), z.json()));
  if (!whole.ok) return whole;
  const value = valueSchema.safeParse(whole.value[target.field]);
  if (!value.success)
    return fail("terminal", "unreadable_answer", `Flag ${flag} has no simple value in its field '${target.field}'.`);
  return ok({ value: value.data, whole: whole.value, etag: answer.ok ? answer.value.headers["etag"] : undefined });
}

/** Of a flag that was there when the plan was made: whatever has its name later is somebody else's. */
function orGone(flag: string, failure: Failure): Outcome<never> {
  return failure.code === "not_found"
    ? fail("conflict", "object_gone", `Flag ${flag} does not exist any more.`)
    : { ok: false, failure };
}

/** Already there: done. As it was left: set it, on condition that it is still the version that was read. Else conflict. */
async function moveFlag(context: Context, plan: Plan, from: Value, to: Value): Promise<Outcome<void>> {
  const target = flagTarget(context, plan);
  if (!target.ok) return target;
  for (let looks = 1; ; looks += 1) {
    const now = await readFlag(context, target.value, plan.target, plan.flag);
    if (!now.ok) return orGone(plan.flag, now.failure);
    if (now.value.value === to) return ok();
    if (now.value.value !== from) {
      return fail(
        "conflict",
        "flag_changed",
        `Flag ${plan.flag} is ${canonicalJson(now.value.value)}, not ${canonicalJson(from)}.`,
      );
    }
    const { method, field } = target.value;
    const { whole, etag } = now.value;
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const headers = { "content-type": type, ...(etag === undefined ? {} : { "if-match": etag }) };
    const body = JSON.stringify(method === "PATCH" ? { [field]: to } : { ...whole, [field]: to });
    const call = {
      target: plan.target,
      method,
      path: pathOf(target.value, plan.flag),
      headers,
      body,
      effect: "change",
    } as const;
    const answer = await context.clients.webhooks.http.send(call, context.signal);
    if (!answer.ok) return answer;
    const { status } = answer.value;
    if (status >= 200 && status < 300) return ok();
    if (status !== 412 || looks === looksMax) return failureOfStatus(`Flag ${plan.flag}`, "change", answer.value);
  }
}

/** Sets a feature flag by a REST API, with the version that was read as the precondition where the API has ETags. */
export const action: Action<Params, Plan, Clients> = {
  type: "webhook.feature-flag",
  paramsSchema,
  planSchema,
  traits: {
    reversible: "exact",
    risk: "medium",
    dryRun: "simulated",
    permissions: [],
    refuses: {
      flag_not_allowed: "the target does not name the flag",
      nothing_to_change: "the flag is so already",
      unreadable_answer: "the flag has no simple value",
      wrong_type: "the value is of another type than the flag's",
    },
    target: ({ target, flag }) => ({ system: "webhook", kind: "feature-flag", name: `${target}/${flag}` }),
    blastRadius: ({ target, flag, after }) => ({
      objects: [`${target}: ${flag}`],
      instances: 1,
      ofInstances: 1,
      // Everybody sees the flag's other value; nothing is out of service.
      unavailable: 0,
      workload: `flag ${flag}`,
      says: `Everybody who asks ${target} for ${flag} gets ${canonicalJson(after)}.`,
    }),
  },

  async plan(context, params) {
    const target = flagTarget(context, params);
    if (!target.ok) return target;
    const now = await readFlag(context, target.value, params.target, params.flag);
    if (!now.ok) return now;
    const { value: before, etag } = now.value;
    if (before === params.value)
      return fail("terminal", "nothing_to_change", `Flag ${params.flag} is ${canonicalJson(before)} already.`);
    if (typeof before !== typeof params.value) {
      return fail(
        "terminal",
        "wrong_type",
        `Flag ${params.flag} is a ${typeof before}; it can't become a ${typeof params.value}.`,
      );
    }
    const warnings = ["The flag's API offers no dry-run: only its present value was read."];
    if (etag === undefined)
      warnings.push("It offers no ETag either: a change by others in the moment of ours would be lost.");
    return ok({ target: params.target, flag: params.flag, before, after: params.value, warnings });
  },

  async dryRun(context, plan) {
    const target = flagTarget(context, plan);
    if (!target.ok) return target;
    const now = await readFlag(context, target.value, plan.target, plan.flag);
    if (!now.ok) return now;
    const { before, after } = plan;
    if (now.value.value !== before)
      return fail("conflict", "flag_changed", `Flag ${plan.flag} is no longer ${canonicalJson(before)}.`);
    return ok([{ object: `${plan.target}: ${plan.flag}`, path: `/${target.value.field}`, before, after }]);
  },

  execute: (context, plan) => moveFlag(context, plan, plan.before, plan.after),
  undo: (context, plan) => moveFlag(context, plan, plan.after, plan.before),
};
