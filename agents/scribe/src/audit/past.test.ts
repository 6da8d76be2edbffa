import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inlineEntry } from "@omega/shared/audit/entry.ts";
import type { StoredMessage } from "@omega/shared/bus.ts";
import type { BlobStore } from "@omega/tlog/blob-store.ts";
import { comparePast, type PastFindings } from "./past.ts";

const noBlobs: BlobStore = {
  put: () => assert.fail("nothing is stored when comparing"),
  get: () => Promise.resolve({ kind: "erased" }),
  erase: () => assert.fail("nothing is erased when comparing"),
};

/** Messages by their texts; `undefined` leaves its sequence out. */
function stream(...texts: readonly (string | undefined)[]): StoredMessage[] {
  return texts.flatMap((text, at) =>
    text === undefined ? [] : [{ seq: at + 1, storedAt: 1, subject: "omega.x", body: Buffer.from(`"${text}"`) }],
  );
}

async function compared(logged: readonly StoredMessage[], stored: readonly StoredMessage[]): Promise<PastFindings> {
  const entries = logged.map((message, index) => ({ index, entry: inlineEntry(message) }));
  const source = async function* (from: number) {
    yield* entries.slice(from);
  };
  return comparePast(
    source,
    (async function* () {
      yield* stored;
    })(),
    noBlobs,
  );
}

const abcd = stream("a", "b", "c", "d");

describe("comparing the past", () => {
  const cases: readonly [string, StoredMessage[], StoredMessage[], PastFindings][] = [
    ["an empty log", [], abcd, { lost: undefined, differing: undefined, resumeSeq: 1 }],
    ["nothing new", abcd, abcd, { lost: undefined, differing: undefined, resumeSeq: 5 }],
    ["something new", abcd.slice(0, 2), abcd, { lost: undefined, differing: undefined, resumeSeq: 3 }],
    [
      "a stream that lost its end",
      abcd,
      abcd.slice(0, 2),
      { lost: { firstSeq: 3, lastSeq: 4, messages: 2 }, differing: undefined, resumeSeq: 3 },
    ],
    [
      "a stream that lost its beginning",
      abcd,
      stream(undefined, undefined, "c", "d", "e"),
      { lost: { firstSeq: 1, lastSeq: 2, messages: 2 }, differing: undefined, resumeSeq: 5 },
    ],
    [
      "a changed message in the middle",
      abcd,
      stream("a", "X", "c", "d"),
      { lost: undefined, differing: { firstSeq: 2, lastSeq: 2, messages: 1 }, resumeSeq: 5 },
    ],
    [
      "sequences that were given away again",
      abcd,
      stream("a", "b", "X", "Y", "Z"),
      { lost: undefined, differing: { firstSeq: 3, lastSeq: 4, messages: 2 }, resumeSeq: 3 },
    ],
    [
      "an empty stream",
      abcd,
      [],
      { lost: { firstSeq: 1, lastSeq: 4, messages: 4 }, differing: undefined, resumeSeq: 1 },
    ],
    [
      "a message that turns up where nothing was logged",
      stream("a", undefined, "c"),
      stream("a", "b", "c"),
      { lost: undefined, differing: { firstSeq: 2, lastSeq: 2, messages: 1 }, resumeSeq: 4 },
    ],
    [
      "a second run that replaced the end of the first",
      [...abcd, ...stream("a", "b", "X", "Y").slice(2)],
      stream("a", "b", "X", "Y", "Z"),
      { lost: undefined, differing: undefined, resumeSeq: 5 },
    ],
    [
      "a second run whose own end was lost",
      [...abcd, ...stream("a", "b", "X", "Y").slice(2)],
      stream("a", "b", "X"),
      { lost: { firstSeq: 4, lastSeq: 4, messages: 1 }, differing: undefined, resumeSeq: 4 },
    ],
  ];
  for (const [what, logged, stored, expected] of cases) {
    it(`finds of ${what} what there is to find`, async () => {
      assert.deepEqual(await compared(logged, stored), expected);
    });
  }
});
