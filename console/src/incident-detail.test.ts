import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { excerptOf } from "./incident-detail.ts";

test("shows the lines around the one at fault, and no file outside of the source root", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "omega-source-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const root = join(folder, "root");
  mkdirSync(root);
  const text = Array.from({ length: 40 }, (_, index) => `line ${index + 1}`).join("\n");
  for (const name of ["a.ts", "secret.env"]) writeFileSync(join(root, name), text);
  writeFileSync(join(folder, "outside.ts"), text);
  symlinkSync(join(folder, "outside.ts"), join(root, "link.ts"));

  const excerpt = excerptOf({ file: "a.ts", lineStart: 20 }, root);
  assert.equal(excerpt?.firstLine, 14);
  assert.equal(excerpt?.lines[excerpt.line - excerpt.firstLine], "line 20");
  assert.equal(excerptOf({ file: "a.ts", lineStart: 2 }, root)?.firstLine, 1);
  assert.equal(excerptOf({ file: "a.ts", lineStart: 41 }, root), undefined);
  for (const file of ["../outside.ts", "link.ts", "secret.env", join(folder, "outside.ts"), "missing.ts"])
    assert.equal(excerptOf({ file, lineStart: 20 }, root), undefined, file);
  assert.equal(excerptOf({ file: "a.ts", lineStart: 20 }, ""), undefined);
});
