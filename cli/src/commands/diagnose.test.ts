import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runNode } from "../node-run.ts";

const folder = mkdtempSync(join(tmpdir(), "omega-cli-diagnose-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const omega = (...args: string[]) => runNode([join(import.meta.dirname, "..", "main.ts"), "diagnose", ...args]);

const startMs = Date.parse("2026-11-24T03:00:00Z");

/** Twenty requests a second apart, as the Collector's file exporter writes them; broken ones end before they are charged. */
const recorded = (name: string, broken: boolean, fromMs: number): string => {
  const at = (ms: number): string => `${fromMs + ms}000000`;
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "payments" } }] };
  const spans: object[] = [];
  const logRecords: object[] = [];
  for (let number = 0; number < 20; number += 1) {
    const traceId = (fromMs + number).toString(16).padStart(32, "0");
    const spanId = (number + 1).toString(16).padStart(16, "0");
    const ms = number * 1000;
    const span = { traceId, spanId, name: "POST /charges", kind: 2 };
    spans.push({ ...span, startTimeUnixNano: at(ms), endTimeUnixNano: at(ms + 40), status: {} });
    for (const [line, text] of [[10, `charge ${number} begins`] as const, [20, `charge ${number} is done`] as const]) {
      if (broken && line === 20) continue;
      const attributes = [
        { key: "code.file.path", value: { stringValue: "src/charge.ts" } },
        { key: "code.line.number", value: { intValue: String(line) } },
      ];
      const body = { stringValue: text };
      logRecords.push({ timeUnixNano: at(ms + line), traceId, spanId, severityNumber: 9, body, attributes });
    }
  }
  const dir = join(folder, name);
  mkdirSync(dir);
  const lines = {
    traces: { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] },
    logs: { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] },
  };
  for (const [signal, request] of Object.entries(lines))
    writeFileSync(join(dir, `${signal}.otlp.jsonl`), JSON.stringify(request));
  return dir;
};

test("recorded telemetry gives a cause with its line, for a person and as JSON", async () => {
  const incident = recorded("incident", true, startMs);
  // The baseline lies after the incident: it is the time without the fault all the same.
  const baseline = recorded("baseline", false, startMs + 3_600_000);
  const shown = await omega("--incident", incident, "--baseline", baseline);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^cause {2}since 2026-11-24T03:00:00/);
  assert.match(shown.stdout, /payments +code +\d+ % +src\/charge\.ts:10-20/);
  const told = await omega("--incident", incident, "--baseline", baseline, "--json");
  const { verdict, candidates, tookMs } = JSON.parse(told.stdout) as {
    verdict: string;
    candidates: { rank: number; service: string; location: object }[];
    tookMs: number;
  };
  assert.equal(verdict, "cause");
  assert.deepEqual([candidates[0]?.rank, candidates[0]?.service], [1, "payments"]);
  assert.ok(Number.isFinite(tookMs));
  const same = await omega("--incident", join(folder, "baseline"), "--baseline", baseline);
  assert.equal(same.code, 1, same.stdout);
});

test("what can't be read is said with its name", async () => {
  const none = await omega("--incident", join(folder, "nowhere"));
  assert.equal(none.code, 69);
  assert.match(none.stderr, /nowhere\/traces\.otlp\.jsonl: no such file/);
  const when = await omega("--incident", folder, "--onset", "yesterday");
  assert.equal(when.code, 64);
  assert.match(when.stderr, /--onset yesterday: not a time/);
  assert.equal((await omega()).code, 64);
});
