import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bundleVerifier, verifierPath } from "./bundle-verifier.ts";
import { entryAt } from "./crash-sweep.ts";
import { formatVerifierKey } from "./note-key.ts";
import { openLogFolder } from "./open-log.ts";
import { newSigner } from "./test-keys.ts";

const folder = mkdtempSync(join(tmpdir(), "tlog-verifier-"));
const signer = newSigner("example.com/log", "log");
const key = formatVerifierKey(signer.verifier);
/** Away from the sources, as a stranger has it. */
const alone = join(folder, "verifier.mjs");
copyFileSync(verifierPath, alone);

after(() => rmSync(folder, { recursive: true }));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [alone, ...args], { cwd: folder, encoding: "utf8" });
  return { status, stdout, stderr };
}

test("verifier.mjs is what its sources make; else run `node src/bundle-verifier.ts`", async () => {
  assert.equal(readFileSync(verifierPath, "utf8"), await bundleVerifier());
});

test("verifier.mjs imports nothing but Node's own modules", () => {
  const imports = [...readFileSync(verifierPath, "utf8").matchAll(/^import .* from "(.*)";$/gm)].map(
    ([, from]) => from,
  );
  assert.ok(imports.length > 0 && imports.every((from) => from?.startsWith("node:")), imports.join(" "));
  assert.equal(execFileSync(process.execPath, ["--check", alone], { encoding: "utf8" }), "");
});

test("verifier.mjs judges a log by its exit code and one line", async () => {
  const opened = await openLogFolder(join(folder, "log"), signer);
  assert.ok(opened.ok);
  assert.ok((await opened.value.append([entryAt(0), entryAt(1), entryAt(2)])).ok);
  writeFileSync(join(folder, "old"), opened.value.checkpoint);
  assert.ok((await opened.value.append([entryAt(3)])).ok);
  await opened.value.close();
  const whole = run("log", "--key", key, "--checkpoint", "old");
  assert.equal(whole.status, 0, whole.stderr);
  assert.match(
    whole.stdout,
    /^OK: example\.com\/log, 4 entries, root .*, signed by example\.com\/log, begins with old\n$/,
  );
  assert.equal(JSON.parse(run("log", "--key", key, "--json").stdout).size, 4);

  writeFileSync(
    join(folder, "policy"),
    `log ${key}\nwitness one ${formatVerifierKey(newSigner("w", "witness").verifier)}\nquorum one\n`,
  );
  const unwitnessed = run("log", "--policy", "policy");
  assert.deepEqual([unwitnessed.status, unwitnessed.stdout.includes("not a quorum")], [1, true]);

  const bundle = join(folder, "log/tile/entries/000.p/4");
  writeFileSync(bundle, readFileSync(bundle, "latin1").replace("entry 2", "entry 9"), "latin1");
  const edited = run("log", "--key", key);
  assert.deepEqual(
    [edited.status, edited.stdout],
    [1, "NOT OK: entry 2: tile/entries/000.p/4: entry and hash do not match\n"],
  );
  assert.deepEqual(JSON.parse(run("log", "--key", key, "--json").stdout), {
    ok: false,
    index: 2,
    file: "tile/entries/000.p/4",
    reason: "entry and hash do not match",
  });
});

test("a wrong call exits with 2 and the usage, an unreadable file with 3", () => {
  for (const args of [[], ["log"], ["log", "--key", "nonsense"], ["log", "more", "--key", key], ["log", "--what"]]) {
    const { status, stderr } = run(...args);
    assert.deepEqual([status, stderr.includes("usage: node verifier.mjs")], [2, true], args.join(" "));
  }
  assert.equal(run("log", "--key", key, "--checkpoint", "nowhere").status, 3);
});
