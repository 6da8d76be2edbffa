import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { HttpAnswer } from "./http-exchange.ts";
import type { WebhookConfig, WebhookTarget, WebhookTargetOf } from "./webhook-config.ts";

/** A target by name, if it is of the kind that the action knows. Failures `terminal/target_unknown`, `terminal/wrong_kind`. */
export function targetOfKind<Kind extends WebhookTarget["kind"]>(
  config: WebhookConfig,
  kind: Kind,
  name: string,
): Outcome<WebhookTargetOf<Kind>> {
  const target = Object.hasOwn(config.targets, name) ? config.targets[name] : undefined;
  if (target === undefined) return fail("terminal", "target_unknown", `No webhook target '${name}' is configured.`);
  if (!isOfKind(target, kind))
    return fail("terminal", "wrong_kind", `The webhook target '${name}' is of kind ${target.kind}, not ${kind}.`);
  return ok(target);
}

function isOfKind<Kind extends WebhookTarget["kind"]>(
  target: WebhookTarget,
  kind: Kind,
): target is WebhookTargetOf<Kind> {
  return target.kind === kind;
}

/** Reads a JSON answer; without a good status it is the failure that the status stands for. */
export function readAnswer<Schema extends z.ZodType>(
  about: string,
  effect: "look" | "change",
  answer: Outcome<HttpAnswer>,
  schema: Schema,
): Outcome<z.output<Schema>> {
  if (!answer.ok) return answer;
  const { status, text } = answer.value;
  if (status < 200 || status > 299) return failureOfStatus(about, effect, answer.value);
  const parsed = schema.safeParse(jsonOf(text));
  if (parsed.success) return ok(parsed.data);
  const message = `${about}: ${z.prettifyError(parsed.error)}`;
  return fail(effect === "change" ? "unknown" : "terminal", "unreadable_answer", message);
}

/** Classes a status that is no success by what may be done next. */
export function failureOfStatus(
  about: string,
  effect: "look" | "change",
  { status, text }: HttpAnswer,
): Outcome<never> {
  const message = `${about}: ${status}: ${text.slice(0, 500)}`;
  if (status === 401) return fail("terminal", "unauthorized", message);
  if (status === 403) return fail("terminal", "forbidden", message);
  if (status === 404) return fail("terminal", "not_found", message);
  if (status === 409 || status === 412) return fail("conflict", "write_conflict", message);
  if (status === 429 || status === 503) return fail("retryable", "unavailable", message);
  // A 500, 502 or 504 may come after the change.
  if (status >= 500) return fail(effect === "change" ? "unknown" : "retryable", "server_error", message);
  return fail("terminal", "refused", message);
}

export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
