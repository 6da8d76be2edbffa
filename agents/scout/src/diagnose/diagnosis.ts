import type { Location } from "./error-site.ts";

export interface Evidence {
  readonly kind: "span" | "trace" | "log" | "metric" | "change" | "source";
  /** `trace:<id>/span:<id>`, `change:<id>` and the like: what can be looked at again. */
  readonly ref: string;
  readonly says: string;
}

export type CandidateKind =
  | "code"
  | "error"
  | "latency"
  | "cpu"
  | "memory"
  | "network"
  | "disk"
  | "dependency"
  | "change";

/** One possible cause. */
export interface Candidate {
  readonly rank: number;
  readonly service: string;
  readonly kind: CandidateKind;
  /** How likely this is the cause, 0 to 1; those of one diagnosis add up to at most 1. */
  readonly confidence: number;
  readonly operation?: string;
  readonly errorType?: string;
  /** The error's text without what varies. */
  readonly signature?: string;
  readonly version?: string;
  readonly healthyVersion?: string;
  readonly location?: Location;
  readonly change?: { readonly id: string };
  readonly evidence: readonly Evidence[];
}

export interface Diagnosis {
  readonly onsetMs: number;
  readonly verdict: "cause" | "inconclusive" | "healthy";
  /** Most likely first. */
  readonly candidates: readonly Candidate[];
  readonly blastRadius: { readonly services: readonly string[]; readonly trafficShare: number };
  /** Traces that show it, newest first, at most sixteen. */
  readonly traceIds: readonly string[];
  readonly says: string;
}

/** A candidate before it has a rank. */
export type Suspect = Omit<Candidate, "rank">;
