/**
 * How this package says no. Untrusted bytes are parsed and checked into a `Checked`, whose reason is one sentence for
 * a person; work on a disk or a network ends in an `Outcome`, whose failure also says what may be done next.
 */

/** A value that passed every check, or the first reason why it did not. */
export type Checked<T> = { readonly ok: true; readonly value: T } | Refused;

export interface Refused {
  readonly ok: false;
  readonly reason: string;
}

/**
 * - `retryable`: nothing changed, the same call may work later;
 * - `terminal`: the same call will never work;
 * - `conflict`: another writer or a damaged log is in the way, a person has to look;
 * - `unknown`: it may or may not have happened; open the log again to find out.
 */
export interface Failure {
  readonly kind: "retryable" | "terminal" | "conflict" | "unknown";
  readonly code: string;
  readonly message: string;
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | Failed;

export interface Failed {
  readonly ok: false;
  readonly failure: Failure;
}

export function passed<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function refused(reason: string): Refused {
  return { ok: false, reason };
}

export function failed(kind: Failure["kind"], code: string, message: string): Failed {
  return { ok: false, failure: { kind, code, message } };
}
