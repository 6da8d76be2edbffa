import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readChanges, withChanges } from "./change-list.ts";
import type { Change } from "./change-list.ts";
import type { Suspect } from "./diagnosis.ts";

const onsetMs = Date.parse("2026-11-24T03:00:00Z");
const at = (minutesBefore: number): string => new Date(onsetMs - minutesBefore * 60_000).toISOString();

const suspect: Suspect = {
  service: "payments",
  kind: "code",
  operation: "POST /charges",
  errorType: "TypeError",
  signature: "Cannot read properties of undefined (reading 'rate')",
  location: { file: "payments/loyalty.ts", lineStart: 21, function: "loyaltyDiscount" },
  confidence: 0.6,
  evidence: [],
};
const culprit: Change = {
  time: at(40),
  service: "payments",
  kind: "deploy",
  id: "c0ffee",
  summary: "Give loyal customers a discount",
  files: ["payments/loyalty.ts"],
  diff: "+const { rate } = tiers.get(customer.tier);",
};
const decoy: Change = {
  time: at(2),
  service: "payments",
  kind: "deploy",
  id: "decade",
  summary: "Reword the receipt's footer",
  files: ["payments/receipt.ts"],
  diff: '-  "Thank you"\n+  "Many thanks"',
};

test("the change that touches what fails is named, not the latest one", () => {
  const [found] = withChanges([suspect], [culprit, decoy], onsetMs);
  assert.deepEqual(found?.change, { id: "c0ffee" });
  assert.ok((found?.confidence ?? 0) > suspect.confidence);
  assert.match(found?.evidence.at(-1)?.says ?? "", /touches loyalty\.ts/);
});

test("no change is blamed for its being there: neither an unrelated one nor one that came later", () => {
  for (const changes of [[decoy], [{ ...culprit, time: at(-30) }], []]) {
    assert.deepEqual(withChanges([suspect], changes, onsetMs), [suspect]);
  }
  const network: Suspect = { service: "payments", kind: "network", confidence: 0.7, evidence: [] };
  assert.deepEqual(withChanges([network], [culprit, decoy], onsetMs), [network]);
});

test("a list that can't be read is refused with file and entry", async () => {
  const folder = mkdtempSync(join(tmpdir(), "omega-changes-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "changes.json");
  writeFileSync(path, JSON.stringify([culprit, { ...decoy, kind: "rumour" }]));
  const read = await readChanges(path);
  assert.ok(!read.ok && read.failure.code === "changes_unreadable" && read.failure.message.includes(`${path}: 1.kind`));
  writeFileSync(path, JSON.stringify([culprit, decoy]));
  const good = await readChanges(path);
  assert.deepEqual(good, { ok: true, value: [culprit, decoy] });
});
