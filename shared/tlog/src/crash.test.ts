import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { entryAt, sweepCrashes, sweepFullDisk } from "./crash-sweep.ts";
import { DiskReader } from "./disk-reader.ts";
import { generateKey, parseSignerKey } from "./note-key.ts";
import { openLogFolder } from "./open-log.ts";
import { newSigner } from "./test-keys.ts";
import { verifyLog } from "./verify.ts";

/** Park and Miller's generator: enough to vary cases, and the same ones every time. */
function seeded(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % n;
  };
}

test("power lost at every step, and again during recovery, loses no acknowledged entry and contradicts no signature", async () => {
  const cases = { kinds: ["before", "torn"], keeps: ["none", "some"] } as const;
  const { tried, held, failures } = await sweepCrashes(newSigner("example.com/log", "log"), cases, seeded(7));
  assert.deepEqual(failures.slice(0, 5), []);
  assert.equal(held, tried);
  assert.ok(tried > 400, `only ${tried} cases`);
});

test("a disk that fills up at any step leaves a log that verifies and can be appended to", async () => {
  const { tried, held, failures } = await sweepFullDisk(newSigner("example.com/log", "log"));
  assert.deepEqual(failures.slice(0, 5), []);
  assert.equal(held, tried);
  assert.ok(tried > 100, `only ${tried} cases`);
});

test("a real process that is killed at a step of an append leaves a log that opens with all that it acknowledged", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tlog-kill-"));
  try {
    const key = generateKey("example.com/log", "log");
    assert.ok(key.ok);
    const signer = parseSignerKey(key.value.skey, () => 0);
    assert.ok(signer.ok);
    writeFileSync(join(folder, "key"), key.value.skey);
    const writer = fileURLToPath(new URL("crash-writer.ts", import.meta.url));
    let acknowledged = 0;
    for (const step of [9, 25, 50, 60, 70, 85, 100]) {
      const { signal, stdout } = spawnSync(process.execPath, [
        writer,
        join(folder, "log"),
        join(folder, "key"),
        `${step}`,
      ]);
      assert.equal(signal, "SIGKILL");
      acknowledged = Math.max(acknowledged, ...stdout.toString().split("\n").map(Number));
      const opened = await openLogFolder(join(folder, "log"), signer.value);
      assert.ok(opened.ok, opened.ok ? "" : opened.failure.message);
      assert.ok(opened.value.size >= acknowledged);
      await opened.value.close();
      const verdict = await verifyLog({
        files: new DiskReader(join(folder, "log")),
        logs: [signer.value.verifier],
        check: (index, entry) => (Buffer.compare(entry, entryAt(index)) === 0 ? undefined : "is not what was written"),
      });
      assert.ok(verdict.ok, verdict.ok ? "" : JSON.stringify(verdict.problem));
    }
    assert.ok(acknowledged > 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
