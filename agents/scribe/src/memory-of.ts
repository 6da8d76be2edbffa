import type { DataOf } from "@omega/bus-schemas/catalogue.ts";
import type { Candidate, Location } from "@omega/bus-schemas/vocabulary.ts";
import { attemptsOf, diagnosisOf, durationMs, signalsOf } from "./incident-facts.ts";
import type { IncidentRecord } from "./state.ts";

const symptomsMax = 32;
const fixesMax = 16;

/**
 * What is worth remembering of an incident: where it really was, what it looked like, and what each repair came to. Filed under the
 * service at fault; the symptoms keep how it showed elsewhere, since the same fault may be noticed first at another place next time.
 */
export function memoryOf(record: IncidentRecord): DataOf<"memory.stored"> {
  const diagnosis = diagnosisOf(record);
  const cause = diagnosis?.data.verdict === "cause" ? diagnosis.data.candidates[0] : undefined;
  const signals = signalsOf(record);
  const noticed = record.opened.data.signal;
  const atCause = signals.find(({ service }) => service === cause?.service) ?? noticed;
  // Recall compares signals with signals, so the signal's own words come first.
  const errorType = atCause.errorType ?? cause?.errorType;
  const signature = atCause.signature;
  return {
    service: cause?.service ?? noticed.service,
    operation: cause?.operation ?? atCause.operation,
    symptoms: [...new Set(signals.map(({ says }) => says))].slice(0, symptomsMax),
    ...(errorType === undefined ? {} : { errorType }),
    ...(signature === undefined ? {} : { signature }),
    rootCause: rootCauseOf(cause),
    ...(cause?.location === undefined ? {} : { location: cause.location }),
    fixes: attemptsOf(record)
      .flatMap(({ order, outcome }) =>
        outcome === "open" ? [] : [{ actionType: order.actionType, target: order.target, outcome }],
      )
      .slice(-fixesMax),
    resolveMs: durationMs(record),
  };
}

function rootCauseOf(cause: Candidate | undefined): string {
  if (cause === undefined) return "The cause was not found.";
  const version = cause.version === undefined ? "" : ` ${cause.version}`;
  const fault = cause.errorType === undefined ? `has a ${cause.kind} fault` : `throws ${cause.errorType}`;
  const place = placeOf(cause.location);
  const where = cause.operation === undefined ? "" : ` in ${cause.operation}`;
  return `${cause.service}${version} ${fault}${place === undefined ? where : ` at ${place}`}`.slice(0, 2048);
}

/** `file:line (function)`, as far as it is known. */
export function placeOf(location: Location | undefined): string | undefined {
  if (location?.file === undefined) return location?.function;
  const line = location.lineStart === undefined ? "" : `:${location.lineStart}`;
  return `${location.file}${line}${location.function === undefined ? "" : ` (${location.function})`}`;
}
