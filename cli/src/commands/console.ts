import { userInfo } from "node:os";
import { join } from "node:path";
import { Option, type Command } from "commander";
import { CommandFailure } from "../exit-code.ts";
import { installation, type Home } from "../home.ts";
import { runNode } from "../node-run.ts";
import { commandContext } from "./context.ts";

interface ConsoleOptions {
  readonly name: string;
  readonly role: string;
  readonly json?: boolean;
}

export function addConsole(program: Command): void {
  program
    .command("console")
    .description("print a link that signs somebody in to the running console, once")
    .option("--name <name>", "who signs in; it stands on what they decide", userInfo().username)
    .addOption(
      new Option(
        "--role <role>",
        "a viewer looks, a responder decides and presses the Panic Button, an admin also resumes",
      )
        .choices(["viewer", "responder", "admin"])
        .default("admin"),
    )
    .option("--json", "the link as JSON")
    .addHelpText(
      "after",
      "\nThe link holds for 15 minutes. Exit code 69: no console answers; omega up starts it.\n\nExamples:\n  omega console\n  omega console --name vic@example.com --role viewer",
    )
    .action(async ({ name, role, json }: ConsoleOptions) => {
      const { home, say } = commandContext();
      const link = await signInLink(home, role, name);
      say(json === true ? JSON.stringify({ link }) : link);
    });
}

/** Throws a CommandFailure where no console answers. */
export async function signInLink(home: Home, role: string, name: string = userInfo().username): Promise<string> {
  const entry = join(installation, "console", "src", "link-main.ts");
  const { code, stdout, stderr } = await runNode([entry, "--state", home.console, "--name", name, "--role", role]);
  if (code !== 0) throw new CommandFailure(code, `${stderr.trim()} Start it with: omega up`);
  return stdout.trim();
}
