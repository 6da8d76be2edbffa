import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { decode } from "./decode.ts";
import { Wire } from "./wire.ts";

test("an id reads as its own hex, whatever its length", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 32 }), (id) => {
      assert.equal(new Wire(Buffer.from([id.length, ...id])).id(), Buffer.from(id).toString("hex"));
    }),
  );
});

test("ids that share a place in the table are told apart", () => {
  // Twice as many as there are places, each read again after all others have been.
  const ids = Array.from({ length: 8192 }, (_, at) => createHash("sha256").update(String(at)).digest());
  for (const id of [...ids, ...ids]) {
    for (const length of [8, 16]) {
      const wire = new Wire(Buffer.from([length, ...id.subarray(0, length)]));
      assert.equal(wire.id(), id.toString("hex", 0, length));
    }
  }
});

test("ids of 8 bytes and of 16 bytes are never taken for each other", () => {
  const short = Buffer.alloc(8, 7);
  const long = Buffer.concat([short, Buffer.alloc(8)]);
  for (const id of [short, long, short, long]) {
    assert.equal(new Wire(Buffer.from([id.length, ...id])).id(), id.toString("hex"));
  }
});

test("an id in JSON that is not hex is refused, however long it is", () => {
  const span = { name: "GET /", spanId: "00000000000000zz", traceId: "1".repeat(32), startTimeUnixNano: "1000000" };
  const body = { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
  const decoded = decode("traces", "json", Buffer.from(JSON.stringify(body)));
  assert.ok(decoded.ok, JSON.stringify(decoded));
  assert.equal(decoded.harvest.spans.length, 0);
  assert.match(JSON.stringify(decoded.harvest), /span_id must be 8 bytes/);
});
