import type { Command } from "commander";
import type { BusSession } from "../bus-session.ts";
import { printable, table, type Tone } from "@omega/shared/terminal.ts";
import { foldSignal, leadOf, signalLines, type SignalView } from "../signal-view.ts";
import { commandContext, withBus, type BusOptions, type CommandContext } from "./context.ts";
import { countOf } from "./incidents.ts";

interface ListOptions extends BusOptions {
  readonly all?: boolean;
  readonly service?: string;
  readonly limit: number;
}

interface WatchOptions extends BusOptions {
  readonly service?: string;
}

export function addSignals(program: Command): void {
  const signals = program.command("signals").description("what Scout finds unusual, before it is an incident");
  signals
    .command("ls", { isDefault: true })
    .description("signals that are on now, the newest first")
    .option("--all", "those that are over, too")
    .option("--service <name>", "of this service only")
    .option("--limit <count>", "at most so many", countOf, 50)
    .option("--server <url>", "the bus")
    .option("--json", "one JSON array")
    .addHelpText("after", "\nExamples:\n  omega signals\n  omega signals ls --all --json | jq '.[].says'")
    .action((options: ListOptions) => {
      const context = commandContext();
      return withBus(context, options, (session) => list(context, session, options));
    });
  signals
    .command("watch")
    .description("live, until Ctrl-C: each signal with its numbers, its lead time and a trace that shows it")
    .option("--service <name>", "of this service only")
    .option("--server <url>", "the bus")
    .option("--json", "one event per line as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  omega signals watch\n  omega signals watch --service payments --json | jq .data.says",
    )
    .action((options: WatchOptions) => {
      const context = commandContext();
      return withBus(context, options, (session) => watch(context, session, options));
    });
}

async function list(context: CommandContext, session: BusSession, options: ListOptions): Promise<void> {
  const signals = new Map<string, SignalView>();
  for (const { event } of await session.events()) foldSignal(signals, event);
  const wanted = [...signals.values()]
    .filter(({ clearedAt }) => options.all === true || clearedAt === undefined)
    .filter(({ service }) => options.service === undefined || service === options.service)
    .toReversed()
    .slice(0, options.limit);
  if (options.json === true) {
    context.say(JSON.stringify(wanted));
    return;
  }
  if (wanted.length === 0) {
    context.note(options.all === true ? "No signal yet." : "Nothing is unusual now.");
    return;
  }
  const tones: Readonly<Record<string, Tone>> = { critical: "bad", warning: "warn" };
  const rows = wanted.map((each) => [
    each.since.slice(0, 19).replace("T", " "),
    each.clearedAt === undefined ? each.severity : "over",
    each.kind,
    printable(each.service, 24),
    leadOf(each),
    each.incidentId ?? "-",
    printable(each.says, 240),
  ]);
  const toneOf = (row: number, column: number): Tone =>
    column === 1 ? (tones[rows[row]?.[1] ?? ""] ?? "good") : "plain";
  const head = ["since (UTC)", "severity", "kind", "service", "users hurt", "incident", "what"];
  for (const line of table(head, rows, context.paint, toneOf)) context.say(line);
}

async function watch(context: CommandContext, session: BusSession, options: WatchOptions): Promise<void> {
  const fromSeq = (await session.bus.lastSeq()) + 1;
  context.note("Watching. Ctrl-C ends it.");
  for await (const { event } of session.follow({ fromSeq, signal: context.interrupted })) {
    if (event.type !== "signal.detected" && event.type !== "signal.cleared") continue;
    if (options.service !== undefined && event.data.service !== options.service) continue;
    if (options.json === true) context.say(JSON.stringify(event));
    else for (const line of signalLines(event, context.paint)) context.say(line);
  }
}
