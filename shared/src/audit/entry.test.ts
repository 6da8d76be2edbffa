import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { canonicalJson } from "../canonical-json.ts";
import { blobEntry, inlineEntry, parseEntry, seqOf } from "./entry.ts";

const bodies = fc.oneof(
  fc.json().map((text) => Buffer.from(text)),
  fc.json().map((text) => Buffer.from(canonicalJson(JSON.parse(text)))),
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
);
const messages = fc.record(
  {
    seq: fc.integer({ min: 1, max: 2 ** 52 }),
    storedAt: fc.integer({ min: 0, max: 2 ** 45 }),
    subject: fc.string({ unit: "binary", maxLength: 80 }),
    body: bodies,
  },
  { noNullPrototype: true },
);

describe("an audit entry", () => {
  it("gives back every message byte for byte, whatever it holds", () => {
    fc.assert(
      fc.property(messages, (message) => {
        const entry = inlineEntry(message);
        const parsed = parseEntry(entry);
        assert.ok(parsed.ok && parsed.value.kind === "inline");
        const { seq, storedAt, subject, body } = parsed.value;
        assert.deepEqual({ seq, storedAt, subject, body: Buffer.from(body) }, message);
        assert.equal(seqOf(entry), message.seq);
      }),
    );
  });

  it("has one spelling: no changed byte leads to the same message", () => {
    const message = { seq: 7, storedAt: 9, subject: "omega.control.x", body: Buffer.from('{"a":1,"b":[true]}') };
    const entry = inlineEntry(message);
    for (let at = 0; at < entry.length; at += 1) {
      const changed = Buffer.from(entry);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      const parsed = parseEntry(changed);
      if (!parsed.ok || parsed.value.kind !== "inline") continue;
      const { seq, storedAt, subject, body } = parsed.value;
      assert.notDeepEqual({ seq, storedAt, subject, body: Buffer.from(body) }, message, `byte ${at}`);
    }
    for (const padded of [
      ` ${entry.toString()}`,
      `${entry.toString()}\n`,
      entry.toString().replace(',"seq"', ', "seq"'),
    ])
      assert.equal(parseEntry(Buffer.from(padded)).ok, false, padded);
  });

  it("names content that is elsewhere, and stays short whatever the content claims to be", () => {
    const body = Buffer.from(JSON.stringify({ id: "evt-1", type: "postmortem.written", data: "x".repeat(99_999) }));
    const blob = { salted: "ab".repeat(32), bytes: body.length };
    const entry = blobEntry({ seq: 3, storedAt: 1, subject: "omega.incident.i.postmortem.written", body }, blob);
    const parsed = parseEntry(entry);
    assert.ok(parsed.ok && parsed.value.kind === "blob");
    assert.deepEqual(parsed.value.blob, blob);
    assert.deepEqual(parsed.value.about, { id: "evt-1", type: "postmortem.written" });
    assert.equal(seqOf(entry), 3);
    const junk = Buffer.from(JSON.stringify({ id: "x".repeat(99_999) }));
    assert.ok(blobEntry({ seq: 3, storedAt: 1, subject: "s", body: junk }, blob).length < 300);
  });

  it("is refused with the place when it is none", () => {
    for (const text of [
      "",
      "{}",
      '{"seq":1,"storedAt":1,"subject":"s"}',
      '{"event":1,"seq":0,"storedAt":1,"subject":"s"}',
    ]) {
      const parsed = parseEntry(Buffer.from(text));
      assert.equal(parsed.ok ? "" : parsed.failure.code, "bad_entry", text);
    }
    assert.equal(seqOf(Buffer.from('{"seq":4}')), undefined);
  });
});
