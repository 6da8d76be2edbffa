import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { AlwaysOnSampler, TracerProvider } from "@opentelemetry/sdk-trace";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import fc from "fast-check";
import { decode } from "./decode.ts";
import { redactText } from "@omega/shared/redact.ts";

/** A request of several spans as the SDK's own serializer writes it. */
const request = (): Buffer => {
  const ended: ReadableSpan[] = [];
  const collecting = {
    onStart: () => undefined,
    onEnd: (span: ReadableSpan) => void ended.push(span),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": "shop" }),
    sampler: new AlwaysOnSampler(),
    spanProcessors: [collecting],
  });
  const tracer = provider.getTracer("test");
  for (let number = 0; number < 5; number += 1) {
    const span = tracer.startSpan(`GET /${number}`, {
      attributes: { number, "http.route": "/{id}", list: ["a", "b"], big: -(2 ** 40) },
    });
    span.addEvent("tick", { at: 1.5 });
    span.end();
  }
  const bytes = ProtobufTraceSerializer.serializeRequest(ended);
  assert.ok(bytes !== undefined);
  return Buffer.from(bytes);
};
const whole = request();

test("the SDK's protobuf is read whole", () => {
  const decoded = decode("traces", "protobuf", whole);
  assert.ok(decoded.ok);
  assert.deepEqual(
    decoded.harvest.spans.map(({ name }) => name),
    ["GET /0", "GET /1", "GET /2", "GET /3", "GET /4"],
  );
  assert.equal(decoded.harvest.spans[3]?.attributes.get("number"), 3);
  assert.equal(decoded.harvest.spans[3]?.attributes.get("big"), -(2 ** 40));
});

test("a request cut anywhere is refused in words, or read up to a whole message", () => {
  for (let length = 0; length < whole.length; length += 1) {
    const decoded = decode("traces", "protobuf", whole.subarray(0, length));
    if (decoded.ok) assert.equal(length, 0);
    else assert.match(decoded.message, /at byte \d+ of \d+/);
  }
});

test("garbled bytes never throw, for any signal and encoding", () => {
  const garbled = fc.record({
    at: fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
  });
  fc.assert(
    fc.property(garbled, ({ at }) => {
      const bytes = Buffer.from(whole);
      for (const [position, value] of at) bytes[position] = value;
      for (const signal of ["traces", "logs", "metrics"] as const) decode(signal, "protobuf", bytes);
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void decode("metrics", "protobuf", Buffer.from(bytes))),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(
      fc.json(),
      (text) => void decode("traces", "json", Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[${text}]}]}]}`)),
    ),
  );
});

test("values nested without end are refused", () => {
  let value: Buffer = Buffer.from([0o12, 1, 0x61]);
  const wrap = (field: number, bytes: Buffer): Buffer => {
    const length: number[] = [];
    for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
      length.push(rest >= 128 ? (rest % 128) + 128 : rest);
      if (rest < 128) break;
    }
    return Buffer.concat([Buffer.from([field * 8 + 2, ...length]), bytes]);
  };
  for (let depth = 0; depth < 2000; depth += 1) value = wrap(5, wrap(1, value));
  const attribute = wrap(9, Buffer.concat([wrap(1, Buffer.from("deep")), wrap(2, value)]));
  const decoded = decode("traces", "protobuf", wrap(1, wrap(2, wrap(2, attribute))));
  assert.equal(decoded.ok, false);
  assert.match(decoded.ok ? "" : decoded.message, /nested deeper than 32/);
  const json = `${'{"arrayValue":{"values":['.repeat(2000)}{}${"]}}".repeat(2000)}`;
  const span = `{"attributes":[{"key":"deep","value":${json}}]}`;
  const nested = decode("traces", "json", Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[${span}]}]}]}`));
  assert.match(nested.ok ? "" : nested.message, /nested deeper than 32/);
});

test("secrets of known shapes are redacted, and ordinary text is left alone", () => {
  for (const secret of [
    "Authorization: Bearer abcdefgh12345678",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "AKIAIOSFODNN7EXAMPLE",
    `ghp_${"a1".repeat(18)}`,
    "xoxb-123456789012-abcdef",
    "postgres://shop:hunter2hunter2@db/shop",
    "connect failed: password=hunter2hunter2 host=db",
    '{"api_key": "hunter2hunter2"}',
    "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----",
  ]) {
    assert.match(redactText(`before ${secret} after`), /\[redacted\]/, secret);
    assert.doesNotMatch(redactText(secret), /hunter2|abcdefgh1234|MIIEvQ|IOSFODNN7|c2lnbmF0dXJl/);
  }
  for (const plain of [
    "Cannot read properties of undefined (reading 'key')",
    "GET /tokens/{id}",
    "SELECT key FROM t WHERE key = $1",
    "https://shop/a?b=c",
  ]) {
    assert.equal(redactText(plain), plain);
  }
});
