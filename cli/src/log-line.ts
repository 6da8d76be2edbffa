import { printable } from "@omega/shared/terminal.ts";

const levels: Readonly<Record<number, string>> = {
  10: "TRACE",
  20: "DEBUG",
  30: "INFO",
  40: "WARN",
  50: "ERROR",
  60: "FATAL",
};
/** Said once per file already, or by the columns. */
const silent = new Set(["level", "time", "msg", "name", "agent", "pid"]);
const valueMax = 600;

/** A pino line as `03:00:21.120 INFO  said type=action.started seq=120`; any other line as it is, without control characters. */
export function readableLine(line: string): string {
  const entry = objectIn(line);
  if (entry === undefined) return printable(line, 4000);
  const { level, time, msg } = entry;
  const clock = typeof time === "string" ? time.slice(11, 23) : "";
  const name = (typeof level === "number" ? levels[level] : undefined) ?? "?";
  const fields = Object.entries(entry)
    .filter(([key]) => !silent.has(key))
    .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const text = [typeof msg === "string" ? msg : "", ...fields].map((part) => printable(part, valueMax)).join(" ");
  return `${clock} ${name.padEnd(5)} ${text}`;
}

function objectIn(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    const isEntry = typeof value === "object" && value !== null && "level" in value && "msg" in value;
    return isEntry ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
