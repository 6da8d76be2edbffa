import { execFile } from "node:child_process";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { statSync } from "node:fs";
import { reasonOf } from "@omega/shared/outcome.ts";
import { configReportSchema } from "@omega/shared/process-config.ts";

const installation = fileURLToPath(new URL("../..", import.meta.url));
const checkMs = 15_000;
/** A report of so many bytes says what is wrong with any file. */
const reportBytesMax = 4_000_000;

const programs: Readonly<Record<string, string>> = {
  scout: "agents/scout/src/main.ts",
  coordinator: "agents/coordinator/src/main.ts",
  surgeon: "agents/surgeon/src/main.ts",
  scribe: "agents/scribe/src/main.ts",
  console: "console/src/main.ts",
};

interface Checked {
  readonly stamp: string;
  readonly mistakes: Promise<readonly string[]>;
}

/**
 * What is wrong with a config file in the eyes of the process that it is for: that process's own program reads it with `--check`, as a
 * process of its own, in the console's environment. Asked again only when the file changed.
 */
export class ConfigChecks {
  readonly #checked = new Map<string, Checked>();

  /** Each as `file:line:column: what is wrong`; none where it holds; `undefined` for a file of no process of Omega's. */
  async mistakesIn(file: string): Promise<readonly string[] | undefined> {
    const program = programs[basename(file, ".yaml").split("-")[0] ?? ""];
    if (program === undefined) return undefined;
    const { mtimeMs, size } = statSync(file);
    const stamp = `${mtimeMs} ${size}`;
    const known = this.#checked.get(file);
    if (known?.stamp === stamp) return await known.mistakes;
    const mistakes = mistakesBy(program, file);
    this.#checked.set(file, { stamp, mistakes });
    return await mistakes;
  }
}

async function mistakesBy(program: string, file: string): Promise<readonly string[]> {
  const args = [join(installation, program), "--config", file, "--check"];
  return await new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: checkMs, maxBuffer: reportBytesMax }, (error, stdout, stderr) => {
      const report = configReportSchema.safeParse(jsonIn(stdout));
      if (report.success) resolve(report.data.ok ? [] : report.data.mistakes);
      else resolve([`${file}: it could not be checked: ${stderr.trim().split("\n").at(-1) ?? reasonOf(error)}`]);
    });
  });
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
