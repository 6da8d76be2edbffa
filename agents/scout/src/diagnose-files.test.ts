import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { otlpLines } from "../test/otlp-json.ts";
import { order, stackAt } from "../test/shop-simulation.ts";
import { seeded, telemetryOf } from "../test/trace-builder.ts";
import { diagnoseFiles } from "./diagnose-files.ts";
import { Harvest } from "./intake/harvest.ts";

const folder = mkdtempSync(join(tmpdir(), "omega-diagnose-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const clock = (): number => performance.now();

const startMs = Date.parse("2026-11-24T03:00:00Z");
const faultMs = startMs + 60_000;
const error = { type: "TypeError", message: "no rate", stack: stackAt("payments/loyalty.ts", 21, "loyaltyDiscount") };

/** Ninety seconds of four orders a second; a third of them fails from the sixtieth on when told so. */
const recording = (broken: boolean, fromMs = startMs): Harvest => {
  const noise = seeded(5);
  const harvest = new Harvest();
  for (let number = 0; number < 360; number += 1) {
    const atMs = fromMs + number * 250;
    telemetryOf(
      order(broken && atMs >= faultMs && number % 3 === 0 ? { failed: true, error } : {}, noise),
      atMs,
      harvest,
    );
  }
  return harvest;
};
const save = (name: string, harvest: Harvest): string => {
  const dir = mkdtempSync(join(folder, name));
  writeFileSync(join(dir, "traces.otlp.jsonl.gz"), gzipSync(otlpLines(harvest)));
  return dir;
};

test("a recording is diagnosed as it would have been live, onset and line", async () => {
  const found = await diagnoseFiles({ incidentDir: save("fault", recording(true)), sourceRoots: ["/srv/shop"] }, clock);
  assert.ok(found.ok, JSON.stringify(found));
  const { verdict, candidates, onset } = found.value;
  assert.equal(verdict, "cause");
  assert.deepEqual(candidates[0]?.location, {
    file: "payments/loyalty.ts",
    function: "loyaltyDiscount",
    lineStart: 21,
  });
  assert.ok(Math.abs(Date.parse(onset) - faultMs) < 2000, onset);
});

test("a recording without a fault is healthy, alone and beside a baseline", async () => {
  const healthy = save("healthy", recording(false));
  const earlier = save("earlier", recording(false, startMs - 3_600_000));
  for (const baseline of [{}, { baselineDir: earlier }]) {
    const found = await diagnoseFiles({ incidentDir: healthy, ...baseline }, clock);
    assert.equal(found.ok ? found.value.verdict : found.failure.message, "healthy");
  }
});

test("bad files are named, with their line", async () => {
  const empty = mkdtempSync(join(folder, "empty"));
  const missing = await diagnoseFiles({ incidentDir: empty }, clock);
  assert.match(missing.ok ? "" : missing.failure.message, /traces\.otlp\.jsonl: no such file/);
  writeFileSync(join(empty, "traces.otlp.jsonl"), '{"resourceSpans":[]}\n{"resourceSpans":{}}\n');
  const shape = await diagnoseFiles({ incidentDir: empty }, clock);
  assert.match(shape.ok ? "" : shape.failure.message, /traces\.otlp\.jsonl:2: .*resourceSpans must be an array/);
  writeFileSync(join(empty, "traces.otlp.jsonl"), "");
  const nothing = await diagnoseFiles({ incidentDir: empty }, clock);
  assert.equal(nothing.ok ? "" : nothing.failure.code, "telemetry_empty");
  const packed = mkdtempSync(join(folder, "packed"));
  writeFileSync(join(packed, "traces.otlp.jsonl.gz"), "no gzip at all");
  const broken = await diagnoseFiles({ incidentDir: packed }, clock);
  assert.equal(broken.ok ? "" : broken.failure.code, "telemetry_unreadable");
});
