import { InvalidArgumentError, type Command } from "commander";
import { busIdentity } from "@omega/shared/bus-identity.ts";
import { NatsBus } from "@omega/shared/nats-bus.ts";
import { recordLine } from "@omega/shared/recording.ts";
import { busUrl } from "../bus-session.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import type { Home } from "../home.ts";
import { commandContext, type CommandContext } from "./context.ts";

interface ExportOptions {
  readonly server?: string;
  readonly from: number;
}

export function addEvents(program: Command): void {
  program
    .command("events")
    .description("the stream itself")
    .command("export")
    .description("every message as stored, one JSON line each: {seq, storedAt, subject, event}")
    .option("--from <seq>", "begin at this sequence", sequenceOf, 1)
    .option("--server <url>", "the bus")
    .addHelpText("after", "\nExamples:\n  omega events export > recording.jsonl\n  omega replay --file recording.jsonl")
    .action((options: ExportOptions) => exportEvents(commandContext(), options));
}

/** Exports what is there, believable or not: the recording is evidence, and whoever reads it checks the signatures. */
async function exportEvents(context: CommandContext, options: ExportOptions): Promise<void> {
  const bus = { home: context.home, url: busUrl(context.home, options.server, process.env) };
  await exportLines(bus, options.from, context.note, (line) => context.say(line));
}

/** Hands on each message of the stream as a line of a recording. A message that is no JSON is named and left out. */
export async function exportLines(
  at: { readonly home: Home; readonly url: string },
  fromSeq: number,
  warn: (text: string) => void,
  write: (line: string) => void,
): Promise<number> {
  const bus = await NatsBus.connect({
    servers: [at.url],
    name: "omega-cli",
    identity: busIdentity(at.home.keys, "operator"),
  });
  if (!bus.ok)
    throw new CommandFailure(exitCode.unavailable, `${bus.failure.message}\nIs it running? Start it with: omega up`);
  let count = 0;
  try {
    for await (const message of bus.value.read({ fromSeq, toSeq: await bus.value.lastSeq() })) {
      const line = lineOf(() => recordLine(message));
      if (line === undefined) {
        warn(`omega: message ${message.seq} on ${message.subject} is no JSON and was left out.`);
        continue;
      }
      write(line);
      count += 1;
    }
  } finally {
    await bus.value.close();
  }
  return count;
}

function lineOf(make: () => string): string | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function sequenceOf(text: string): number {
  const seq = Number(text);
  if (!Number.isInteger(seq) || seq < 1) throw new InvalidArgumentError("a sequence is a whole number above 0.");
  return seq;
}
