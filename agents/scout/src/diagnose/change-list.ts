import { readFile } from "node:fs/promises";
import { fail, ok, reasonOf } from "@omega/shared/outcome.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Suspect } from "./diagnosis.ts";

const changeSchema = z.object({
  time: z.iso.datetime({ offset: true }),
  /** Null where it is nobody's own, such as a shared setting. */
  service: z.string().nullable(),
  kind: z.enum(["deploy", "commit", "config", "flag"]),
  /** A deploy's id is the commit that it put out. */
  id: z.string().min(1),
  summary: z.string(),
  files: z.array(z.string()).optional(),
  diff: z.string().optional(),
});
export type Change = z.infer<typeof changeSchema>;

/** Reads a JSON list of changes. Failure: `terminal/changes_unreadable` names the file and the entry. */
export const readChanges = async (path: string): Promise<Outcome<Change[]>> => {
  try {
    const parsed = z.array(changeSchema).safeParse(JSON.parse(await readFile(path, "utf8")));
    if (parsed.success) return ok(parsed.data);
    const [issue] = parsed.error.issues;
    return fail("terminal", "changes_unreadable", `${path}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
  } catch (error) {
    return fail("terminal", "changes_unreadable", `${path}: ${reasonOf(error)}`);
  }
};

/** Too common in code and prose to tell one place from another. */
const empty = new Set(
  "the and for with from that this into not new get set add fix use update change service api http error errors const let return function string number true false null undefined public void int final import export class value name index".split(
    " ",
  ),
);

const wordsOf = (text: string): Set<string> =>
  new Set(
    text
      .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
      .toLowerCase()
      .split(/[^a-z0-9]+/)
      .filter((word) => word.length > 2 && !/^\d+$/.test(word) && !empty.has(word)),
  );

const baseName = (path: string): string => path.split("/").at(-1) ?? path;

/** The lines of a diff that the change itself wrote or took away. */
const touched = (diff: string): string =>
  diff
    .split("\n")
    .filter((line) => /^[+-]/.test(line) && !/^(\+\+\+|---)/.test(line))
    .join("\n");

interface Match {
  readonly change: Change;
  readonly score: number;
  readonly says: string;
}

const tauMs = 6 * 3_600_000;
/** A clock may be off by this much: what came later than that is no cause. */
const lateMs = 60_000;
const matchMin = 0.35;

const failingText = ({ operation, errorType, signature, location, evidence }: Suspect): string =>
  [
    operation,
    errorType,
    signature,
    location?.function,
    location?.file,
    location?.lastSeen,
    location?.expectedNext,
    evidence[0]?.says,
  ].join(" ");

/**
 * How well a change explains a suspect. When behaviour changed, and whose it is, only rank it; that the change *touches* what fails
 * (its file, or words that the diff shares with the error, the route or the log statement) is what makes it a cause at all.
 */
const matchOf = (
  change: Change,
  suspect: Suspect,
  onsetMs: number,
  rarity: (word: string) => number,
): Match | undefined => {
  const agoMs = onsetMs - Date.parse(change.time);
  if (agoMs < -lateMs) return undefined;
  const own = change.service === suspect.service;
  if (!own && change.service !== null && suspect.kind !== "code" && suspect.kind !== "error") return undefined;
  const file = suspect.location?.file;
  const sameFile = file !== undefined && (change.files ?? []).some((path) => baseName(path) === baseName(file));
  const failing = wordsOf(failingText(suspect));
  const words = wordsOf(`${change.summary} ${(change.files ?? []).join(" ")} ${touched(change.diff ?? "")}`);
  const shared = [...words].filter((word) => failing.has(word) && !wordsOf(suspect.service).has(word));
  const weight = shared.reduce((sum, word) => sum + rarity(word), 0);
  const touch = Math.max(sameFile ? 1 : 0, 1 - Math.exp(-weight / 1.5));
  const near = Math.exp(-Math.max(0, agoMs) / tauMs);
  const score = touch * (own ? 1 : 0.7) * (0.5 + 0.5 * near);
  if (score < matchMin) return undefined;
  const what = sameFile ? `touches ${baseName(file)}` : `shares "${shared.slice(0, 4).join('", "')}" with what fails`;
  const minutes = Math.max(0, Math.round(agoMs / 60_000));
  return {
    change,
    score,
    says: `${change.kind} ${change.id} (${change.summary.slice(0, 120)}), ${minutes} min before, ${what}.`,
  };
};

/** Names for each suspect the change that explains it best, if one does. The others stay as they are: "none of these" is an answer. */
export const withChanges = (suspects: readonly Suspect[], changes: readonly Change[], onsetMs: number): Suspect[] => {
  const seenIn = new Map<string, number>();
  for (const { summary, diff, files } of changes)
    for (const word of wordsOf(`${summary} ${(files ?? []).join(" ")} ${touched(diff ?? "")}`))
      seenIn.set(word, (seenIn.get(word) ?? 0) + 1);
  // A word of many changes tells none of them apart.
  const rarity = (word: string): number => 1 / (seenIn.get(word) ?? 1);
  return suspects.map((suspect) => {
    if (suspect.change !== undefined && changes.some(({ id }) => id === suspect.change?.id)) return suspect;
    const best = changes
      .map((change) => matchOf(change, suspect, onsetMs, rarity))
      .filter((match) => match !== undefined)
      .sort((a, b) => b.score - a.score)[0];
    if (best === undefined) return suspect;
    return {
      ...suspect,
      change: { id: best.change.id },
      confidence: 1 - (1 - suspect.confidence) * (1 - 0.5 * best.score),
      evidence: [...suspect.evidence, { kind: "change", ref: `change:${best.change.id}`, says: best.says }],
    };
  });
};
