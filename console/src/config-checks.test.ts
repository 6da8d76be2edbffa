import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ConfigChecks } from "./config-checks.ts";

const shipped = fileURLToPath(new URL("../../infra/config/coordinator.yaml", import.meta.url));

test("a file is judged by its own process, with place and reason, and again when it changed", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "omega-checks-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const checks = new ConfigChecks();
  assert.deepEqual(await checks.mistakesIn(shipped), []);
  const file = join(folder, "coordinator.yaml");
  writeFileSync(
    file,
    'bus:\n  servers: ["nats://127.0.0.1:4222"]\nkeys: keys\npolicies: p\nrules:\n  settleMs: soon\n',
  );
  const [mistake, ...more] = (await checks.mistakesIn(file)) ?? [];
  assert.match(mistake ?? "", /coordinator\.yaml:6:\d+: .*settleMs/);
  assert.deepEqual(more, []);
  writeFileSync(file, 'bus:\n  servers: ["nats://127.0.0.1:4222"]\nkeys: keys\npolicies: p\nrules:\n  settleMs: 10\n');
  assert.deepEqual(await checks.mistakesIn(file), []);
  const other = join(folder, "grafana.yaml");
  writeFileSync(other, "a: 1\n");
  assert.equal(await checks.mistakesIn(other), undefined);
});
