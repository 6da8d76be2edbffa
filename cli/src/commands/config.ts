import { existsSync, statSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { Argument, type Command } from "commander";
import { counted } from "@omega/shared/durations.ts";
import { readPolicyFolder } from "@omega/shared/policy/policy-set.ts";
import { stringify } from "yaml";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { installation } from "../home.ts";
import { configReport, processNames, type ProcessName } from "../processes.ts";
import { commandContext, type CommandContext } from "./context.ts";

const standardFolder = join(installation, "infra", "config");

export function addConfig(program: Command): void {
  const config = program
    .command("config")
    .description("the config files of the processes: check them, show what is in force");
  config
    .command("check [paths...]")
    .description(
      "read config files as their processes would, and the policies beside them; each mistake by file, line and column",
    )
    .option("--json", "one JSON object: {ok, files: [{file, process, ok, mistakes}]}")
    .addHelpText(
      "after",
      "\nA path is a folder, or a file whose name says whose it is (scout.yaml, scout-eu.yaml). Exit code 78: there is a mistake.\n\nExamples:\n  omega config check\n  omega config check /etc/omega\n  omega config check surgeon.yaml --json",
    )
    .action(async (paths: string[], options: { json?: boolean }) => {
      process.exitCode = await check(commandContext(), paths, options.json === true);
    });
  config
    .command("show")
    .description(
      "the settings of one process as they are in force: from its file, from the environment and by default; no secrets",
    )
    .addArgument(new Argument("<process>").choices(processNames))
    .option("--config <file>", "its config file; default infra/config/<process>.yaml")
    .option("--effective", "with the defaults (always so; said for clarity)")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nExamples:\n  omega config show scout --effective\n  omega config show surgeon --json | jq .namespaces",
    )
    .action(async (name: ProcessName, options: { config?: string; json?: boolean }) => {
      process.exitCode = await show(commandContext(), name, options);
    });
}

interface CheckedFile {
  readonly file: string;
  readonly process: string;
  readonly ok: boolean;
  readonly mistakes: readonly string[];
}

async function check(context: CommandContext, paths: readonly string[], asJson: boolean): Promise<number> {
  const given = paths.length === 0 ? [standardFolder] : paths.map((path) => resolve(path));
  const files: CheckedFile[] = [];
  for (const path of given) {
    if (!existsSync(path)) throw new CommandFailure(exitCode.unavailable, `${path}: there is no such file or folder`);
    if (statSync(path).isDirectory()) files.push(...(await checkFolder(path)));
    else files.push(await checkFile(path));
  }
  const ok = files.every((file) => file.ok);
  const { say, paint } = context;
  if (asJson) say(JSON.stringify({ ok, files }));
  else {
    const width = Math.max(...files.map(({ process: name }) => name.length));
    for (const file of files) {
      const mark = file.ok ? paint("good", "holds") : paint("bad", counted(file.mistakes.length, "mistake"));
      say(`${file.process.padEnd(width)}  ${nearest(file.file)}  ${mark}`);
      for (const mistake of file.mistakes) say(`  ${nearest(mistake)}`);
    }
  }
  return ok ? exitCode.ok : exitCode.config;
}

/** Paths as short as a person at this place can use them. */
function nearest(text: string): string {
  const here = `${process.cwd()}/`;
  return text.startsWith(here) ? relative(".", text) : text;
}

async function checkFolder(folder: string): Promise<CheckedFile[]> {
  const present = processNames.filter((name) => existsSync(join(folder, `${name}.yaml`)));
  const checked = await Promise.all(present.map((name) => checkAs(name, join(folder, `${name}.yaml`))));
  const policies = join(folder, "policies");
  if (existsSync(policies)) checked.push(checkPolicies(policies));
  if (checked.length === 0)
    throw new CommandFailure(
      exitCode.unavailable,
      `${folder} holds none of ${processNames.map((name) => `${name}.yaml`).join(", ")}`,
    );
  return checked;
}

async function checkFile(file: string): Promise<CheckedFile> {
  const name = processNames.find((each) => basename(file).startsWith(each));
  if (name === undefined)
    throw new CommandFailure(
      exitCode.usage,
      `${file}: its name does not say whose config it is; it must begin with one of ${processNames.join(", ")}`,
    );
  return checkAs(name, file);
}

async function checkAs(name: ProcessName, file: string): Promise<CheckedFile> {
  const report = await configReport(name, file);
  return { file, process: name, ok: report.ok, mistakes: report.ok ? [] : report.mistakes };
}

function checkPolicies(folder: string): CheckedFile {
  const reading = readPolicyFolder(folder);
  const mistakes = reading.ok
    ? []
    : reading.mistakes.map(
        ({ file, line, column, message }) =>
          `${file === folder ? file : join(folder, file)}:${line}:${column}: ${message}`,
      );
  return { file: folder, process: "policies", ok: reading.ok, mistakes };
}

async function show(
  context: CommandContext,
  name: ProcessName,
  options: { config?: string; json?: boolean },
): Promise<number> {
  const report = await configReport(name, resolve(options.config ?? join(standardFolder, `${name}.yaml`)));
  if (!report.ok) throw new CommandFailure(exitCode.config, report.mistakes.map(nearest).join("\n"));
  if (options.json === true) context.say(JSON.stringify(report.effective));
  else
    context.say(
      `${context.paint("dim", `# ${nearest(report.file)}, as ${name} reads it now`)}\n${stringify(report.effective, { lineWidth: 0 }).trimEnd()}`,
    );
  return exitCode.ok;
}
