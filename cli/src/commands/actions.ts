import { join, resolve } from "node:path";
import type { Command } from "commander";
import { blastRadiusSchema, changeSchema, failureSchema, targetSchema } from "@omega/bus-schemas/vocabulary.ts";
import { z } from "zod";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { installation } from "../home.ts";
import { jsonIn, runNode } from "../node-run.ts";
import { printable, table } from "@omega/shared/terminal.ts";
import { diffOf, targetName } from "@omega/shared/timeline.ts";
import { commandContext, type CommandContext } from "./context.ts";

interface PlanOptions {
  readonly dryRun?: boolean;
  readonly config?: string;
  readonly json?: boolean;
}

const permissionSchema = z.object({ apiGroup: z.string(), resource: z.string(), verbs: z.array(z.string()) });
const traits = {
  reversible: z.enum(["exact", "compensating", "none"]),
  risk: z.enum(["low", "medium", "high"]),
  permissions: z.array(permissionSchema),
};

/** What `agents/surgeon/src/plan-main.ts` prints. */
const catalogueSchema = z.object({
  actions: z.array(
    z.object({ type: z.string(), ...traits, params: z.looseObject({ properties: z.record(z.string(), z.json()) }) }),
  ),
});
const planSchema = z.object({
  actionType: z.string(),
  target: targetSchema,
  ...traits,
  blastRadius: blastRadiusSchema,
  warnings: z.array(z.string()),
  planHash: z.string(),
  dryRun: z.string(),
  changes: z.array(changeSchema).optional(),
});
type Plan = z.infer<typeof planSchema>;
const refusalSchema = z.object({ failure: failureSchema });

const undoneHow: Record<Plan["reversible"], string> = {
  exact: "can be taken back exactly",
  compensating: "can be taken back, but what happened meanwhile stays",
  none: "CANNOT be taken back",
};

export function addActions(program: Command): void {
  const actions = program.command("actions").description("what Surgeon can do, and what one of these actions would do");
  actions
    .command("ls")
    .description("the installed actions")
    .option("--json", "one JSON object, with the JSON Schema of the parameters")
    .action((options: PlanOptions) => list(commandContext(), options));
  actions
    .command("plan <type> [key=value...]")
    .description("show what an action would do; nothing is changed, and this command has no way to change anything")
    .option("--dry-run", "have the target's API prove it, and its way back, and show every field that would change")
    .option("--config <file>", "Surgeon's config file, instead of infra/config/surgeon.yaml")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Entries of a map are given as key.entry=value, JSON as key:=value.
Exit codes: 0 it would be done, 1 refused, 64 unknown action or parameters, 69 no cluster, 78 bad config.

Examples:
  omega actions plan k8s.scale namespace=shop name=payments replicas=3 --dry-run
  omega actions plan k8s.patch-configmap namespace=shop name=checkout data.timeout.ms=2000 --dry-run --json`,
    )
    .action(async (type: string, words: readonly string[], options: PlanOptions) => {
      process.exitCode = await plan(commandContext(), type, words, options);
    });
}

async function list(context: CommandContext, options: PlanOptions): Promise<void> {
  const { stdout, stderr } = await runSurgeon(["ls"]);
  const parsed = catalogueSchema.safeParse(jsonIn(stdout));
  if (!parsed.success) throw new CommandFailure(exitCode.failed, `The catalogue could not be read.\n${stderr.trim()}`);
  if (options.json === true) {
    context.say(stdout.trim());
    return;
  }
  const rows = parsed.data.actions.map(({ type, risk, reversible, params }) => [
    type,
    risk,
    reversible,
    Object.keys(params.properties).join(" "),
  ]);
  for (const line of table(["action", "risk", "undo", "parameters"], rows, context.paint)) context.say(line);
}

async function plan(
  context: CommandContext,
  type: string,
  words: readonly string[],
  options: PlanOptions,
): Promise<number> {
  const { code, stdout, stderr } = await runSurgeon([
    "plan",
    ...(options.dryRun === true ? ["--dry-run"] : []),
    ...(options.config === undefined ? [] : ["--config", resolve(options.config)]),
    "--",
    type,
    ...words,
  ]);
  const answer = jsonIn(stdout);
  if (answer === undefined) throw new CommandFailure(code === 0 ? exitCode.failed : code, stderr.trim());
  if (options.json === true) {
    context.say(stdout.trim());
    return code;
  }
  const refusal = refusalSchema.safeParse(answer);
  if (refusal.success) {
    const { code: reason, message } = refusal.data.failure;
    throw new CommandFailure(code, `${printable(type)} is refused: ${printable(message, 2000)} [${reason}]`);
  }
  tell(context, planSchema.parse(answer));
  return code;
}

function tell({ say, paint }: CommandContext, shown: Plan): void {
  const { changes, permissions, warnings, blastRadius } = shown;
  say(paint("strong", `${shown.actionType} on ${targetName(shown.target)}`));
  if (changes !== undefined) {
    say("");
    for (const { tone, text } of diffOf({ changes }, changes.length)) say(`  ${paint(tone, text)}`);
    say("");
  }
  const rows: (readonly [string, string])[] = [
    ["dry run", changes === undefined ? "not run; --dry-run proves it and shows the fields" : shown.dryRun],
    ["undo", undoneHow[shown.reversible]],
    ["risk", shown.risk],
    ["reach", `${blastRadius.says} (${blastRadius.objects.join(", ")})`],
    ["needs", permissions.map(({ resource, verbs }) => `${resource}: ${verbs.join(", ")}`).join("; ")],
    ["plan", shown.planHash],
  ];
  for (const [name, text] of rows) say(`${paint("dim", name.padEnd(8))} ${printable(text)}`);
  for (const warning of warnings) say(paint("warn", `warning  ${printable(warning)}`));
}

/** Planning is Surgeon's own, run as its own process with its config: this command imports no agent. */
function runSurgeon(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return runNode([join(installation, "agents", "surgeon", "src", "plan-main.ts"), ...args]);
}
