import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { actionsDocument } from "../generate.ts";
import { loadActions } from "./registry.ts";

const source = fileURLToPath(new URL(".", import.meta.url));
// Beside the source, so that the copies' imports still lead somewhere.
const folder = mkdtempSync(join(dirname(source.slice(0, -1)), "actions-test-"));
after(() => rmSync(folder, { recursive: true, force: true }));

describe("the registry", () => {
  it("finds every folder", async () => {
    const actions = await loadActions();
    assert.equal(actions.size, 17);
    assert.ok([...actions].every(([name, action]) => name === action.type));
  });
  it("takes a new folder without any other change", async () => {
    cpSync(join(source, "k8s.scale"), join(folder, "k8s.scale"), { recursive: true });
    assert.deepEqual([...(await loadActions(folder)).keys()], ["k8s.scale"]);
  });
  it("refuses a folder whose name is not its action's type", async () => {
    cpSync(join(source, "k8s.scale"), join(folder, "k8s.grow"), { recursive: true });
    await assert.rejects(loadActions(folder), /k8s\.grow.*'k8s\.scale'/);
  });
});

it("docs/actions.md says what the actions say", async () => {
  const document = fileURLToPath(new URL("../../../../docs/actions.md", import.meta.url));
  const actions = [...(await loadActions()).values()];
  assert.equal(readFileSync(document, "utf8"), actionsDocument(actions), "run `npm run generate`");
});
