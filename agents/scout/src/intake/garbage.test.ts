import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import fc from "fast-check";
import { Engine } from "../engine.ts";
import { depthFirst } from "../telemetry/trace.ts";
import { decode, signals } from "./decode.ts";
import type { Encoding, SignalName } from "./decode.ts";
import { listen } from "./receiver.ts";

/** `<signal>-<outcome>-<what>.<otlp-json|pb>`: each body that once was, or could be, trouble. Add to it what a fuzz run finds. */
const folder = join(import.meta.dirname, "../../test/corpus");
type Outcome = "accepted" | "partial" | "refused";

const corpus = readdirSync(folder).map((file) => {
  const [signal = "", outcome = ""] = file.split("-");
  assert.ok(signals.some((name) => name === signal) && ["accepted", "partial", "refused"].includes(outcome), file);
  const encoding: Encoding = file.endsWith(".pb") ? "protobuf" : "json";
  return {
    file,
    signal: signal as SignalName,
    outcome: outcome as Outcome,
    encoding,
    bytes: readFileSync(join(folder, file)),
  };
});

const startMs = Date.parse("2026-11-24T03:00:00Z");
const engine = new Engine({ sourceRoots: [], window: { tracesMax: 500, bytesMax: 1024 * 1024 } });
let nowMs = startMs;
const receiver = await listen({
  host: "127.0.0.1",
  port: 0,
  limits: { bodyBytesMax: 1024 * 1024, inFlightBytesMax: 4 * 1024 * 1024 },
  sink: (harvest) => {
    engine.ingest(harvest, nowMs);
    nowMs += 1000;
    engine.tick(nowMs);
  },
});
after(() => receiver.close());
const url = `http://127.0.0.1:${receiver.port}`;
const typeOf = { protobuf: "application/x-protobuf", json: "application/json" } as const;
const post = async (signal: SignalName, encoding: Encoding, bytes: Buffer) => {
  const body = new Uint8Array(bytes);
  const answer = await fetch(`${url}/v1/${signal}`, {
    method: "POST",
    headers: { "content-type": typeOf[encoding] },
    body,
  });
  return { status: answer.status, text: await answer.text() };
};

suite("every body of the corpus", () => {
  for (const { file, signal, outcome, encoding, bytes } of corpus) {
    test(`${file} is answered for what it is`, async () => {
      const before = { ...receiver.counts };
      const { status, text } = await post(signal, encoding, bytes);
      assert.equal(status, outcome === "refused" ? 400 : 200, text);
      if (outcome === "refused") assert.match(text, new RegExp(`not an OTLP ${signal} request in ${encoding}: .+`));
      assert.equal(receiver.counts.rejected > before.rejected, outcome === "partial");
      if (outcome === "accepted") assert.ok(receiver.counts.accepted > before.accepted);
      if (outcome === "partial") assert.match(text, /must|missing/);
    });
  }

  test("goes on to be diagnosed, drawn and judged: no cycle and no twin is followed for ever", () => {
    const operations = engine.window.operations.operations();
    const found = engine.diagnose(startMs - 60_000, operations, nowMs);
    assert.ok(["cause", "inconclusive", "healthy"].includes(found.verdict));
    engine.waterfall({ ...found, traceIds: ["5b8efff798038103d269b633813fc60c"] });
    const roots = engine.window.trace("5b8efff798038103d269b633813fc60c")?.roots ?? [];
    const ids = [...depthFirst(roots)].map(({ span }) => span.spanId);
    assert.equal(ids.length, new Set(ids).size);
    assert.ok(ids.includes("eee19b7ec3c1b174") && ids.includes("cccccccccccccccc"), ids.join());
  });
});

test("whatever bytes come, they are read or refused in words, and no number that is none gets in", () => {
  const edit = fc.record({ at: fc.nat(), drop: fc.nat({ max: 8 }), put: fc.uint8Array({ maxLength: 6 }) });
  const mutated = fc.record({
    of: fc.constantFrom(...corpus),
    edits: fc.array(edit, { maxLength: 6 }),
    cut: fc.option(fc.nat()),
  });
  const read = fc.property(mutated, fc.constantFrom(...signals), ({ of, edits, cut }, signal) => {
    let bytes = of.bytes.subarray(0, 4096);
    for (const { at, drop, put } of edits) {
      const place = at % (bytes.length + 1);
      bytes = Buffer.concat([bytes.subarray(0, place), put, bytes.subarray(place + drop)]);
    }
    if (cut !== null) bytes = bytes.subarray(0, cut % (bytes.length + 1));
    const decoded = decode(signal, of.encoding, bytes);
    if (!decoded.ok) {
      assert.ok(decoded.message.length > 10);
      return;
    }
    const { spans, points } = decoded.harvest;
    for (const { startMs: at, durationMs } of spans)
      assert.ok(Number.isFinite(at) && durationMs >= 0 && Number.isFinite(durationMs));
    for (const { value } of points) assert.ok(Number.isFinite(value));
    engine.ingest(decoded.harvest, nowMs);
    engine.tick(nowMs);
    assert.ok(engine.window.size.traces <= 500);
  });
  fc.assert(read, { numRuns: 3000 });
});

test("a body of 100 MB is refused while it arrives, said beforehand or not, and the next request is answered", async () => {
  const before = process.memoryUsage().arrayBuffers;
  const chunk = new Uint8Array(1024 * 1024);
  let sent = 0;
  const stream = new ReadableStream({
    pull(controller) {
      sent += 1;
      if (sent > 100) controller.close();
      else controller.enqueue(chunk);
    },
  });
  const said = await fetch(`${url}/v1/traces`, {
    method: "POST",
    headers: { "content-type": typeOf.protobuf },
    body: stream,
    duplex: "half",
  } as RequestInit).then(
    ({ status }) => status,
    // The connection is closed under a sender that goes on.
    () => 413,
  );
  assert.equal(said, 413);
  assert.ok(sent < 60, `${sent} MiB were taken`);
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
  const one = corpus.find(({ file }) => file === "traces-accepted-one.pb");
  assert.equal((await post("traces", "protobuf", one?.bytes ?? Buffer.alloc(0))).status, 200);
});
