import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { waterfallSchema } from "@omega/bus-schemas/waterfall.ts";
import { runNode } from "../node-run.ts";

const folder = mkdtempSync(join(tmpdir(), "omega-cli-trace-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const omega = (...args: string[]) => runNode([join(import.meta.dirname, "..", "main.ts"), "trace", ...args]);

const traceId = "0af7651916cd43dd8448eb211c80319c";
const culpritId = "00000000000000a3";
const stack =
  "TypeError: no rate\n    at charge (/app/src/charge.js:42:7)\n    at run (/app/node_modules/express/a.js:1:1)";

/** A shop's failing order, three spans deep; ids as the store writes them. */
const recorded = (id: (hex: string) => string) => {
  const span = (service: string, spanId: string, parentSpanId: string, kind: unknown, name: string, ms: number) => ({
    resource: {
      attributes: [
        { key: "service.name", value: { stringValue: service } },
        { key: "telemetry.sdk.language", value: { stringValue: "nodejs" } },
      ],
    },
    scopeSpans: [
      {
        spans: [
          {
            traceId: id(traceId),
            spanId: id(spanId),
            ...(parentSpanId === "" ? {} : { parentSpanId: id(parentSpanId) }),
            name,
            kind,
            startTimeUnixNano: "1790000000000000000",
            endTimeUnixNano: `${1_790_000_000_000 + ms}000000`,
            status: { code: 2 },
            events:
              spanId === culpritId
                ? [
                    {
                      name: "exception",
                      timeUnixNano: "1790000000001000000",
                      attributes: [
                        { key: "exception.type", value: { stringValue: "TypeError" } },
                        { key: "exception.message", value: { stringValue: "no rate" } },
                        { key: "exception.stacktrace", value: { stringValue: stack } },
                      ],
                    },
                  ]
                : [],
          },
        ],
      },
    ],
  });
  return {
    resourceSpans: [
      span("checkout", "00000000000000a1", "", "SPAN_KIND_SERVER", "POST /orders", 50),
      span("checkout", "00000000000000a2", "00000000000000a1", 3, "POST /charges", 40),
      span("payments", culpritId, "00000000000000a2", 2, "POST /charges", 30),
    ],
  };
};
const hex = (id: string): string => id;
const base64 = (id: string): string => Buffer.from(id, "hex").toString("base64");

/** Answers as Jaeger's and Tempo's documents say; neither can be had from npm or apt. */
const stores = createServer((request, response) => {
  const answer = (status: number, body: unknown) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  if (request.url === `/api/v3/traces/${traceId}`) answer(200, { result: recorded(hex) });
  else if (request.url === `/api/v2/traces/${traceId}`) answer(200, { trace: recorded(base64), status: "PARTIAL" });
  else answer(404, { error: { httpCode: 404, message: "No traces found" } });
}).listen(0, "127.0.0.1");
after(() => stores.close());
await once(stores, "listening");
const url = `http://127.0.0.1:${(stores.address() as AddressInfo).port}`;

writeFileSync(join(folder, "traces.otlp.jsonl"), JSON.stringify(recorded(hex)));

const sources = { incident: folder, jaeger: url, tempo: url };

for (const [name, source] of Object.entries(sources)) {
  test(`${name}: a waterfall with the span and line where the failure began`, async () => {
    const told = await omega(traceId.toUpperCase(), `--${name}`, source, "--json");
    assert.equal(told.code, 0, told.stderr);
    const { spans, culprit, notes } = waterfallSchema.parse(JSON.parse(told.stdout));
    assert.deepEqual(
      spans.map(({ depth, service }) => [depth, service]),
      [
        [0, "checkout"],
        [1, "checkout"],
        [2, "payments"],
      ],
    );
    assert.equal(culprit?.spanId, culpritId);
    assert.equal(culprit.location?.lineStart, 42);
    assert.equal(notes.includes("The store left spans out: the trace is partial."), name === "tempo");
    const shown = await omega(traceId, `--${name}`, source);
    assert.match(shown.stdout, /▶ {5}payments POST \/charges +█+ +30 ms/);
    assert.match(shown.stdout, /failed first: TypeError: no rate at \S*charge\.js:42 \(charge\)/);
  });

  test(`${name}: a trace that it doesn't have is exit code 1, with its name`, async () => {
    const none = await omega("1".repeat(32), `--${name}`, source);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /no such trace|no span of trace 1{32}/);
  });
}

test("what is wrong is said", async () => {
  assert.equal((await omega(traceId)).code, 64);
  const short = await omega("abc", "--incident", folder);
  assert.equal(short.code, 64);
  assert.match(short.stderr, /abc: a trace id has 32 hex digits/);
  const nobody = await omega(traceId, "--jaeger", "http://127.0.0.1:1");
  assert.equal(nobody.code, 69);
  assert.match(nobody.stderr, /127\.0\.0\.1:1\/api\/v3\/traces/);
});
