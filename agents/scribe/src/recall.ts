import type { MemoryMatch } from "@omega/bus-schemas/vocabulary.ts";
import type { Symptom } from "./ports.ts";
import { placeOf } from "./memory-of.ts";
import type { MemoryRecord, Remembered } from "./state.ts";

/** Below this nothing is similar enough to act on: the same service, operation and error type with quite another message stays below. */
const similarityMin = 0.7;
/** A match this much weaker than the best one is another kind of incident and would only dilute the advice. */
const marginMax = 0.15;
const matchesMax = 8;

/** How much each part of the structure says; they add up to 1. The signature is the rarest coincidence and weighs most. */
const weights = { service: 0.25, operation: 0.2, errorType: 0.2, signature: 0.35 } as const;
/** A place other than the one at fault, which the record knows for a symptom of it, counts almost as much. */
const symptomElsewhere = 0.9;
/** The same sentence but for its numbers, where the error itself is not known on both sides. */
const sameSymptom = 0.8;

/** The incidents most like this symptom, best first; the latest of equals first, since it tells what worked last. */
export function closest(symptom: Symptom, remembered: Remembered): MemoryMatch[] {
  const scored = [...remembered.values()]
    .flat()
    .map((record, age) => ({ record, age, similarity: similarityOf(symptom, record) }))
    .filter(({ similarity }) => similarity >= similarityMin)
    .toSorted((a, b) => b.similarity - a.similarity || b.age - a.age);
  const best = scored[0]?.similarity ?? 0;
  return scored
    .filter(({ similarity }) => best - similarity <= marginMax)
    .slice(0, matchesMax)
    .map(({ record, similarity }) => matchOf(record, similarity));
}

/** 0 to 1; 1 is the same signature in the same place. A part that neither side knows counts for neither. */
export function similarityOf(symptom: Symptom, record: MemoryRecord): number {
  const template = templateOf(symptom.says);
  const seen = record.symptoms.some((each) => templateOf(each) === template);
  const elsewhere = seen ? symptomElsewhere : 0;
  const parts: [number, number][] = [
    [weights.service, symptom.service === record.service ? 1 : elsewhere],
    [weights.operation, symptom.operation === record.operation ? 1 : elsewhere],
  ];
  if (symptom.errorType !== undefined || record.errorType !== undefined) {
    parts.push([weights.errorType, symptom.errorType === record.errorType ? 1 : 0]);
  }
  if (symptom.signature !== undefined || record.signature !== undefined) {
    parts.push([weights.signature, wordOverlap(symptom.signature ?? "", record.signature ?? "")]);
  }
  const whole = parts.reduce((sum, [weight]) => sum + weight, 0);
  const structure = parts.reduce((sum, [weight, match]) => sum + weight * match, 0) / whole;
  return round(Math.max(structure, seen && !contradicts(symptom, record) ? sameSymptom : 0));
}

/** Another error at the same place is a different fault of it, whatever the sentence. */
function contradicts(symptom: Symptom, record: MemoryRecord): boolean {
  return symptom.errorType !== undefined && record.errorType !== undefined && symptom.errorType !== record.errorType;
}

/** Jaccard index of the word sets. */
function wordOverlap(left: string, right: string): number {
  const a = wordsOf(left);
  const b = wordsOf(right);
  const both = a.intersection(b).size;
  const either = a.union(b).size;
  return either === 0 ? 0 : both / either;
}

function wordsOf(text: string): Set<string> {
  return new Set(text.toLowerCase().match(/[a-z0-9_<*>]+/g));
}

function templateOf(says: string): string {
  return says.replaceAll(/\d+(?:\.\d+)?/g, "#");
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function matchOf(record: MemoryRecord, similarity: number): MemoryMatch {
  // Time to fix is only worth telling where something was fixed.
  const fixed = record.fixes.some(({ outcome }) => outcome === "verified");
  return {
    incidentId: record.incidentId,
    similarity,
    says: (record.symptoms[0] ?? `${record.service} ${record.operation}`).slice(0, 2048),
    rootCause: record.rootCause,
    ...(record.location === undefined ? {} : { location: record.location }),
    fixes: record.fixes,
    ...(fixed ? { resolveMs: record.resolveMs } : {}),
  };
}

/** The recall in one line: what worked, and a warning for what did not. */
export function adviceOf(matches: readonly MemoryMatch[], remembered: Remembered): string {
  if (matches.length === 0) {
    const known = [...remembered.values()].reduce((sum, records) => sum + records.length, 0);
    return known === 0
      ? "None yet: memory is empty."
      : `Nothing similar among ${known} remembered incident${plural(known)}.`;
  }
  const place = placeOf(matches[0]?.location);
  const sentences = [
    `${matches.length} similar incident${plural(matches.length)}${place === undefined ? "" : `, last at ${place}`}.`,
  ];
  for (const [name, tally] of talliesOf(matches)) {
    if (tally.verified > 0) sentences.push(`${name} fixed it ${tally.verified} of ${tally.tried} times.`);
    if (tally.failed > 0) sentences.push(`Warning: ${name} failed ${tally.failed} of ${tally.tried} times.`);
    if (tally.undone > 0) sentences.push(`Warning: ${name} was undone ${tally.undone} of ${tally.tried} times.`);
  }
  if (sentences.length === 1) sentences.push("No repair was tried.");
  return sentences.join(" ").slice(0, 1024);
}

type Tally = { tried: number; verified: number; failed: number; undone: number };

function talliesOf(matches: readonly MemoryMatch[]): Map<string, Tally> {
  const tallies = new Map<string, Tally>();
  for (const { actionType, target, outcome } of matches.flatMap(({ fixes }) => fixes)) {
    const name = `${actionType} on ${target.namespace === undefined ? "" : `${target.namespace}/`}${target.name}`;
    const tally = tallies.get(name) ?? { tried: 0, verified: 0, failed: 0, undone: 0 };
    tally.tried += 1;
    tally[outcome] += 1;
    tallies.set(name, tally);
  }
  return tallies;
}

function plural(count: number): string {
  return count === 1 ? "" : "s";
}
