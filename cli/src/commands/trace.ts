import { join, resolve } from "node:path";
import type { Command } from "commander";
import { waterfallSchema, type Waterfall } from "@omega/bus-schemas/waterfall.ts";
import { printable } from "@omega/shared/terminal.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { installation } from "../home.ts";
import { jsonIn, runNode } from "../node-run.ts";
import { commandContext, type CommandContext } from "./context.ts";

interface TraceOptions {
  readonly incident?: string;
  readonly jaeger?: string;
  readonly tempo?: string;
  readonly sourceRoot?: readonly string[];
  readonly json?: boolean;
}

export function addTrace(program: Command): void {
  program
    .command("trace <trace-id>")
    .description("one trace as a waterfall, with the span and line where its failure began")
    .option("--incident <dir>", "folder of {traces,logs,metrics}.otlp.jsonl[.gz]")
    .option("--jaeger <url>", "Jaeger's query address, e.g. http://127.0.0.1:16686")
    .option("--tempo <url>", "Tempo's address, e.g. http://127.0.0.1:3200")
    .option("--source-root <dir...>", "folders that paths in stack traces are told relative to")
    .option("--json", "one JSON object: {traceId, startedAt, durationMs, spans, omitted, culprit?, notes}")
    .addHelpText(
      "after",
      "\nExit code 1: the source has no such trace.\n\nExamples:\n  omega trace 0af7651916cd43dd8448eb211c80319c --incident incident\n  omega trace 0af7651916cd43dd8448eb211c80319c --jaeger http://127.0.0.1:16686 --json",
    )
    .action(async (traceId: string, options: TraceOptions) => {
      await trace(commandContext(), traceId, options);
    });
}

async function trace(context: CommandContext, traceId: string, options: TraceOptions): Promise<void> {
  const { incident, jaeger, tempo } = options;
  if ([incident, jaeger, tempo].filter((source) => source !== undefined).length !== 1)
    throw new CommandFailure(exitCode.usage, "Say where the trace is: one of --incident, --jaeger, --tempo.");
  const { code, stdout, stderr } = await runNode([
    join(installation, "agents", "scout", "src", "trace-main.ts"),
    `--id=${traceId}`,
    ...(incident === undefined ? [] : [`--incident=${resolve(incident)}`]),
    ...(jaeger === undefined ? [] : [`--jaeger=${jaeger}`]),
    ...(tempo === undefined ? [] : [`--tempo=${tempo}`]),
    ...(options.sourceRoot ?? []).map((root) => `--source-root=${root}`),
  ]);
  if (code !== exitCode.ok) throw new CommandFailure(code, printable(stderr.trim()));
  const found = waterfallSchema.safeParse(jsonIn(stdout));
  if (!found.success) throw new CommandFailure(exitCode.failed, `There was no trace.\n${stderr.trim()}`);
  if (options.json === true) context.say(stdout.trim());
  else for (const line of shown(found.data, context)) context.say(line);
}

const barWidth = 32;
const nameWidth = 56;

function shown(waterfall: Waterfall, { paint }: CommandContext): string[] {
  const { traceId, startedAt, durationMs, spans, culprit, notes } = waterfall;
  const lines = [`${paint("strong", traceId)}  ${startedAt}  ${durationMs} ms`, ""];
  for (const span of spans) {
    const guilty = span.spanId === culprit?.spanId;
    const name = `${"  ".repeat(Math.min(span.depth, 12))}${printable(`${span.service} ${span.operation}`)}`;
    const cell = name.length > nameWidth ? `${name.slice(0, nameWidth - 1)}…` : name.padEnd(nameWidth);
    const tone = guilty ? "bad" : span.failed ? "warn" : "plain";
    const mark = guilty ? "▶" : span.failed ? "✗" : " ";
    lines.push(`${paint(tone, `${mark} ${cell}`)} ${paint(tone, bar(span, durationMs))} ${span.durationMs} ms`);
    if (span.error !== undefined)
      lines.push(paint(tone, `  ${"  ".repeat(Math.min(span.depth, 12))}  ${printable(span.error)}`));
  }
  if (culprit !== undefined) {
    const { file, lineStart, function: name } = culprit.location ?? {};
    const line = lineStart === undefined ? "" : `:${lineStart}`;
    const place = file === undefined ? "" : `  at ${file}${line}${name === undefined ? "" : ` (${name})`}`;
    lines.push("", paint("bad", `▶ ${printable(`${culprit.says}${place}`)}`));
  }
  for (const note of notes) lines.push(paint("dim", printable(note)));
  return lines;
}

/** Where the span lies in its trace; what is too short to see is one mark wide. */
function bar({ startMs, durationMs }: Waterfall["spans"][number], totalMs: number): string {
  const scale = totalMs <= 0 ? 0 : barWidth / totalMs;
  const from = Math.max(0, Math.min(barWidth - 1, Math.floor(startMs * scale)));
  const width = Math.max(1, Math.min(barWidth - from, Math.round(durationMs * scale)));
  return `${" ".repeat(from)}${"█".repeat(width)}`.padEnd(barWidth);
}
