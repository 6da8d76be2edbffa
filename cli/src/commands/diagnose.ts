import { join, resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { installation } from "../home.ts";
import { jsonIn, runNode } from "../node-run.ts";
import { printable, table } from "@omega/shared/terminal.ts";
import { commandContext, type CommandContext } from "./context.ts";

interface DiagnoseOptions {
  readonly incident: string;
  readonly baseline?: string;
  readonly changes?: string;
  readonly onset?: string;
  readonly until?: string;
  readonly sourceRoot?: readonly string[];
  readonly json?: boolean;
}

/** What `agents/scout/src/diagnose-main.ts` prints, as far as a person is shown it. */
const diagnosisSchema = z.looseObject({
  onset: z.string(),
  verdict: z.enum(["cause", "inconclusive", "healthy"]),
  says: z.string(),
  candidates: z.array(
    z.looseObject({
      rank: z.number(),
      service: z.string(),
      kind: z.string(),
      confidence: z.number(),
      operation: z.string().optional(),
      location: z
        .looseObject({
          file: z.string().optional(),
          lineStart: z.number().optional(),
          lineEnd: z.number().optional(),
          function: z.string().optional(),
        })
        .optional(),
      change: z.looseObject({ id: z.string() }).optional(),
      evidence: z.array(z.looseObject({ kind: z.string(), ref: z.string(), says: z.string() })),
    }),
  ),
  blastRadius: z.looseObject({ services: z.array(z.string()), trafficShare: z.number() }),
  tookMs: z.number(),
});
type Found = z.infer<typeof diagnosisSchema>;
type FoundCandidate = Found["candidates"][number];

export function addDiagnose(program: Command): void {
  program
    .command("diagnose")
    .description("find the failing call and line in recorded telemetry, by the code that runs live")
    .requiredOption("--incident <dir>", "folder of {traces,logs,metrics}.otlp.jsonl[.gz]")
    .option("--baseline <dir>", "the same of a time without the fault")
    .option("--changes <file>", "JSON list of {time, service, kind, id, summary, files?, diff?}")
    .option("--onset <time>", "when it began, e.g. 2026-11-24T03:00:00Z; else the detectors say")
    .option("--until <time>", "leave out what began later")
    .option("--source-root <dir...>", "folders that paths in stack traces are told relative to")
    .option("--json", "one JSON object: {onset, verdict, candidates, blastRadius, tookMs}")
    .addHelpText(
      "after",
      "\nExit code 1: no cause was found (inconclusive or healthy).\n\nExamples:\n  omega diagnose --incident incident --baseline quiet-minute\n  omega diagnose --incident incident --onset 2026-11-24T03:00:00Z --json",
    )
    .action(async (options: DiagnoseOptions) => {
      process.exitCode = await diagnose(commandContext(), options);
    });
}

async function diagnose(context: CommandContext, options: DiagnoseOptions): Promise<number> {
  const { code, stdout, stderr } = await runNode([
    join(installation, "agents", "scout", "src", "diagnose-main.ts"),
    ...given("--incident", resolve(options.incident)),
    ...given("--baseline", options.baseline === undefined ? undefined : resolve(options.baseline)),
    ...given("--changes", options.changes === undefined ? undefined : resolve(options.changes)),
    ...given("--onset", options.onset),
    ...given("--until", options.until),
    ...(options.sourceRoot ?? []).flatMap((root) => given("--source-root", root)),
  ]);
  if (code !== exitCode.ok) throw new CommandFailure(code, stderr.trim());
  const found = diagnosisSchema.safeParse(jsonIn(stdout));
  if (!found.success)
    throw new CommandFailure(exitCode.failed, `The diagnosis ended without an answer.\n${stderr.trim()}`);
  if (options.json === true) context.say(stdout.trim());
  else for (const line of shown(found.data, context)) context.say(line);
  return found.data.verdict === "cause" ? exitCode.ok : exitCode.failed;
}

const given = (name: string, value: string | undefined): string[] => (value === undefined ? [] : [`${name}=${value}`]);

const evidenceMax = 3;

function shown(found: Found, { paint }: CommandContext): string[] {
  const tone = { cause: "bad", inconclusive: "warn", healthy: "good" } as const;
  const lines = [`${paint(tone[found.verdict], found.verdict)}  since ${found.onset}`, printable(found.says)];
  if (found.candidates.length === 0) return lines;
  const rows = found.candidates.map((candidate) => [
    String(candidate.rank),
    printable(candidate.service),
    candidate.kind,
    `${Math.round(candidate.confidence * 100)} %`,
    printable(placeOf(candidate)),
  ]);
  lines.push(
    "",
    ...table(["#", "service", "kind", "sure", "where"], rows, paint, (row) => (row === 0 ? "strong" : "plain")),
  );
  for (const candidate of found.candidates.slice(0, evidenceMax)) {
    lines.push("", paint("strong", `${candidate.rank}. ${printable(candidate.service)}: ${candidate.kind}`));
    for (const { says, ref } of candidate.evidence.slice(0, evidenceMax))
      lines.push(`   ${printable(says)}`, `   ${paint("dim", printable(ref))}`);
  }
  const { services, trafficShare } = found.blastRadius;
  if (services.length > 0)
    lines.push(
      "",
      `Failing with it: ${printable(services.join(", "))}, ${Math.round(trafficShare * 100)} % of requests.`,
    );
  lines.push("", paint("dim", `${found.tookMs} ms`));
  return lines;
}

function placeOf({ location, operation, change }: FoundCandidate): string {
  const { file, lineStart, lineEnd } = location ?? {};
  const to = lineEnd === undefined || lineEnd === lineStart ? "" : `-${lineEnd}`;
  const line = lineStart === undefined ? "" : `:${lineStart}${to}`;
  const place = file === undefined ? (operation ?? "") : `${file}${line}`;
  return change === undefined ? place : `${place}  (change ${change.id})`;
}
