import type { Signal } from "./signal.ts";

/** What an early-warning detector sees at one look. Nothing of it is remembered there: the same look gives the same finding. */
export interface Finding extends Omit<Signal, "signalId"> {
  /** Names what is watched, so that the next look knows its episode again. */
  readonly key: string;
  /** Rises when the same thing has become pressing enough to be told once more. */
  readonly stage: "early" | "soon";
}

/** How what an episode told of stands now. */
export type Standing =
  | { readonly now: "on" }
  /** `says` is the sentence to close it with. */
  | { readonly now: "over"; readonly says: string }
  /** Nothing new was seen of it. */
  | { readonly now: "unseen" };

/** Traces that show what a finding says, newest or slowest first. */
export interface TraceSource {
  /** Requests that entered the service (and, when named, this instance or operation) since `fromMs`; the slowest first. */
  slowest(of: { service: string; instance?: string; operation?: string }, fromMs: number): string[];
  /** Requests of the service that failed since `fromMs`, newest first. */
  failing(service: string, fromMs: number): string[];
}
