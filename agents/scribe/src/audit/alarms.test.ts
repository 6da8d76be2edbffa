import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Draft, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { deriveId } from "@omega/shared/ids.ts";
import { createLog } from "@omega/shared/log.ts";
import { fail, ok } from "@omega/shared/outcome.ts";
import { Alarms } from "./alarms.ts";

const lost = { firstSeq: 3, lastSeq: 9, messages: 7 };

/** A bus that takes events or doesn't. */
class Voice {
  readonly said: { id: string; draft: Draft }[] = [];
  isDown = false;

  alarms(): Alarms {
    return new Alarms({
      origin: "o",
      stopsActions: true,
      logger: createLog("scribe", "fatal"),
      say: (draft, causeId) => {
        if (this.isDown) return Promise.resolve(fail("retryable", "publish_unanswered", "no bus"));
        const id = deriveId(causeId, draft.type);
        this.said.push({ id, draft });
        return Promise.resolve(ok({ ...draft, id } as unknown as OmegaEvent));
      },
    });
  }
}

describe("alarms", () => {
  it("are said once for one finding, also by the next process, and again for another", async () => {
    const voice = new Voice();
    const alarms = voice.alarms();
    await alarms.lost(lost);
    await alarms.lost(lost);
    assert.equal(voice.said.length, 1);
    const next = voice.alarms();
    next.known(voice.said[0]?.id ?? "");
    await next.lost(lost);
    assert.equal(voice.said.length, 1);
    await next.lost({ ...lost, lastSeq: 10, messages: 8 });
    assert.equal(voice.said.length, 2);
  });

  it("wait for a bus that is away", async () => {
    const voice = new Voice();
    voice.isDown = true;
    const alarms = voice.alarms();
    await alarms.lost(lost);
    voice.isDown = false;
    await alarms.flush();
    await alarms.flush();
    assert.equal(voice.said.length, 1);
  });

  it("about writing are one until a checkpoint, then another", async () => {
    const voice = new Voice();
    const alarms = voice.alarms();
    await alarms.raise("log_unwritable", "disk full");
    await alarms.raise("log_unwritable", "disk still full");
    assert.equal(voice.said.length, 1);
    assert.ok(alarms.endsWithCheckpoint);
    alarms.checkpointed();
    await alarms.raise("log_unwritable", "disk full");
    assert.equal(new Set(voice.said.map(({ id }) => id)).size, 2);
  });
});
