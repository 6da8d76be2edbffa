import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { busUrl } from "../bus-session.ts";
import { counted } from "@omega/shared/durations.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { installation, type Home } from "../home.ts";
import { jsonIn, runNode } from "../node-run.ts";
import { printable } from "@omega/shared/terminal.ts";
import { commandContext, type BusOptions, type CommandContext } from "./context.ts";
import { exportLines } from "./events.ts";

interface ReplayOptions extends BusOptions {
  readonly incident?: string;
  readonly file?: string;
  readonly config?: string;
}

/** What `agents/coordinator/src/replay.ts` prints. */
const replaySchema = z.object({
  events: z.number(),
  decisions: z.number(),
  differing: z.array(
    z.object({
      seq: z.number(),
      incidentId: z.string().optional(),
      type: z.string(),
      id: z.string(),
      kind: z.enum(["not_recorded", "not_decided", "differs"]),
    }),
  ),
});

export function addReplay(program: Command): void {
  program
    .command("replay [incident]")
    .description("fold the recorded events again, and compare every decision of the Coordinator with what it said then")
    .option("--file <recording>", "a recording made by omega events export, instead of the bus")
    .option(
      "--config <file>",
      "the Coordinator's config file in force before the stream first told the rules (recordings of old have none)",
    )
    .option("--server <url>", "the bus")
    .option("--json", "one JSON object: {events, decisions, differing}")
    .addHelpText(
      "after",
      "\nExit code 1: a decision differs.\n\nExamples:\n  omega replay\n  omega replay inc-20261124-1a2b3c\n  omega replay --file recording.jsonl --json",
    )
    .action(async (incident: string | undefined, options: ReplayOptions) => {
      process.exitCode = await replay(commandContext(), {
        ...options,
        ...(incident === undefined ? {} : { incident }),
      });
    });
}

async function replay(context: CommandContext, options: ReplayOptions): Promise<number> {
  if (options.file !== undefined) return await replayFile(context, resolve(options.file), options);
  const folder = mkdtempSync(join(tmpdir(), "omega-replay-"));
  try {
    const file = join(folder, "recording.jsonl");
    const { home } = context;
    await recordTo(file, { home, url: busUrl(home, options.server, process.env) }, context.note);
    return await replayFile(context, file, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes the whole stream to a file. */
export async function recordTo(
  file: string,
  bus: { readonly home: Home; readonly url: string },
  warn: (text: string) => void,
): Promise<void> {
  const out = createWriteStream(file);
  const ended = new Promise<void>((resolveEnd, reject) => out.once("finish", () => resolveEnd()).once("error", reject));
  try {
    await exportLines(bus, 1, warn, (line) => void out.write(`${line}\n`));
  } finally {
    out.end();
  }
  await ended;
}

/** The decider is the Coordinator's own, run as its own process: this command imports no agent. */
async function replayFile(context: CommandContext, file: string, options: ReplayOptions): Promise<number> {
  const { code, stdout, stderr } = await runNode([
    join(installation, "agents", "coordinator", "src", "replay.ts"),
    file,
    ...(options.config === undefined ? [] : ["--config", resolve(options.config)]),
    ...(options.incident === undefined ? [] : ["--incident", options.incident]),
  ]);
  if (code !== exitCode.ok && code !== exitCode.failed) throw new CommandFailure(code, stderr.trim());
  const parsed = replaySchema.safeParse(jsonIn(stdout));
  if (!parsed.success)
    throw new CommandFailure(exitCode.failed, `The replay ended without an answer.\n${stderr.trim()}`);
  const { events, decisions, differing } = parsed.data;
  if (options.json === true) {
    context.say(JSON.stringify(parsed.data));
    return code;
  }
  const { paint, say } = context;
  say(`${counted(events, "event")}, ${counted(decisions, "decision")} of the Coordinator.`);
  if (differing.length === 0) {
    say(paint("good", "The same decisions."));
    return code;
  }
  say(paint("bad", `${counted(differing.length, "decision")} differ:`));
  const words = {
    not_recorded: "decided now, not said then",
    not_decided: "said then, not decided now",
    differs: "other content",
  };
  for (const { seq, type, kind, incidentId } of differing)
    say(`  seq ${seq}  ${printable(type)}  ${incidentId ?? ""}  ${words[kind]}`);
  return code;
}
