import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { changedBy } from "./fresh.ts";

test("a generator that adds, changes or removes a file is caught; one that writes the same isn't", (t) => {
  const root = mkdtempSync(join(tmpdir(), "omega-fresh-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  execFileSync("git", ["init", "-q"], { cwd: root });
  const write = (name: string, text: string): void => writeFileSync(join(root, name), text);
  write(".gitignore", "ignored\n");
  for (const name of ["same", "changed", "removed"]) write(name, "before");

  const changed = changedBy(root, () => {
    write("same", "before");
    write("changed", "after");
    write("added", "new");
    write("ignored", "by git");
    rmSync(join(root, "removed"));
  });
  assert.deepEqual(changed, ["added", "changed", "removed"]);
  assert.deepEqual(
    changedBy(root, () => write("same", "before")),
    [],
  );
});
