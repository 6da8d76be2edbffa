import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { ImageTable, readImages } from "./image-table.ts";

function tableFile(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "omega-images-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "images.json");
  writeFileSync(file, text);
  return file;
}

test("a bad table is refused with its place", (t) => {
  const cases: [string, RegExp][] = [
    ["{", /images\.json: /],
    ["[]", /expected an object from image name/],
    ['{"a:1": {}}', /"a:1": command must be a non-empty list of strings/],
    ['{"a:1": {"command": ["x"], "entrypoint": 1}}', /"a:1": unknown field "entrypoint"/],
    ['{"a:1": {"command": ["x"], "env": {"A": 1}}}', /"a:1": env must be an object of strings/],
  ];
  for (const [text, message] of cases) assert.throws(() => readImages(tableFile(t, text)), message);
});

test("a name without a tag means latest, and the working directory is relative to the table", (t) => {
  const file = tableFile(t, '{"shop/cart:latest": {"command": ["node", "cart.ts"], "cwd": "cart"}}');
  const table = new ImageTable(file, () => undefined);
  assert.deepEqual(table.find("shop/cart")?.command, ["node", "cart.ts"]);
  assert.equal(table.find("shop/cart")?.cwd, join(file, "../cart"));
  assert.equal(table.find("shop/cart:2"), undefined);
});
