import type { Outcome } from "@omega/shared/outcome.ts";
import type { WebhookConfig } from "./webhook-config.ts";

export interface HttpCall {
  /** Name of a configured target. */
  readonly target: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  /** Path and query below the target's URL, encoded already. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** `look` promises to change nothing: when its answer is lost it may simply be asked again. */
  readonly effect: "look" | "change";
  /** Id to sign the body under, as Standard Webhooks has it; at `atMs`, milliseconds since 1970. */
  readonly sign?: { readonly id: string; readonly atMs: number };
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Secrets of the target masked. */
  readonly text: string;
}

/**
 * Calls targets. An answer is `ok` whatever its status, redirects apart, which are never followed. Failures: `retryable` `unreachable`
 * (not sent); `terminal` `target_unknown`, `address_refused`, `secret_missing`, `unreadable_ca`; `unknown` `no_answer`, `redirected`,
 * `answer_too_large`, which are `retryable`, `terminal`, `terminal` for a look.
 */
export interface HttpExchange {
  send(call: HttpCall, signal: AbortSignal): Promise<Outcome<HttpAnswer>>;
}

/** What the webhook actions need. */
export interface Webhooks {
  readonly config: WebhookConfig;
  readonly http: HttpExchange;
}
