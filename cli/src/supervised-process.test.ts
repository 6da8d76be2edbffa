import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { systemClock } from "@omega/shared/clock.ts";
import { isAlive } from "./run-record.ts";
import { SupervisedProcess, type ProcessState } from "./supervised-process.ts";

function supervised(t: TestContext, script: string, options: { restart: boolean; drainMs?: number }) {
  const logs = mkdtempSync(join(tmpdir(), "omega-supervised-"));
  const states: ProcessState[] = [];
  const wanted: { state: ProcessState; count: number; resolve: () => void }[] = [];
  const process_ = new SupervisedProcess(
    {
      name: "child",
      args: ["-e", script],
      env: process.env,
      cwd: logs,
      drainMs: options.drainMs ?? 5000,
      restart: options.restart,
    },
    {
      logs,
      clock: systemClock,
      onLine: () => undefined,
      onChange: ({ state }) => {
        states.push(state);
        for (const want of wanted)
          if (states.filter((each) => each === want.state).length >= want.count) want.resolve();
      },
    },
  );
  t.after(async () => {
    await process_.stop();
    rmSync(logs, { recursive: true, force: true });
  });
  const reached = (state: ProcessState, count = 1): Promise<void> =>
    new Promise((resolve) => {
      if (states.filter((each) => each === state).length >= count) resolve();
      else wanted.push({ state, count, resolve });
    });
  return { child: process_, states, reached };
}

test("a process that dies is started again as another process", async (t) => {
  const { child, reached } = supervised(t, "console.log(process.pid); setInterval(() => {}, 1000)", { restart: true });
  child.start();
  await child.firstLine;
  const first = child.pid;
  assert.ok(first !== undefined);
  process.kill(first, "SIGKILL");
  await reached("running", 2);
  assert.notEqual(child.pid, first);
  assert.equal(child.restarts, 1);
});

test("a bad config file is not tried again", async (t) => {
  const { child, states, reached } = supervised(t, "console.error('key x is unknown'); process.exit(78)", {
    restart: true,
  });
  child.start();
  await reached("failed");
  assert.equal(child.restarts, 0);
  assert.deepEqual(states, ["running", "failed"]);
  assert.deepEqual(child.tail, ["key x is unknown"]);
  assert.equal(readFileSync(child.logFile, "utf8"), "key x is unknown\n");
});

test("one that does not heed SIGTERM is killed", async (t) => {
  const script = "process.on('SIGTERM', () => {}); console.log('deaf'); setInterval(() => {}, 1000)";
  const { child } = supervised(t, script, { restart: true, drainMs: 200 });
  child.start();
  await child.firstLine;
  const { pid } = child;
  assert.ok(pid !== undefined && isAlive(pid));
  await child.stop();
  assert.equal(isAlive(pid), false);
  assert.equal(child.state, "stopped");
});
