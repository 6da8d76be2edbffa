import { Command, CommanderError } from "commander";
import { addActions } from "./commands/actions.ts";
import { addApprovals } from "./commands/approve.ts";
import { addAudit } from "./commands/audit.ts";
import { addAutonomy } from "./commands/autonomy.ts";
import { addBus } from "./commands/bus.ts";
import { addConfig } from "./commands/config.ts";
import { addConsole } from "./commands/console.ts";
import { addDemo } from "./commands/demo.ts";
import { addDiagnose } from "./commands/diagnose.ts";
import { addEvents } from "./commands/events.ts";
import { addIncidents } from "./commands/incidents.ts";
import { addPanic } from "./commands/panic.ts";
import { addPolicy } from "./commands/policy.ts";
import { addReplay } from "./commands/replay.ts";
import { addSignals } from "./commands/signals.ts";
import { addStatus } from "./commands/status.ts";
import { addUndo } from "./commands/undo.ts";
import { addTrace } from "./commands/trace.ts";
import { addUp } from "./commands/up.ts";
import { CommandFailure, exitCode } from "./exit-code.ts";

const program = new Command("omega")
  .description("Heals production incidents on its own, and proves every step.")
  .version("0.1.0")
  .exitOverride()
  .showHelpAfterError("(omega help shows the commands)")
  .addHelpText(
    "after",
    "\nThe bus is found by --server, OMEGA_NATS_URL, or a running omega up in $OMEGA_HOME.\nExit codes: 0 yes, 1 no, 64 usage, 69 something is missing, 78 bad config.",
  );

addUp(program);
addConsole(program);
addDemo(program);
addStatus(program);
addIncidents(program);
addSignals(program);
addApprovals(program);
addActions(program);
addPanic(program);
addUndo(program);
addPolicy(program);
addAutonomy(program);
addDiagnose(program);
addTrace(program);
addReplay(program);
addEvents(program);
addAudit(program);
addBus(program);
addConfig(program);

// Readers such as `head` close the pipe early; that ends the command, it is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCode.ok);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  else if (error instanceof CommandFailure) {
    process.stderr.write(`omega: ${error.message}\n`);
    process.exitCode = error.exitCode;
  } else throw error;
}
