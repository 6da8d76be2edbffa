import type { Candidate, Evidence } from "@omega/bus-schemas/vocabulary.ts";
import { redactText } from "@omega/shared/redact.ts";
import type { SourceReader } from "./ports.ts";

/** The code of candidates further down is read by nobody. */
const candidatesWithSource = 3;
const evidenceMax = 32;

/** Adds the code around each likely candidate's line and the last change of the line to its evidence. */
export async function withSource(
  candidates: readonly Candidate[],
  source: SourceReader,
  signal: AbortSignal,
): Promise<Candidate[]> {
  return await Promise.all(
    candidates.map(async (candidate, index) => {
      const { file, lineStart } = candidate.location ?? {};
      if (index >= candidatesWithSource || file === undefined || lineStart === undefined) return candidate;
      const found = await source.read(file, lineStart, signal);
      if (found === undefined) return candidate;
      const { ref, text, changedBy, changedAt, summary } = found;
      const more: Evidence[] = [{ kind: "source", ref, says: redactText(text).slice(0, 2048) }];
      if (changedBy !== undefined) {
        const what = summary === undefined ? "" : ` "${redactText(summary)}"`;
        const says = `Line ${lineStart} was last changed on ${(changedAt ?? "").slice(0, 10)} by commit ${changedBy.slice(0, 12)}${what}.`;
        more.push({ kind: "change", ref: `change:${changedBy}`, says });
      }
      return { ...candidate, evidence: [...candidate.evidence.slice(0, evidenceMax - more.length), ...more] };
    }),
  );
}
