import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { LogKeeper, type LogQuery, readLog } from "./container-log.ts";

function logFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "omega-log-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "0.log");
  appendFileSync(file, "");
  return file;
}

async function read(file: string, query: Partial<LogQuery>, ended = () => true): Promise<string> {
  const pieces: Buffer[] = [];
  const whole = { follow: false, timestamps: false, ...query };
  for await (const piece of readLog(file, whole, ended, new AbortController().signal)) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

test("the tail is counted in lines, also where the last is not ended", async (t) => {
  const file = logFile(t);
  appendFileSync(file, "one\ntwo\nthree");
  assert.equal(await read(file, { tailLines: 2 }), "two\nthree");
  assert.equal(await read(file, { tailLines: 9 }), "one\ntwo\nthree");
  assert.equal(await read(file, { tailLines: 0 }), "");
});

test("lines carry the time at which they were seen, and can be asked for since a time", async (t) => {
  const file = logFile(t);
  const keeper = new LogKeeper(file);
  appendFileSync(file, "early\n");
  keeper.look(Date.parse("2026-01-01T00:00:00.000Z"));
  appendFileSync(file, "late 1\nlate 2\n");
  keeper.look(Date.parse("2026-01-01T00:01:00.000Z"));
  assert.equal(await read(file, { sinceMs: Date.parse("2026-01-01T00:00:30Z") }), "late 1\nlate 2\n");
  assert.equal(await read(file, { sinceMs: Date.parse("2026-01-01T00:02:00Z") }), "");
  assert.equal(await read(file, { timestamps: true, tailLines: 1 }), "2026-01-01T00:01:00.000Z late 2\n");
});

test("a log is rotated at its bound, and reading goes on across the rotation", async (t) => {
  const file = logFile(t);
  const keeper = new LogKeeper(file);
  const line = `${"x".repeat(1023)}\n`;
  appendFileSync(file, line.repeat(4096));
  appendFileSync(file, "before\n");
  keeper.look(1000);
  assert.equal(statSync(file).size, 0);
  appendFileSync(file, "after\n");
  keeper.look(2000);
  assert.equal(await read(file, { tailLines: 2 }), "before\nafter\n");
  assert.equal((await read(file, {})).length, 4096 * 1024 + "before\nafter\n".length);
});

test("following ends with the container, after everything it wrote", async (t) => {
  const file = logFile(t);
  appendFileSync(file, "first\n");
  let looks = 0;
  const ended = (): boolean => {
    looks += 1;
    if (looks === 2) appendFileSync(file, "last\n");
    return looks > 2;
  };
  assert.equal(await read(file, { follow: true }, ended), "first\nlast\n");
});
