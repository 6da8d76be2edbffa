import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { parseEvent } from "@omega/bus-schemas/parse-event.ts";
import { z } from "zod";
import type { StoredMessage } from "./bus.ts";
import { fail, ok, reasonOf, type Outcome } from "./outcome.ts";

/**
 * A recorded stream: JSON lines, one stored message each, `{seq, storedAt, subject, event}`, in stream order. `event` is the envelope;
 * its RFC 8785 form is byte for byte what the stream holds. `omega events export` writes it, `omega replay --file` reads it.
 */
const lineSchema = z.strictObject({
  seq: z.number().int().min(1),
  storedAt: z.number().int().min(0),
  subject: z.string(),
  event: z.unknown(),
});

export interface RecordedEvent {
  readonly seq: number;
  readonly storedAt: number;
  readonly event: OmegaEvent;
}

/** One line of a recording, without the line break. */
export function recordLine(message: StoredMessage): string {
  const event: unknown = JSON.parse(new TextDecoder().decode(message.body));
  return JSON.stringify({ seq: message.seq, storedAt: message.storedAt, subject: message.subject, event });
}

/** Reads a recording (gzip where the name ends in `.gz`). Failures `terminal/bad_recording`, `terminal/recording_missing` name file and line. */
export async function readRecording(path: string): Promise<Outcome<RecordedEvent[]>> {
  const events: RecordedEvent[] = [];
  let number = 0;
  try {
    const file = createReadStream(path);
    const lines = createInterface({ input: path.endsWith(".gz") ? file.pipe(createGunzip()) : file });
    await new Promise<void>((resolve, reject) => file.once("open", () => resolve()).once("error", reject));
    for await (const line of lines) {
      number += 1;
      if (line.trim() === "") continue;
      const recorded = lineSchema.safeParse(JSON.parse(line));
      if (!recorded.success)
        return fail("terminal", "bad_recording", `${path}:${number}: ${z.prettifyError(recorded.error)}`);
      const parsed = parseEvent(new TextEncoder().encode(JSON.stringify(recorded.data.event)));
      if (!parsed.ok) return fail("terminal", "bad_recording", `${path}:${number}: ${parsed.failure.message}`);
      events.push({ seq: recorded.data.seq, storedAt: recorded.data.storedAt, event: parsed.event });
    }
    return ok(events);
  } catch (error) {
    if (number === 0) return fail("terminal", "recording_missing", `${path}: ${reasonOf(error)}`);
    return fail("terminal", "bad_recording", `${path}:${number}: ${reasonOf(error)}`);
  }
}
