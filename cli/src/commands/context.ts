import { systemClock, type Clock } from "@omega/shared/clock.ts";
import { homeOf, type Home } from "../home.ts";
import { BusSession, busUrl } from "../bus-session.ts";
import { counted } from "@omega/shared/durations.ts";
import { paintFor, printable, type Paint } from "@omega/shared/terminal.ts";

/** What every command works with: the person's terminal, folder and bus. */
export interface CommandContext {
  readonly home: Home;
  readonly clock: Clock;
  readonly paint: Paint;
  /** Aborts at Ctrl-C or SIGTERM. */
  readonly interrupted: AbortSignal;
  /** Writes a line to standard output. */
  readonly say: (line: string) => void;
  /** Writes a line to standard error: progress and warnings, which a pipe must not swallow. */
  readonly note: (line: string) => void;
}

export function commandContext(): CommandContext {
  const interruption = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => interruption.abort());
  return {
    home: homeOf(process.env),
    clock: systemClock,
    paint: paintFor(process.stdout, process.env),
    interrupted: interruption.signal,
    say: (line) => void process.stdout.write(`${line}\n`),
    note: (line) => void process.stderr.write(`${line}\n`),
  };
}

/** Options that every command has which reads the bus. */
export interface BusOptions {
  readonly server?: string;
  readonly json?: boolean;
}

/** Opens the bus, does the work, closes it, and says how many messages could not be believed. */
export async function withBus<T>(
  context: CommandContext,
  options: BusOptions,
  work: (session: BusSession) => Promise<T>,
): Promise<T> {
  const session = await BusSession.open(context.home, busUrl(context.home, options.server, process.env));
  try {
    return await work(session);
  } finally {
    if (session.refused > 0) {
      context.note(
        `omega: ${counted(session.refused, "message")} on the stream left out: no key in ${printable(context.home.keys)}/trusted vouches for what they say.`,
      );
    }
    await session.close();
  }
}
