import type { DataOf } from "@omega/bus-schemas/catalogue.ts";
import { z } from "zod";
import type { Facts } from "./facts.ts";

const id = z.string().max(16);
const cited = z.array(id).max(16);

/** The only answers of a reviewer that count. */
export const reviewAnswerSchema = z.strictObject({
  ranking: z.array(z.strictObject({ candidate: id, confidence: z.number().min(0).max(1) })).max(16),
  failing: z
    .strictObject({
      candidate: id,
      call: z.string().max(256).nullable(),
      line: z.number().int().nullable(),
      evidence: cited,
    })
    .nullable(),
  claims: z.array(z.strictObject({ says: z.string().max(600), evidence: cited })).max(16),
  look: id.nullable(),
});
export type ReviewAnswer = z.infer<typeof reviewAnswerSchema>;

export type Weighed = Pick<DataOf<"diagnosis.reviewed">, "order" | "failing" | "claims" | "claimsDropped">;

/**
 * What an answer is worth. Candidates that aren't in the diagnosis do not exist; none gets more confidence than the diagnosis gave it, and
 * those left out keep theirs, behind. Claims stand on evidence of the facts or are dropped and counted, as is a call or line that the facts
 * don't have. Nothing of the answer's own words is kept but the claims.
 */
export const weigh = (answer: ReviewAnswer, facts: Facts): Weighed => {
  const order: { rank: number; confidence: number }[] = [];
  const ranked = new Set<string>();
  for (const { candidate: name, confidence } of answer.ranking) {
    const candidate = facts.candidates.get(name);
    if (candidate === undefined || ranked.has(name)) continue;
    ranked.add(name);
    order.push({ rank: candidate.rank, confidence: Math.min(confidence, candidate.confidence) });
  }
  for (const [name, { rank, confidence }] of facts.candidates) if (!ranked.has(name)) order.push({ rank, confidence });
  const claims: {
    says: string;
    evidence: { kind: Weighed["claims"][number]["evidence"][number]["kind"]; ref: string }[];
  }[] = [];
  let claimsDropped = 0;
  for (const claim of answer.claims) {
    const evidence = evidenceOf(claim.evidence, facts);
    const says = oneLine(facts.references.restore(claim.says));
    if (evidence === undefined || says === "" || claims.length === 8) claimsDropped += 1;
    else claims.push({ says, evidence });
  }
  const failing = failingOf(answer, facts);
  if (answer.failing !== null && failing === undefined) claimsDropped += 1;
  return { order, claims, claimsDropped, ...(failing === undefined ? {} : { failing }) };
};

/** `undefined` when nothing is cited or one of the ids does not exist. */
const evidenceOf = (ids: readonly string[], facts: Facts) => {
  const found = [...new Set(ids)].slice(0, 8).flatMap((each) => facts.evidence.get(each) ?? []);
  return found.length === 0 || ids.some((each) => !facts.evidence.has(each)) ? undefined : found;
};

const failingOf = ({ failing }: ReviewAnswer, facts: Facts): Weighed["failing"] => {
  const candidate = facts.candidates.get(failing?.candidate ?? "");
  const known = facts.calls.get(failing?.candidate ?? "");
  if (failing === null || candidate === undefined || known === undefined) return undefined;
  if (evidenceOf(failing.evidence, facts) === undefined) return undefined;
  if ((failing.call ?? undefined) !== known.call || (failing.line ?? undefined) !== known.line) return undefined;
  const { operation, location } = candidate;
  return {
    rank: candidate.rank,
    ...(operation === undefined ? {} : { operation }),
    ...(location === undefined ? {} : { location }),
  };
};

const oneLine = (text: string): string =>
  text
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, 600);
