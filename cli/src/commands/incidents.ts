import { InvalidArgumentError, type Command } from "commander";
import type { BusSession } from "../bus-session.ts";
import { duration } from "@omega/shared/durations.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { fold, incidentsIn, type IncidentView } from "@omega/shared/incident-view.ts";
import { Onsets } from "../onsets.ts";
import { printable, table, type Tone } from "@omega/shared/terminal.ts";
import { placeOf, timelineOf } from "@omega/shared/timeline.ts";
import { commandContext, withBus, type BusOptions, type CommandContext } from "./context.ts";

interface ListOptions extends BusOptions {
  readonly open?: boolean;
  readonly limit: number;
}

export function addIncidents(program: Command): void {
  const incidents = program.command("incidents").description("what happened, and what is happening");
  incidents
    .command("ls")
    .description("incidents, the newest first")
    .option("--open", "only those that are not over")
    .option("--limit <count>", "at most so many", countOf, 20)
    .option("--server <url>", "the bus")
    .option("--json", "one JSON array")
    .addHelpText("after", "\nExamples:\n  omega incidents ls --open\n  omega incidents ls --json | jq '.[].id'")
    .action((options: ListOptions) => {
      const context = commandContext();
      return withBus(context, options, (session) => list(context, session, options));
    });
  incidents
    .command("show <incident>")
    .description("one incident: timeline, cause, plan, verification; the id may be cut short, or 'last'")
    .option("--server <url>", "the bus")
    .option("--json", "the incident with its events as JSON")
    .addHelpText("after", "\nExamples:\n  omega incidents show last\n  omega incidents show inc-20261124-1a2b3c --json")
    .action((id: string, options: BusOptions) => {
      const context = commandContext();
      return withBus(context, options, (session) => show(context, session, id, options));
    });
  incidents
    .command("watch")
    .description("live, until Ctrl-C")
    .option("--server <url>", "the bus")
    .option("--json", "one event per line as JSON")
    .addHelpText("after", "\nExamples:\n  omega incidents watch\n  omega incidents watch --json | jq .type")
    .action((options: BusOptions) => {
      const context = commandContext();
      return withBus(context, options, (session) => watch(context, session, options));
    });
}

async function list(context: CommandContext, session: BusSession, options: ListOptions): Promise<void> {
  const all = [...incidentsIn(await session.events()).values()];
  const wanted = all
    .filter(({ status }) => options.open !== true || (status !== "resolved" && status !== "escalated"))
    .toReversed()
    .slice(0, options.limit);
  if (options.json === true) {
    context.say(JSON.stringify(wanted.map(summaryOf)));
    return;
  }
  if (wanted.length === 0) {
    context.note(options.open === true ? "No incident is open." : "No incident yet.");
    return;
  }
  const tones: Record<IncidentView["status"], Tone> = {
    open: "bad",
    "awaiting approval": "warn",
    resolved: "good",
    escalated: "bad",
  };
  const rows = wanted.map((each) => [
    each.id,
    new Date(each.onset).toISOString().slice(0, 19).replace("T", " "),
    each.status,
    each.resolveMs === undefined ? "-" : duration(each.resolveMs),
    printable(each.service, 24),
    placeOf(each.location) ?? "-",
    printable(each.title, 60),
  ]);
  const toneOf = (row: number, column: number): Tone => (column === 2 ? tones[wanted[row]?.status ?? "open"] : "plain");
  const head = ["incident", "onset (UTC)", "status", "took", "service", "line", "title"];
  for (const line of table(head, rows, context.paint, toneOf)) context.say(line);
}

async function show(context: CommandContext, session: BusSession, id: string, options: BusOptions): Promise<void> {
  const incident = findIncident(incidentsIn(await session.events()), id);
  if (options.json === true) {
    context.say(JSON.stringify({ ...summaryOf(incident), events: incident.events }));
    return;
  }
  const { paint, say } = context;
  say(paint("strong", printable(incident.title)));
  say(
    paint(
      "dim",
      `${incident.id}, ${incident.severity}, ${incident.status}, onset ${new Date(incident.onset).toISOString()}`,
    ),
  );
  say("");
  for (const event of incident.events) for (const line of timelineOf(event, incident.onset, paint)) say(line);
}

/** The incident of this id, of the only id that begins so, or the newest by the name of `last`. */
export function findIncident(incidents: ReadonlyMap<string, IncidentView>, id: string): IncidentView {
  const all = [...incidents.values()];
  const exact = id === "last" ? all.at(-1) : incidents.get(id);
  if (exact !== undefined) return exact;
  const matching = all.filter((each) => each.id.startsWith(id));
  const [only] = matching;
  if (only !== undefined && matching.length === 1) return only;
  const known = all.slice(-5).map((each) => each.id);
  throw new CommandFailure(
    exitCode.failed,
    matching.length > 1
      ? `${id} could be ${matching.map((each) => each.id).join(", ")}.`
      : `There is no incident ${printable(id, 80)}. ${known.length === 0 ? "None was recorded yet." : `The latest: ${known.join(", ")}.`}`,
  );
}

async function watch(context: CommandContext, session: BusSession, options: BusOptions): Promise<void> {
  const incidents = incidentsIn(await session.events());
  const fromSeq = (await session.bus.lastSeq()) + 1;
  const onsets = new Onsets();
  context.note("Watching. Ctrl-C ends it.");
  for await (const { event } of session.follow({ fromSeq, signal: context.interrupted })) {
    fold(incidents, event);
    const onset = onsets.of(event, incidents);
    if (options.json === true) context.say(JSON.stringify(event));
    else for (const line of timelineOf(event, onset, context.paint)) context.say(line);
  }
}

function summaryOf({ events, onset, ...rest }: IncidentView): object {
  return { ...rest, onset: new Date(onset).toISOString(), events: events.length };
}

export function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError("a count is a whole number above 0.");
  return count;
}
