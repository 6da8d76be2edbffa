import type { DataOf } from "@omega/bus-schemas/catalogue.ts";
import type { Candidate, Evidence, MemoryMatch } from "@omega/bus-schemas/vocabulary.ts";
import type { References } from "@omega/shared/model/references.ts";
import type { Look, LookRow } from "./looks.ts";

/** What a review is about; all of it is on the stream, so it can be done again. */
export interface Reviewed {
  readonly diagnosis: Pick<DataOf<"diagnosis.reached">, "verdict" | "candidates" | "traceIds" | "blastRadius">;
  readonly recalled: readonly MemoryMatch[];
}

/** The facts as a model sees them, and what their ids stand for. */
export interface Facts {
  readonly shown: Readonly<Record<string, unknown>>;
  readonly references: References;
  readonly candidates: ReadonlyMap<string, Candidate>;
  /** The failing call and line of each candidate, as they were shown. */
  readonly calls: ReadonlyMap<string, { readonly call: string | undefined; readonly line: number | undefined }>;
  readonly evidence: ReadonlyMap<string, Pick<Evidence, "kind" | "ref">>;
  readonly looks: ReadonlyMap<string, Look>;
}

const evidenceShown = 12;

/** Every text goes through the references; ids, numbers and words of our own stay as they are. */
export const factsOf = ({ diagnosis, recalled }: Reviewed, references: References): Facts => {
  const candidates = new Map<string, Candidate>();
  const calls = new Map<string, { call: string | undefined; line: number | undefined }>();
  const evidence = new Map<string, Pick<Evidence, "kind" | "ref">>();
  const evidenceFacts: object[] = [];
  const cite = (of: Pick<Evidence, "kind" | "ref">, id: string): string => {
    evidence.set(id, { kind: of.kind, ref: of.ref });
    return id;
  };
  const candidateFacts = diagnosis.candidates.map((candidate) => {
    const id = `c${candidate.rank}`;
    const { location } = candidate;
    candidates.set(id, candidate);
    const call = candidate.operation === undefined ? undefined : references.ofOperation(candidate.operation);
    calls.set(id, { call, line: location?.lineStart });
    const cited = candidate.evidence.slice(0, evidenceShown).map((of) => {
      const evidenceId = cite(of, `e${evidenceFacts.length + 1}`);
      // Our own code is shown as it stands: whoever can change it needs no model to do harm.
      evidenceFacts.push({
        id: evidenceId,
        kind: of.kind,
        says: of.kind === "source" ? of.says : references.of(of.says, 400),
      });
      return evidenceId;
    });
    return { id, ...shownCandidate(candidate, references), call, evidence: cited };
  });
  const looks = looksOf(diagnosis);
  return {
    references,
    candidates,
    calls,
    evidence,
    looks,
    shown: {
      verdict: diagnosis.verdict,
      trafficShare: diagnosis.blastRadius.trafficShare,
      candidates: candidateFacts,
      evidence: evidenceFacts,
      recalled: recalled.slice(0, 4).map((match, index) => ({
        id: cite({ kind: "memory", ref: `memory:${match.incidentId}` }, `m${index + 1}`),
        similarity: match.similarity,
        says: references.of(match.says),
        cause: references.of(match.rootCause),
        repairs: match.fixes.map(({ actionType, outcome }) => ({ action: actionType, outcome })),
      })),
      looks: [...looks].map(([id, look]) => ({
        id,
        reads: look.kind,
        service: "service" in look ? references.of(look.service, 120) : undefined,
      })),
    },
  };
};

const shownCandidate = (candidate: Candidate, references: References): object => {
  const word = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : references.of(text, 120);
  const { location } = candidate;
  return {
    service: word(candidate.service),
    kind: candidate.kind,
    confidence: candidate.confidence,
    line: location?.lineStart,
    file: word(location?.file),
    function: word(location?.function),
    error: word(candidate.errorType),
    lastSeen: word(location?.lastSeen),
    expectedNext: word(location?.expectedNext),
    faultyVersion: word(candidate.version),
    healthyVersion: word(candidate.healthyVersion),
  };
};

const looksOf = ({ candidates, traceIds }: Reviewed["diagnosis"]): Map<string, Look> => {
  const services = [...new Set(candidates.map(({ service }) => service))].slice(0, 2);
  const shown = new Set(candidates.flatMap(({ evidence }) => evidence.map(({ ref }) => ref.slice(6, 38))));
  const another = traceIds.find((traceId) => !shown.has(traceId));
  const looks: Look[] = [
    ...(another === undefined ? [] : [{ kind: "trace" as const, traceId: another }]),
    ...services.flatMap((service): Look[] => [
      { kind: "error-logs", service },
      { kind: "versions", service },
    ]),
  ];
  return new Map(looks.map((look, index) => [`l${index + 1}`, look]));
};

/** The facts of the second question: as before, with what the look gave in place of the list of looks. */
export const withLook = (facts: Facts, id: string, rows: readonly LookRow[]): Facts => {
  const { looks: _used, ...shown } = facts.shown;
  const { references } = facts;
  const look = facts.looks.get(id);
  const kept = rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => {
        if (typeof value !== "string") return [name, value];
        return [name, name === "operation" ? references.ofOperation(value) : references.of(value, 120)];
      }),
    ),
  );
  const ref = look?.kind === "trace" ? `trace:${look.traceId}` : `look:${look?.kind ?? "none"}`;
  const evidence = new Map(facts.evidence).set(id, { kind: look?.kind === "error-logs" ? "log" : "trace", ref });
  return { ...facts, evidence, looks: new Map(), shown: { ...shown, looked: { id, reads: look?.kind, rows: kept } } };
};
