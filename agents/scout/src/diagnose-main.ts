import { parseArgs } from "node:util";
import { diagnoseFiles } from "./diagnose-files.ts";

// What `omega diagnose` runs: the product's own diagnosis on recorded telemetry. JSON on standard output, failures on standard
// error; exit code 0 with an answer, 64 for wrong arguments, 69 when the telemetry is missing or can't be read.

const usage =
  "usage: diagnose-main.ts --incident DIR [--baseline DIR] [--changes FILE] [--onset TIME] [--until TIME] [--source-root DIR]...";

const stop = (code: number, text: string): never => {
  process.stderr.write(`${text}\n`);
  process.exit(code);
};

const timeOf = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? stop(64, `--${name} ${text}: not a time such as 2026-11-24T03:00:00Z`) : timeMs;
};

const argumentsGiven = () => {
  try {
    return parseArgs({
      options: {
        incident: { type: "string" },
        baseline: { type: "string" },
        changes: { type: "string" },
        onset: { type: "string" },
        until: { type: "string" },
        "source-root": { type: "string", multiple: true },
      },
    }).values;
  } catch (error) {
    return stop(64, `${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
};

const given = argumentsGiven();
if (given.incident === undefined) stop(64, usage);
const onsetMs = timeOf("onset", given.onset);
const untilMs = timeOf("until", given.until);
const found = await diagnoseFiles(
  {
    incidentDir: given.incident ?? "",
    ...(given.baseline === undefined ? {} : { baselineDir: given.baseline }),
    ...(given.changes === undefined ? {} : { changesFile: given.changes }),
    ...(onsetMs === undefined ? {} : { onsetMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
    sourceRoots: given["source-root"] ?? [],
  },
  () => performance.now(),
);
if (found.ok) process.stdout.write(`${JSON.stringify(found.value)}\n`);
else stop(69, found.failure.message);
