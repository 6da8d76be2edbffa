import type { Command } from "commander";
import type { EventOf } from "@omega/bus-schemas/catalogue.ts";
import { standingAlarms } from "../audit/deeds.ts";
import type { BusSession } from "../bus-session.ts";
import { counted, duration } from "@omega/shared/durations.ts";
import { exitCode } from "../exit-code.ts";
import { incidentsIn } from "@omega/shared/incident-view.ts";
import { agentNames } from "../machine.ts";
import { isAlive, readRunRecord } from "../run-record.ts";
import { printable, table, type Tone } from "@omega/shared/terminal.ts";
import { commandContext, withBus, type BusOptions, type CommandContext } from "./context.ts";

export function addStatus(program: Command): void {
  program
    .command("status")
    .description("the bus, the agents, what is frozen and what is open; exit code 1 when an agent is down")
    .option("--server <url>", "the bus")
    .option("--json", "one JSON object")
    .addHelpText("after", "\nExamples:\n  omega status\n  omega status --json | jq .agents")
    .action(async (options: BusOptions) => {
      const context = commandContext();
      process.exitCode = await withBus(context, options, (session) => status(context, session, options));
    });
}

async function status(context: CommandContext, session: BusSession, options: BusOptions): Promise<number> {
  const recorded = await session.events();
  const events = recorded.map(({ event }) => event);
  const started = (agent: string): EventOf<"agent.started"> | undefined =>
    events.findLast(
      (event): event is EventOf<"agent.started"> => event.type === "agent.started" && event.data.agent === agent,
    );
  const run = readRunRecord(context.home);
  const agents = agentNames.map((agent) => {
    const last = started(agent);
    // Pids mean something only on the machine that runs `omega up`; elsewhere the last word on the bus has to do.
    const local = run?.processes.find(({ name }) => name === agent)?.pid;
    const pid = local ?? last?.data.pid;
    const up = run === undefined ? undefined : local !== undefined && isAlive(local);
    return { agent, pid, up, since: last?.time, version: last?.data.version };
  });
  // What else is said under `control`, such as a press that was refused, freezes nothing.
  const control = events.findLast(({ type }) => type === "control.panic-pressed" || type === "control.resumed");
  const frozen = control?.type === "control.panic-pressed";
  const alarms = standingAlarms(events);
  const open = [...incidentsIn(recorded).values()].filter(
    ({ status: is }) => is === "open" || is === "awaiting approval",
  );
  const lastSeq = await session.bus.lastSeq();
  const code = agents.every(({ up }) => up !== false) ? exitCode.ok : exitCode.failed;
  if (options.json === true) {
    const incidents = open.map(({ id, title, status: is }) => ({ id, title, status: is }));
    context.say(
      JSON.stringify({
        bus: session.url,
        events: lastSeq,
        refused: session.refused,
        agents,
        frozen,
        auditAlarms: alarms.length,
        open: incidents,
      }),
    );
    return code;
  }
  const { paint, say, clock } = context;
  say(`bus      ${session.url}, ${counted(lastSeq, "event")} on the stream`);
  say(`control  ${frozen ? paint("bad", "FROZEN: nothing is started until omega resume") : paint("good", "acting")}`);
  for (const { data } of alarms) say(`audit    ${paint("bad", printable(data.says))}  omega audit acknowledge`);
  say("");
  const rows = agents.map(({ agent, pid, up, since, version }) => [
    agent,
    up === undefined ? "not known here" : up ? "up" : "down",
    pid === undefined ? "-" : String(pid),
    since === undefined ? "-" : duration(Math.max(0, clock.now() - Date.parse(since))),
    version ?? "-",
  ]);
  const toneOf = (row: number, column: number): Tone =>
    column !== 1 || agents[row]?.up === undefined ? "plain" : agents[row].up ? "good" : "bad";
  for (const line of table(["agent", "state", "pid", "since", "version"], rows, paint, toneOf)) say(line);
  say("");
  if (open.length === 0) say("no incident is open");
  for (const { id, title, status: is } of open) say(`${paint("bad", id)}  ${is}  ${printable(title, 100)}`);
  return code;
}
