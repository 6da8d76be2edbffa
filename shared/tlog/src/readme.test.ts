import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(join(home, "README.md"), "utf8");

test("the example in README.md runs as it stands", () => {
  const [, example] = /```ts\n([^`]*)```/.exec(readme) ?? [];
  assert.ok(example);
  // Inside the package, so that it finds itself by its name.
  const folder = mkdtempSync(join(home, ".readme-"));
  try {
    writeFileSync(join(folder, "example.ts"), example);
    execFileSync(process.execPath, ["example.ts"], { cwd: folder, stdio: "pipe" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("README.md names the commands for openssl that checkpoint.ts names and checkpoint.test.ts runs", () => {
  const source = readFileSync(new URL("checkpoint.ts", import.meta.url), "utf8");
  const commands = [...source.matchAll(/^ \* {5}((?:sed|tail|openssl) .*)$/gm)].map(([, command]) => command ?? "");
  assert.equal(commands.length, 3);
  for (const command of commands) assert.ok(readme.includes(`\n${command}\n`), command);
});
