import { join } from "node:path";
import { configReportSchema, type ConfigReport } from "@omega/shared/process-config.ts";
import { CommandFailure, exitCode } from "./exit-code.ts";
import { installation } from "./home.ts";
import { jsonIn, runNode } from "./node-run.ts";

/** Every process of Omega that has a config file, by the file's name, and the program that reads it. */
export const processes = {
  scout: "agents/scout/src/main.ts",
  coordinator: "agents/coordinator/src/main.ts",
  surgeon: "agents/surgeon/src/main.ts",
  scribe: "agents/scribe/src/main.ts",
  console: "console/src/main.ts",
} as const;
export type ProcessName = keyof typeof processes;
export const processNames = ["scout", "coordinator", "surgeon", "scribe", "console"] as const;

/** Has the process itself read a config file; it starts nothing. */
export async function configReport(name: ProcessName, file: string): Promise<ConfigReport> {
  const run = await runNode([join(installation, processes[name]), "--check", "--config", file]);
  const report = configReportSchema.safeParse(jsonIn(run.stdout));
  if (!report.success) throw new CommandFailure(exitCode.failed, `${name} did not answer.\n${run.stderr.trim()}`);
  return report.data;
}
