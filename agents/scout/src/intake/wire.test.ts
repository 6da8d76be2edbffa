import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decode } from "./decode.ts";
import { Wire } from "./wire.ts";

test("an id reads as its own hex, however many ids share a place in the table", () => {
  const ids = fc.array(fc.uint8Array({ minLength: 0, maxLength: 20 }), { minLength: 1, maxLength: 400 });
  fc.assert(
    fc.property(ids, (list) => {
      // Each id twice, the second time after all others: a place in the table may have been taken over by then.
      for (const id of [...list, ...list]) {
        const wire = new Wire(Buffer.from([id.length, ...id]));
        assert.equal(wire.id(), Buffer.from(id).toString("hex"));
      }
    }),
  );
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
