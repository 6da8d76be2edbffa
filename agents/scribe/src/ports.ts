import type { MemoryMatch } from "@omega/bus-schemas/vocabulary.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import type { Remembered } from "./state.ts";

/** What an incident looks like at its beginning: all that recall may go by. */
export interface Symptom {
  readonly service: string;
  readonly operation: string;
  readonly errorType?: string | undefined;
  readonly signature?: string | undefined;
  /** The signal's own sentence, with its numbers. */
  readonly says: string;
}

/** Incidents of the past. Implementations may keep an index of their own; `remembered` is what it can be rebuilt from. */
export interface Memory {
  /**
   * The most similar incidents, best first, at most eight; none where nothing is close enough to act on. Failure: the store does not
   * answer, and the incident goes on without it.
   */
  recall(symptom: Symptom, remembered: Remembered): Promise<Outcome<readonly MemoryMatch[]>>;
}

/** Where post-mortems are put for people; the events on the stream remain the originals. */
export interface Shelf {
  /** Replaces an earlier text of the same incident. Gives the place, for the log. */
  put(incidentId: string, markdown: string): Promise<Outcome<string>>;
}
