import { userInfo } from "node:os";
import { InvalidArgumentError, type Command } from "commander";
import { autonomyLevels, type AutonomyLevel } from "@omega/bus-schemas/vocabulary.ts";
import { timeText } from "@omega/shared/clock.ts";
import { sealEvent } from "@omega/shared/event-codec.ts";
import { systemIds } from "@omega/shared/ids.ts";
import { emptyLedger, evolveAutonomy, type AutonomyRecord } from "@omega/shared/policy/autonomy.ts";
import { loadSigner } from "@omega/shared/signing.ts";
import type { BusSession, Recorded } from "../bus-session.ts";
import { coordinatorPart, standardConfig } from "../coordinator-rules.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { printable, table, type Tone } from "@omega/shared/terminal.ts";
import { commandContext, withBus, type BusOptions, type CommandContext } from "./context.ts";

interface ShowOptions extends BusOptions {
  readonly config: string;
}

interface SetOptions extends BusOptions {
  readonly by: string;
  readonly reason: string;
}

export function addAutonomy(program: Command): void {
  const autonomy = program
    .command("autonomy")
    .description(
      "how far Omega may go on its own, by action and service: earned by verified outcomes, lost by any undo",
    )
    .option("--config <file>", "the Coordinator's config, whose rules.autonomy count", standardConfig)
    .option("--server <url>", "the bus")
    .option("--json", "one JSON array")
    .addHelpText(
      "after",
      "\nExamples:\n  omega autonomy\n  omega autonomy --json | jq '.[] | select(.level != \"auto\")'",
    )
    .action((options: ShowOptions) => {
      const context = commandContext();
      return withBus(context, options, (session) => show(context, session, options));
    });
  autonomy
    .command("set")
    .argument("<action>", "the action's type, such as k8s.scale")
    .argument("<service>", "the service that it is for")
    .argument("<level>", autonomyLevels.join(", "), levelOf)
    .description("set a level by hand, signed with the operator's key; from there it is earned and lost as ever")
    .requiredOption("--reason <text>", "why")
    .option("--by <name>", "who decides", userInfo().username)
    .option("--server <url>", "the bus")
    .option("--json", "what was said, as JSON")
    .addHelpText(
      "after",
      '\nLevels: observe, suggest, approve, auto.\n\nExample:\n  omega autonomy set k8s.scale payments approve --reason "quota is mended"',
    )
    .action((action: string, service: string, level: AutonomyLevel, _own: SetOptions, command: Command) => {
      const context = commandContext();
      // The parent has --server and --json too, and takes them first.
      const options = command.optsWithGlobals<SetOptions>();
      const change = { actionType: action, service, level };
      return withBus(context, options, (session) => set(context, session, change, options));
    });
}

function levelOf(text: string): AutonomyLevel {
  const level = autonomyLevels.find((each) => each === text);
  if (level === undefined) throw new InvalidArgumentError(`'${text}' is none of ${autonomyLevels.join(", ")}`);
  return level;
}

/** The ledger as the Coordinator folds it: the same events, the same rules, each event once. */
export function recordsOf(events: readonly Recorded[], config: string): AutonomyRecord[] {
  const evolve = evolveAutonomy(coordinatorPart(config).rules.autonomy);
  const seen = new Set<string>();
  let ledger = emptyLedger;
  for (const { event, storedAt } of events) {
    if (seen.has(event.id)) continue;
    seen.add(event.id);
    ledger = evolve(ledger, event, storedAt);
  }
  return Object.values(ledger.records);
}

const tones: Record<AutonomyLevel, Tone> = { observe: "bad", suggest: "bad", approve: "warn", auto: "good" };

async function show(context: CommandContext, session: BusSession, options: ShowOptions): Promise<void> {
  const records = recordsOf(await session.events(), options.config);
  const { paint, say } = context;
  if (options.json === true) {
    say(JSON.stringify(records.map((record) => ({ ...record, changes: record.changes.map(readable) }))));
    return;
  }
  if (records.length === 0) {
    const { start } = coordinatorPart(options.config).rules.autonomy;
    say("nothing was earned or lost yet");
    say(
      paint(
        "dim",
        `low risk and exactly undone begins at ${start.lowRiskExact}, everything else at ${start.otherwise}`,
      ),
    );
    return;
  }
  const rows = records.map(({ actionType, service, level, verified, setbacks, streak, changes }) => {
    const last = changes.at(-1);
    const latest =
      last === undefined
        ? `as it began; ${streak} verified since`
        : `${last.from} → ${last.to} at ${timeText(last.at).slice(0, 16)}: ${printable(last.why, 100)}`;
    return [printable(actionType, 60), printable(service, 60), level, String(verified), String(setbacks), latest];
  });
  const toneOf = (row: number, column: number): Tone => {
    const record = records[row];
    return column === 2 && record !== undefined ? tones[record.level] : "plain";
  };
  for (const line of table(
    ["action", "service", "level", "verified", "setbacks", "latest change"],
    rows,
    paint,
    toneOf,
  )) {
    say(line);
  }
}

function readable({ at, ...change }: AutonomyRecord["changes"][number]): object {
  return { at: timeText(at), ...change };
}

async function set(
  context: CommandContext,
  session: BusSession,
  change: { readonly actionType: string; readonly service: string; readonly level: AutonomyLevel },
  { by, reason, json }: SetOptions,
): Promise<void> {
  const data = { ...change, by, reason };
  const sealed = sealEvent(
    { type: "autonomy.set", data },
    {
      signer: loadSigner(context.home.keys, "operator"),
      source: `/omega/operator/${encodeURIComponent(by).slice(0, 200)}`,
      now: context.clock.now(),
      causeId: systemIds.random(),
    },
  );
  const published = await session.bus.publish({ id: sealed.id, subject: sealed.subject, body: sealed.body });
  if (!published.ok) {
    throw new CommandFailure(exitCode.unavailable, `It may not have been stored: ${published.failure.message}`);
  }
  const { paint, say } = context;
  if (json === true) say(JSON.stringify({ seq: published.value.seq, ...data }));
  else say(`${paint(tones[change.level], change.level)}: ${change.actionType} on ${change.service}, set by ${by}`);
}
