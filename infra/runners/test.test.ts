import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test, { type TestContext } from "node:test";
import { choose, discover } from "./discover.ts";
import { runTests } from "./test.ts";

const imports = 'import test, { describe } from "node:test";\n';

function plant(t: TestContext, files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "omega-runner-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), imports + text);
  }
  return root;
}

async function runIn(root: string, { args = [], deadlineMs = 60_000 }: { args?: string[]; deadlineMs?: number } = {}) {
  let output = "";
  const code = await runTests(root, args, (text) => (output += text), deadlineMs);
  return { code, output, last: output.trimEnd().split("\n").at(-1) };
}

test("counts tests, not suites, and lists what was skipped with its reason", async (t) => {
  const root = plant(t, {
    "a.test.ts": `
      test("one", () => {});
      test("two", { skip: "no etcd here" }, () => {});
      describe("suite", () => { test("three", (t) => t.skip("no sshd")); test("four", () => {}); });`,
    "test/b.test.ts": 'test("five", () => {});',
  });
  const { code, output, last } = await runIn(root);
  assert.equal(last, "3 passed, 0 failed, 2 skipped");
  assert.equal(code, 0);
  assert.match(output, /Skipped:\n {2}a\.test\.ts: two +no etcd here\n {2}a\.test\.ts: suite > three +no sshd\n/);
});

test("a failure inside a suite is counted once and named", async (t) => {
  const root = plant(t, {
    "a.test.ts":
      'describe("outer", () => { test("inner", () => { throw new Error("boom"); }); test("fine", () => {}); });',
  });
  const { code, output, last } = await runIn(root);
  assert.equal(last, "1 passed, 1 failed");
  assert.equal(code, 1);
  assert.match(output, /Failed:\n {2}a\.test\.ts: outer > inner\n/);
  assert.match(output, /boom/);
});

test("files that go wrong as files are failures", async (t) => {
  const root = plant(t, {
    "crash.test.ts": 'throw new Error("at import");',
    "none.test.ts": "",
    "late-rejection.test.ts": 'test("fine", () => {}); process.on("exit", () => { process.exitCode = 3; });',
    "hang.test.ts": 'test("fine", () => {}); setInterval(() => {}, 1000);',
    "leak.test.ts": `import { spawn } from "node:child_process";
      test("leaks", () => spawn("sleep", ["600"], { stdio: "ignore" }).unref());`,
  });
  const { code, output, last } = await runIn(root, { deadlineMs: 5_000 });
  assert.equal(last, "3 passed, 5 failed");
  assert.equal(code, 1);
  assert.match(output, /crash\.test\.ts: the file ended with exit code 1 outside its tests/);
  assert.match(output, /none\.test\.ts: the file holds no test/);
  assert.match(output, /late-rejection\.test\.ts: the file ended with exit code 3 outside its tests/);
  assert.match(output, /hang\.test\.ts: the file took longer than 5 s and was killed/);
  assert.match(output, /leak\.test\.ts: the file left processes running/);
});

test("words select files by path, and else tests by name", async (t) => {
  const root = plant(t, {
    "shared/src/bus.test.ts": 'test("publishes (once)", () => {}); test("reads", () => {});',
    "shared/src/log.test.ts": 'test("writes", () => {});',
  });
  assert.equal((await runIn(root, { args: ["shared/src/bus"] })).last, "2 passed, 0 failed");
  assert.equal((await runIn(root, { args: ["publishes (once)"] })).last, "1 passed, 0 failed");
  const nothing = await runIn(root, { args: ["no such test"] });
  assert.match(nothing.output, /No test ran for no such test\./);
  assert.deepEqual([nothing.code, nothing.last], [1, "0 passed, 0 failed"]);
  const wrong = await runIn(root, { args: ["--watch"] });
  assert.deepEqual([wrong.code, /unknown option --watch/.test(wrong.output)], [2, true]);
});

test("units come first, then test/ by cost; --unit leaves test/ out", (t) => {
  const paths = [
    "test/e2e/a.test.ts",
    "test/tidy.test.ts",
    "test/replay/a.test.ts",
    "shared/src/z.test.ts",
    "node_modules/x/a.test.ts",
  ];
  const root = plant(t, Object.fromEntries(paths.map((path) => [path, ""])));
  const found = discover(root);
  assert.deepEqual(found, ["shared/src/z.test.ts", "test/tidy.test.ts", "test/replay/a.test.ts", "test/e2e/a.test.ts"]);
  assert.deepEqual(choose(found, { unitOnly: true, filters: [] }).files, ["shared/src/z.test.ts"]);
});
