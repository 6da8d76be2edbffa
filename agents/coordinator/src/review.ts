import type { DataOf } from "@omega/bus-schemas/catalogue.ts";
import type { Candidate } from "@omega/bus-schemas/vocabulary.ts";
import type { Incident } from "./state.ts";

/**
 * What a model's review changes: the order of the candidates that the diagnosis found, and their confidence downwards. It adds no candidate
 * and no word, and nothing gets more confident by it, whatever it says: policy asks for confidence, so a review can turn "alone" into "ask a
 * person" and never the other way. One that comes after its wait is over changes nothing.
 */
export function afterReview(incident: Incident, review: DataOf<"diagnosis.reviewed">): Incident {
  if (!incident.waits.some(({ awaited }) => awaited === "review")) return incident;
  const { candidates = [], ...rest } = incident;
  const waits = incident.waits.filter(({ awaited }) => awaited !== "review");
  const cause = review.outcome === "reviewed" ? firstOf(candidates, review.order) : undefined;
  if (cause === undefined) return { ...rest, waits };
  return { ...rest, waits, cause, withModel: true };
}

function firstOf(
  candidates: readonly Candidate[],
  order: DataOf<"diagnosis.reviewed">["order"],
): Candidate | undefined {
  for (const { rank, confidence } of order) {
    const candidate = candidates.find((each) => each.rank === rank);
    if (candidate !== undefined) return { ...candidate, confidence: Math.min(candidate.confidence, confidence) };
  }
  return undefined;
}
