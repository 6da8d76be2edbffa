import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";

const pointSchema = z.object({
  file: z.string().optional(),
  line: z.number().optional(),
  logText: z.string().optional(),
  spanStart: z.string().optional(),
});
type Point = z.infer<typeof pointSchema>;

const caseSchema = z.object({
  id: z.string(),
  baseline: z.string(),
  onset: z.string(),
  scored: z.object({ from: z.string(), to: z.string() }),
  fault: z.string(),
  truth: z.object({
    service: z.string(),
    kind: z.string(),
    region: z.object({ from: pointSchema, to: pointSchema }).optional(),
  }),
});
/** One recorded incident with its truth, as `case.json` has it. */
export type IncidentCase = z.infer<typeof caseSchema>;

export function casesIn(folder: string): IncidentCase[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("baseline"))
    .map((entry) => caseSchema.parse(JSON.parse(readFileSync(join(folder, entry.name, "case.json"), "utf8"))))
    .sort((a, b) => a.id.localeCompare(b.id));
}

/** What is judged of an answer. */
export interface Guess {
  readonly service: string;
  readonly kind: string;
  readonly location?: {
    readonly file?: string;
    readonly lineStart?: number;
    readonly lineEnd?: number;
    readonly lastSeen?: string;
    readonly expectedNext?: string;
  };
}

/** Right service and right resource, or right service and exactly the region between the two events of the truth. */
export function isRight(guess: Guess, { truth }: IncidentCase): boolean {
  if (guess.service !== truth.service || guess.kind !== truth.kind) return false;
  if (truth.region === undefined) return true;
  const { file, lineStart, lineEnd, lastSeen = "", expectedNext = "" } = guess.location ?? {};
  return (
    isAt(truth.region.from, file, lineStart, lastSeen) &&
    isAt(truth.region.to, file, lineEnd ?? lineStart, expectedNext)
  );
}

function isAt(point: Point, file: string | undefined, line: number | undefined, text: string): boolean {
  if (point.spanStart !== undefined) return text === point.spanStart;
  if (point.logText !== undefined) return text.includes(point.logText);
  return (
    point.line === line && point.file !== undefined && file !== undefined && basename(point.file) === basename(file)
  );
}
