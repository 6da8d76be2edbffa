import type { DataOf } from "@omega/bus-schemas/catalogue.ts";
import { noUsage, usageOf } from "@omega/shared/model/model.ts";
import { eventsOf } from "../incident-facts.ts";
import type { IncidentRecord } from "../state.ts";
import { code, inline, list } from "./markdown.ts";
import { count } from "./words.ts";

/** What a model said and cost; empty where none was asked. */
export function secondOpinionSection(record: IncidentRecord): string {
  const review = eventsOf(record, "diagnosis.reviewed").at(-1);
  const spending = spendingOf(record);
  const parts = review === undefined ? [] : [inline(review.data.says, 1024), ...detailsOf(review.data)];
  if (review !== undefined && review.data.outcome === "reviewed" && cameLate(record))
    parts.unshift("It came after its time was over and changed nothing: the incident was decided without a model.");
  if (spending !== undefined) parts.push(spending);
  return parts.join("\n\n");
}

/** Whether a model's review had a say in what was decided. */
export function reviewedBy(record: IncidentRecord): string | undefined {
  const review = eventsOf(record, "diagnosis.reviewed").at(-1);
  return review?.data.outcome === "reviewed" && !cameLate(record) ? review.data.model : undefined;
}

function cameLate(record: IncidentRecord): boolean {
  return eventsOf(record, "deadline.passed").some(({ data }) => data.awaited === "review");
}

function detailsOf({ claims, claimsDropped, failing, looked }: DataOf<"diagnosis.reviewed">): string[] {
  const parts: string[] = [];
  if (failing?.location?.file !== undefined) {
    const line = failing.location.lineStart === undefined ? "" : `:${failing.location.lineStart}`;
    const call = failing.operation === undefined ? "" : ` in ${code(failing.operation)}`;
    parts.push(`It names ${code(`${failing.location.file}${line}`)}${call} as what fails.`);
  }
  if (looked !== undefined) parts.push(`It asked for one more look: ${inline(looked)}.`);
  if (claims.length > 0) {
    const cited = claims.map(
      ({ says, evidence }) => `${inline(says)} (${evidence.map(({ ref }) => code(ref)).join(", ")})`,
    );
    parts.push(`Its claims, each with what it rests on:\n\n${list(cited)}`);
  }
  if (claimsDropped > 0) parts.push(`${count(claimsDropped, "claim")} without evidence dropped.`);
  return parts;
}

function spendingOf(record: IncidentRecord): string | undefined {
  const consulted = eventsOf(record, "model.consulted");
  if (consulted.length === 0) return undefined;
  const usage = consulted.map(({ data }) => data.usage).reduce((sum, each) => usageOf(sum, each), noUsage);
  const unanswered = consulted.filter(({ data }) => data.failure !== undefined).length;
  const cost = usage.costUsd === undefined ? "" : `, ${usage.costUsd.toFixed(4)} USD`;
  const about = usage.estimated ? "about " : "";
  const silent = unanswered === 0 ? "" : `; ${count(unanswered, "question")} without a usable answer`;
  return `${count(consulted.length, "question")} to a model: ${about}${usage.inputTokens} tokens in, ${usage.outputTokens} out${cost}${silent}.`;
}
