import { evolveDeeds, noDeeds, type Deeds } from "@omega/shared/panic/deeds.ts";
import type { BusSession, Recorded } from "../bus-session.ts";
import type { CommandContext } from "../commands/context.ts";

/** How long a person's command goes on watching what fails and is tried again. */
const patienceMs = 60_000;
/** A Surgeon that is up answers in milliseconds. */
const answerWithinMs = 5000;

/** What the stream holds now, folded. */
export async function deedsNow(session: BusSession): Promise<Deeds> {
  return (await session.events()).reduce((deeds, { event, storedAt }) => evolveDeeds(deeds, event, storedAt), noDeeds);
}

export interface Watching {
  /** Told of each event with the deeds after it; true: it is over. */
  step(recorded: Recorded, deeds: Deeds): boolean;
  /** Whether anybody has taken it up yet. */
  answered(): boolean;
}

/**
 * Follows the stream from its beginning until `step` says that it is over. `"silent"`: nobody took it up in time; `"impatient"`: it goes
 * on and this command does not wait for it.
 */
export async function watched(
  { clock, interrupted }: CommandContext,
  session: BusSession,
  watching: Watching,
): Promise<"over" | "silent" | "impatient"> {
  const late = new AbortController();
  let why: "silent" | "impatient" = "impatient";
  const signal = AbortSignal.any([late.signal, interrupted]);
  void clock.sleep(answerWithinMs, signal).then(() => {
    if (watching.answered() || signal.aborted) return;
    why = "silent";
    late.abort();
  });
  void clock.sleep(patienceMs, signal).then(() => late.abort());
  let deeds = noDeeds;
  try {
    for await (const recorded of session.follow({ fromSeq: 1, signal })) {
      deeds = evolveDeeds(deeds, recorded.event, recorded.storedAt);
      if (watching.step(recorded, deeds)) return "over";
    }
    return why;
  } finally {
    late.abort();
  }
}
