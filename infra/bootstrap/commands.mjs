// The commands: sets up what is missing, then hands over to the command under the pinned Node.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./places.mjs";
import { handOver } from "./program.mjs";
import { setUp } from "./setup.mjs";
import { explain, SetupFailure } from "./steps.mjs";
import { provideTestPackages } from "./test-packages.mjs";

const cli = join(root, "cli/src/main.ts");
const runner = (name) => join(root, "infra/runners", name);

/** What each command runs, in order; the first that fails ends it with its exit code. */
const COMMANDS = {
  omega: (args) => [[cli, ...args]],
  demo: (args) => [[cli, "demo", ...args]],
  test: (args) => [[runner("test.ts"), ...args]],
  bench: (args) => [[runner("bench.ts"), ...args]],
  prove: (args) => [[runner("prove.ts"), ...args]],
  check: () => [["--run", "check"]],
  verify: (args) => [["--run", "check"], ...generatedIsFresh(), [runner("test.ts"), ...args]],
};

const NEEDS_TEST_PACKAGES = new Set(["test", "verify"]);

/** The checks that generated files are what their generators write; none where the workspace has no generator. */
function generatedIsFresh() {
  const script = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts.generate;
  const entries = (script ?? "").split(" && ").map((one) => one.replace(/^node /, ""));
  return entries
    .filter((entry) => entry !== "" && existsSync(join(root, entry)))
    .map((entry) => [runner("fresh.ts"), entry]);
}

/** Returns the exit code. */
export async function main([command, ...args]) {
  if (!Object.hasOwn(COMMANDS, command ?? "")) {
    process.stderr.write(
      `run.mjs: ${command === undefined ? "no command given" : `there is no command ${command}`}; there are ${Object.keys(COMMANDS).join(", ")}\n`,
    );
    return 2;
  }
  try {
    const { node, env } = await setUp();
    if (NEEDS_TEST_PACKAGES.has(command)) await provideTestPackages();
    // `omega` works on the caller's files; everything else on the workspace.
    const cwd = command === "omega" ? process.cwd() : root;
    for (const call of COMMANDS[command](args)) {
      const code = await handOver(node, call, { cwd, env });
      if (code !== 0) return code;
    }
    return 0;
  } catch (failure) {
    if (!(failure instanceof SetupFailure)) throw failure;
    explain(failure);
    return 1;
  }
}
