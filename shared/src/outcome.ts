import type { Drift } from "@omega/bus-schemas/vocabulary.ts";

/**
 * What may be done after a failure:
 * - `retryable`: nothing changed, later may work;
 * - `terminal`: it will never work;
 * - `conflict`: the world is not ours to move;
 * - `unknown`: it may or may not have happened.
 */
export type FailureKind = "retryable" | "terminal" | "conflict" | "unknown";

/** An expected failure. `code` is snake_case and stable for ever; `message` is for people and names the place. */
export interface Failure {
  readonly kind: FailureKind;
  readonly code: string;
  readonly message: string;
  /** With a `conflict`, where they can be told: both states, field by field, and who changed it. */
  readonly differs?: readonly Drift[];
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export function ok(): Outcome<void>;
export function ok<T>(value: T): Outcome<T>;
export function ok<T>(value?: T): Outcome<T | undefined> {
  return { ok: true, value };
}

export function fail(
  kind: FailureKind,
  code: string,
  message: string,
  differs?: readonly Drift[],
): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: { kind, code, message, ...(differs === undefined ? {} : { differs }) } };
}

/** The text of whatever was thrown, for a message; never a stack. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
