import { resolve } from "node:path";
import { InvalidArgumentError, type Command } from "commander";
import type { DemoSummary } from "../demo/summary.ts";
import { exitCode } from "../exit-code.ts";
import { commandContext, type CommandContext } from "./context.ts";

interface DemoFlags {
  readonly kubeconfig?: string;
  readonly rate: number;
  readonly baselineSeconds: number;
  readonly incidentSeconds: number;
  readonly keep?: boolean;
  readonly json?: boolean;
}

export function addDemo(program: Command): void {
  program
    .command("demo")
    .description("heal a real incident in a small shop on a small cluster, twice, before your eyes")
    .option("--kubeconfig <file>", "a control plane without kubelets of its own, instead of the embedded one")
    .option("--rate <requests>", "visitors' requests a second", numberOf, 20)
    .option("--baseline-seconds <seconds>", "healthy traffic before the first fault", numberOf, 15)
    .option(
      "--incident-seconds <seconds>",
      "how long an incident may take from the fault to the resolution",
      numberOf,
      120,
    )
    .option("--keep", "leave all of it running after the summary, until Ctrl-C")
    .option("--json", "the JSON summary, and nothing else")
    .addHelpText(
      "after",
      "\nLogs, post-mortems and the recorded stream stay in $OMEGA_HOME/demo, else .omega/demo.\nExit code 0 only when both incidents were healed.\n\nExamples:\n  omega demo\n  omega demo --json | jq .incidents\n  omega demo --keep   and in another terminal:   OMEGA_HOME=.omega/demo omega incidents ls",
    )
    .action(async (flags: DemoFlags) => {
      process.exitCode = await demo(commandContext(), flags);
    });
}

async function demo(context: CommandContext, flags: DemoFlags): Promise<number> {
  // Loaded only here: the Kubernetes client is slow to load and no other command needs it.
  const { Demo } = await import("../demo/demo.ts");
  const { memoryGain, summaryTable } = await import("../demo/summary.ts");
  const json = flags.json === true;
  const { clock, paint, say } = context;
  const startedAt = clock.now();
  const tell = (line: string): void => {
    if (json) return;
    // A line of the timeline has its own clock; the demo's own lines get one.
    const own = line === "" || /^\s/.test(line) || line.startsWith("\u001B[2m ");
    say(own ? line : `${paint("dim", `${((clock.now() - startedAt) / 1000).toFixed(1).padStart(6)} s`)}  ${line}`);
  };
  const keep = flags.keep === true;
  const run = new Demo(
    context,
    {
      ...(flags.kubeconfig === undefined ? {} : { kubeconfig: resolve(flags.kubeconfig) }),
      ratePerSecond: flags.rate,
      baselineMs: flags.baselineSeconds * 1000,
      incidentMs: flags.incidentSeconds * 1000,
      console: !json,
    },
    tell,
  );
  const summary = await run.run(async ({ incidents, error }) => {
    if (incidents.length > 0 && !json) {
      say("");
      for (const line of summaryTable(incidents, paint)) say(line);
      const gain = memoryGain(incidents);
      if (gain !== undefined) say(paint("good", gain));
      say("");
      for (const { postmortem } of incidents) if (postmortem !== null) say(`post-mortem  ${postmortem}`);
      say(`recording    ${run.home.folder}/recording.jsonl   (omega replay --file …)`);
    }
    if (error !== undefined) context.note(`\nomega demo: ${error}\nLogs: ${run.home.logs}`);
    if (keep && error === undefined) await untilInterrupted(context, run.home.folder);
    if (!json) say(paint("dim", "\nstopping everything"));
  });
  say(summaryText(summary, json));
  if (context.interrupted.aborted && !summary.ok) return exitCode.interrupted;
  return summary.ok ? exitCode.ok : exitCode.failed;
}

/** One line for programs; indented after the story that a person has read. */
function summaryText(summary: DemoSummary, json: boolean): string {
  return json ? JSON.stringify(summary) : `\n${JSON.stringify(summary, undefined, 2)}`;
}

async function untilInterrupted(context: CommandContext, folder: string): Promise<void> {
  context.note(
    `\nEverything still runs. In another terminal: OMEGA_HOME=${folder} omega status, or omega console for a link. Ctrl-C here ends it.`,
  );
  await new Promise<void>((done) => {
    if (context.interrupted.aborted) done();
    context.interrupted.addEventListener("abort", () => done(), { once: true });
  });
}

function numberOf(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("a number above 0 is wanted.");
  return value;
}
