import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { rulesSchema } from "@omega/coordinator/config.ts";
import { replay } from "@omega/coordinator/replay.ts";
import { readRecording, type RecordedEvent } from "@omega/shared/recording.ts";

/** The rules that were in force when the demo was recorded; the policies are in the stream itself. */
const rules = rulesSchema.parse({ namespaces: { allow: ["shop"] } });
const recordings = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".jsonl"));

async function recorded(name: string): Promise<RecordedEvent[]> {
  const recording = await readRecording(join(import.meta.dirname, name));
  assert.ok(recording.ok, JSON.stringify(recording));
  return recording.value;
}

describe("recorded incidents", () => {
  for (const name of recordings) {
    it(`${name} is decided now as it was then`, async () => {
      const result = replay(await recorded(name), rules);
      assert.deepEqual(result.differing, []);
      assert.ok(result.decisions >= 10, `${result.decisions} decisions`);
    });

    it(`${name} is decided otherwise by other rules, and the replay says where`, async () => {
      const stricter = replay(await recorded(name), { ...rules, confidenceMin: 1 });
      const kinds = new Set(stricter.differing.map(({ type, kind }) => `${type} ${kind}`));
      assert.ok(kinds.has("approval.requested not_recorded"), [...kinds].join(", "));
      assert.ok(kinds.has("action.ordered not_decided"), [...kinds].join(", "));
    });

    it(`${name} with one decision left out is found out`, async () => {
      const events = await recorded(name);
      const at = events.findIndex(({ event }) => event.type === "action.ordered");
      const result = replay(events.toSpliced(at, 1), rules);
      assert.deepEqual(
        result.differing.map(({ type, kind }) => `${type} ${kind}`),
        ["action.ordered not_recorded"],
      );
    });
  }
});
