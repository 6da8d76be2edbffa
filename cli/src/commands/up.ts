import { join, resolve } from "node:path";
import { InvalidArgumentError, type Command } from "commander";
import { exitCode } from "../exit-code.ts";
import { installation } from "../home.ts";
import { Machine, type ProcessRow } from "../machine.ts";
import { table, type Paint, type Tone } from "@omega/shared/terminal.ts";
import { signInLink } from "./console.ts";
import { commandContext, type CommandContext } from "./context.ts";

interface UpOptions {
  readonly port: number;
  readonly config: string;
  readonly kubeconfig?: string;
  readonly otlpPort?: number;
  /** False by `--no-console`. */
  readonly console: boolean;
  readonly consolePort: number;
  readonly json?: boolean;
}

export function addUp(program: Command): void {
  program
    .command("up")
    .description("start all of Omega on this machine: the bus, the four agents and the console")
    .option("--port <port>", "port of the bus; 0 takes a free one", portOf, 4222)
    .option("--config <folder>", "folder of the agents' config files", join(installation, "infra", "config"))
    .option("--kubeconfig <file>", "the cluster that Surgeon works on (OMEGA_KUBECONFIG)")
    .option("--otlp-port <port>", "where Scout takes OpenTelemetry data over HTTP (OMEGA_OTLP_PORT)", portOf)
    .option("--console-port <port>", "where the console listens; 0 takes a free one", portOf, 4330)
    .option("--no-console", "without the console")
    .option("--json", "print one line of JSON when it is up, and nothing else on standard output")
    .addHelpText(
      "after",
      "\nState is kept in $OMEGA_HOME, else .omega. Ctrl-C drains all in order.\n\nExamples:\n  omega up\n  omega up --kubeconfig ~/.kube/config\n  OMEGA_HOME=/tmp/two omega up --port 0 --otlp-port 4319",
    )
    .action(async (options: UpOptions) => {
      process.exitCode = await up(commandContext(), options);
    });
}

async function up(context: CommandContext, options: UpOptions): Promise<number> {
  const { home, clock, paint, say, note, interrupted } = context;
  const quiet = options.json === true;
  const tell = (name: string, what: string): void => (quiet ? note : say)(`${paint("note", name.padEnd(12))} ${what}`);
  const machine = await Machine.start(
    {
      home,
      port: options.port,
      configFolder: resolve(options.config),
      environment: {
        ...(options.kubeconfig === undefined ? {} : { OMEGA_KUBECONFIG: resolve(options.kubeconfig) }),
        ...(options.otlpPort === undefined ? {} : { OMEGA_OTLP_PORT: String(options.otlpPort) }),
      },
      ...(options.console ? { consolePort: options.consolePort } : {}),
      clock,
      tell,
    },
    interrupted,
  );
  const link = (await machine.startConsole()) === undefined ? undefined : await signInLink(home, "admin");
  if (quiet) say(JSON.stringify({ url: machine.url, home: home.folder, processes: machine.rows(), console: link }));
  else {
    for (const line of processTable(machine.rows(), paint)) say(line);
    say(`\nOmega is up. Bus ${machine.url}, state and logs in ${home.folder}.`);
    if (link !== undefined) say(`Console, for one sign-in: ${paint("note", link)}`);
    else if (options.console) note(paint("warn", `The console did not come up; see ${join(home.logs, "console.log")}`));
    say(paint("dim", "omega incidents watch   shows what happens; Ctrl-C stops all of it in order."));
  }
  await new Promise<void>((resolveWait) => {
    if (interrupted.aborted) resolveWait();
    interrupted.addEventListener("abort", () => resolveWait(), { once: true });
  });
  await machine.stop();
  return exitCode.ok;
}

export function processTable(rows: readonly ProcessRow[], paint: Paint): string[] {
  const toneOf = (row: number, column: number): Tone =>
    column !== 2 ? "plain" : rows[row]?.state === "running" ? "good" : "bad";
  return table(
    ["process", "pid", "state", "restarts", "log"],
    rows.map(({ name, pid, state, restarts, log }) => [
      name,
      pid === undefined ? "-" : String(pid),
      state,
      String(restarts),
      log ?? "-",
    ]),
    paint,
    toneOf,
  );
}

export function portOf(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError("a port is 0 to 65535.");
  return port;
}
