import { userInfo } from "node:os";
import { InvalidArgumentError, type Command } from "commander";
import type { FolderOptions } from "../audit/audit-folder.ts";
import { erase, acknowledge, type DeedOptions } from "../audit/deeds.ts";
import { exportFolder, exportRecording } from "../audit/export.ts";
import { list, show, type ListOptions } from "../audit/reading.ts";
import { prove, verify, verifyProofFile, type ProofOptions, type VerifyFlags } from "../audit/proving.ts";
import { commandContext } from "./context.ts";

export function addAudit(program: Command): void {
  const audit = program
    .command("audit")
    .description("the tamper-evident log of everything on the stream (docs/audit.md)");
  addReading(audit);
  addProving(audit);
  addDeeds(audit);
}

function withFolder(command: Command): Command {
  return command
    .option("--log <folder>", "the log, instead of $OMEGA_HOME/audit")
    .option("--keys <folder>", "the keys, instead of $OMEGA_HOME/keys")
    .option("--blobs <folder>", "content outside of the log, instead of $OMEGA_HOME/audit-blobs");
}

function addReading(audit: Command): void {
  withFolder(audit.command("ls"))
    .description("entries, the newest last")
    .option("--incident <id>", "only those of this incident")
    .option("--limit <count>", "at most the last so many", wholeNumber, 40)
    .option("--json", "one JSON array")
    .addHelpText("after", "\nExamples:\n  omega audit ls\n  omega audit ls --incident inc-20261124-1a2b3c --json")
    .action((options: ListOptions) => list(commandContext(), options));
  withFolder(audit.command("show <incident>"))
    .description(
      "why Omega did what it did: each claim with its entry and its evidence; the id may be cut short, or 'last'",
    )
    .option("--json", "one JSON object")
    .addHelpText("after", "\nExamples:\n  omega audit show last\n  omega audit show inc-20261124-1a2b3c --json")
    .action((id: string, options: FolderOptions) => show(commandContext(), id, options));
  withFolder(audit.command("export <folder>"))
    .description(
      "a copy to give away: log, public keys and the verifier, without the writer's state or any content kept outside",
    )
    .option("--recording", "only the events, as a recording for omega replay --file; <folder> is then a file, or -")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nExamples:\n  omega audit export for-the-auditor\n  omega audit export --recording recording.jsonl",
    )
    .action((target: string, options: FolderOptions & { recording?: boolean }) =>
      options.recording === true
        ? exportRecording(commandContext(), target, options)
        : exportFolder(commandContext(), target, options),
    );
}

function addProving(audit: Command): void {
  withFolder(audit.command("verify"))
    .description(
      "every entry, tile, root and signature, and every step of every incident; exit code 1 names the first bad entry",
    )
    .option("--checkpoint <file...>", "checkpoints seen earlier or elsewhere, with which the log has to begin")
    .option("--policy <file>", "a policy whose quorum of witnesses must have cosigned")
    .option("--json", "the verdict as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  omega audit verify\n  omega audit verify --checkpoint yesterday.checkpoint --policy witnesses.policy",
    )
    .action(async (options: VerifyFlags) => {
      process.exitCode = await verify(commandContext(), options);
    });
  withFolder(audit.command("prove <entry>"))
    .description("write a proof of one entry (index, seq:N or event id), that anybody can check offline for ever")
    .option("--out <file>", "the proof; the entry goes beside it as <file>.entry (default: entry-<index>.tlog-proof)")
    .option("--json", "one JSON object")
    .addHelpText("after", "\nExamples:\n  omega audit prove 41\n  omega audit prove seq:42 --out order.tlog-proof")
    .action((entry: string, options: ProofOptions) => prove(commandContext(), entry, options));
  withFolder(audit.command("check-proof <proof>"))
    .description("check a proof and the entry beside it; exit code 1 when they prove nothing")
    .option("--policy <file>", "a policy whose quorum of witnesses must have cosigned")
    .option("--json", "one JSON object")
    .addHelpText("after", "\nExamples:\n  omega audit check-proof order.tlog-proof")
    .action(async (file: string, options: FolderOptions & { policy?: string }) => {
      process.exitCode = await verifyProofFile(commandContext(), file, options);
    });
}

function addDeeds(audit: Command): void {
  const deed = (command: Command): Command =>
    withFolder(command)
      .requiredOption("--reason <text>", "why; it goes into the log")
      .option("--by <name>", "who", userInfo().username)
      .option("--server <url>", "the bus")
      .option("--json", "one JSON object");
  deed(audit.command("erase <index>"))
    .description("erase the content behind an entry, for ever, and say so on the stream; every proof stays valid")
    .addHelpText("after", '\nExamples:\n  omega audit erase 41 --reason "erasure request 4711"')
    .action((index: string, options: DeedOptions) => erase(commandContext(), wholeNumber(index), options));
  deed(audit.command("acknowledge"))
    .description("end the alarms of the audit log that stand, so that Omega acts again")
    .addHelpText("after", '\nExamples:\n  omega audit acknowledge --reason "restored from the backup of 03:00"')
    .action((options: DeedOptions) => acknowledge(commandContext(), options));
}

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw new InvalidArgumentError("a whole number is wanted.");
  return Number(text);
}
