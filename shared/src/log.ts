import pino, { type Logger } from "pino";

export type Log = Logger;

/** Field names whose values never reach a log, at any of the depths that our objects have. */
const secretFields = ["password", "token", "secret", "authorization", "privateKey", "apiKey", "cookie"];

/** JSON lines on standard error: a constant message plus fields. */
export function createLog(name: string, level: string): Log {
  return pino(
    {
      name,
      level,
      base: { agent: name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: "[redacted]" },
    },
    pino.destination({ dest: 2, sync: false }),
  );
}
