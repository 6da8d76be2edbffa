import type { Candidate } from "@omega/bus-schemas/vocabulary.ts";
import { diagnosisOf } from "../incident-facts.ts";
import { placeOf } from "../memory-of.ts";
import type { IncidentRecord } from "../state.ts";
import { block, code, inline, list, table } from "./markdown.ts";
import { reviewedBy } from "./second-opinion.ts";
import { percent, span } from "./words.ts";

export function rootCauseSection(record: IncidentRecord): string {
  const diagnosis = diagnosisOf(record);
  if (diagnosis === undefined) return "No diagnosis was reached, so the cause is unknown.";
  const { verdict, candidates, says, tookMs, traceIds } = diagnosis.data;
  const model = reviewedBy(record) ?? diagnosis.data.model;
  const [first, ...others] = candidates;
  const parts = [inline(says, 2048)];
  if (verdict === "inconclusive")
    parts.push("The evidence did not single out a cause; the candidates below are the best guesses.");
  if (first !== undefined) parts.push(table(["", ""], factsOf(first)), "Evidence:", evidenceOf(first));
  if (traceIds.length > 0) parts.push(`Traces to look at: ${traceIds.map((id) => code(id)).join(", ")}.`);
  if (others.length > 0) {
    const rows = others.map((each) => [
      String(each.rank),
      code(each.service),
      each.kind,
      each.operation === undefined ? "" : code(each.operation),
      percent(each.confidence),
    ]);
    parts.push("Less likely:", table(["Rank", "Service", "Kind", "Call", "Confidence"], rows));
  }
  const opinion = model === undefined ? "without a model" : `with a second opinion of ${code(model)}`;
  parts.push(`Diagnosed in ${span(tookMs)}, ${opinion}.`);
  return parts.join("\n\n");
}

function factsOf(candidate: Candidate): string[][] {
  const { service, kind, operation, errorType, version, healthyVersion, location, change, confidence } = candidate;
  const place = placeOf(location);
  return [
    ["Service", code(service)],
    ["Kind", kind],
    ...(operation === undefined ? [] : [["Failing call", code(operation)]]),
    ...(errorType === undefined ? [] : [["Error", code(errorType)]]),
    ...(place === undefined ? [["Line", "not known"]] : [["Line", code(place)]]),
    ...(location?.lastSeen === undefined ? [] : [["Last statement seen", code(location.lastSeen)]]),
    ...(location?.expectedNext === undefined ? [] : [["Expected next", code(location.expectedNext)]]),
    ...(version === undefined ? [] : [["Faulty version", code(version)]]),
    ...(healthyVersion === undefined ? [] : [["Healthy version", code(healthyVersion)]]),
    ...(change === undefined ? [] : [["Change", code(change.id)]]),
    ["Confidence", percent(confidence)],
  ];
}

function evidenceOf({ evidence }: Candidate): string {
  if (evidence.length === 0) return "- none recorded: take this cause as a claim.";
  const said = evidence.filter(({ kind }) => kind !== "source");
  const source = evidence.filter(({ kind }) => kind === "source");
  return [
    list(said.map(({ kind, ref, says }) => `${inline(says)} (${kind}, ${code(ref)})`)),
    ...source.map(
      ({ ref, says }) => `The code around ${code(ref.replace(/^source:/, ""))}:\n\n${block("text", says.split("\n"))}`,
    ),
  ].join("\n\n");
}
