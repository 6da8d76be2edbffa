// `npm test -- [--unit] [part of a path | part of a test's name]`: runs the tests, two files at a time, and ends with
// `N passed, N failed`. Each file runs as its own process and has a deadline.

import { choose, discover, parseSelection } from "./discover.ts";
import { exitCode, failedList, lastLine, skippedTable, tally } from "./tally.ts";
import { runTestFile, type FileOptions, type FileResult } from "./test-file.ts";

const AT_ONCE = 2;
const DEADLINE_MS = 600_000;

export type Write = (text: string) => void;

/** Runs the tests below `root`. Returns the exit code. */
export async function runTests(
  root: string,
  args: readonly string[],
  write: Write,
  deadlineMs = DEADLINE_MS,
): Promise<number> {
  const selection = parseSelection(args);
  if ("error" in selection) {
    write(`${selection.error}\n`);
    return 2;
  }
  const { files, names } = choose(discover(root), selection);
  const options: FileOptions = { root, deadlineMs, ...(names === undefined ? {} : { names }) };
  const results = await runAll(files, options, write);
  section(write, "Skipped", skippedTable(results));
  section(write, "Failed", failedList(results));
  const total = tally(results);
  if (total.passed + total.failed === 0) write(`\nNo test ran${args.length > 0 ? ` for ${args.join(" ")}` : ""}.\n`);
  write(`\n${lastLine(total)}\n`);
  return exitCode(total);
}

async function runAll(files: readonly string[], options: FileOptions, write: Write): Promise<FileResult[]> {
  const queue = [...files];
  const results: FileResult[] = [];
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const result = await runTestFile(file, options);
      results.push(result);
      if (result.tests.length > 0 || result.problem !== undefined) write(describe(result));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results.sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file));
}

function describe({ file, output, durationMs, problem }: FileResult): string {
  const seconds = `${(durationMs / 1000).toFixed(1)} s`;
  return `\n${file} (${seconds})\n${output}\n${problem === undefined ? "" : `✖ this file ${problem}\n`}`;
}

function section(write: Write, title: string, lines: readonly string[]): void {
  if (lines.length > 0) write(`\n${title}:\n${lines.map((line) => `  ${line}\n`).join("")}`);
}

if (import.meta.main) {
  process.exitCode = await runTests(process.cwd(), process.argv.slice(2), (text) => void process.stdout.write(text));
}
