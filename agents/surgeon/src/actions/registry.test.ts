import assert from "node:assert/strict";
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
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

describe("what actions refuse", () => {
  /** Said after an effect, or of one that cannot be taken back: outcomes, no refusals. */
  const outcomes = new Set(["not_active", "still_active", "irreversible"]);
  const codesIn = (text: string): string[] =>
    [...text.matchAll(/fail\(\s*"terminal",\s*"([a-z_]+)"/g)].map(([, code]) => code ?? "");

  it("every refusal in a folder's source is in its traits, and so in the document", async () => {
    const actions = await loadActions();
    const ofAll = actionsDocument([...actions.values()]).split("| action |")[0] ?? "";
    for (const [type, action] of actions) {
      const unlisted = codesIn(readFileSync(join(source, type, "action.ts"), "utf8")).filter(
        (code) => !outcomes.has(code) && action.traits.refuses[code] === undefined && !ofAll.includes(`\`${code}\``),
      );
      assert.deepEqual(unlisted, [], `${type} refuses more than its traits say`);
    }
  });
  it("every code in the document is one that something can say", async () => {
    const document = actionsDocument([...(await loadActions()).values()]);
    const named = [...document.matchAll(/\(`[^)]+`\)/g)].flatMap(([list]) =>
      [...list.matchAll(/`([a-z_]+)`/g)].map(([, code]) => code ?? ""),
    );
    assert.ok(named.length > 40, String(named.length));
    const said = globSync("**/*.ts", { cwd: dirname(source.slice(0, -1)) })
      .filter((path) => path !== "generate.ts" && !path.endsWith(".test.ts"))
      .map((path) => readFileSync(join(source, "..", path), "utf8").replaceAll(/refuses: \{[^}]*\}/g, ""))
      .join("\n");
    assert.deepEqual(
      named.filter((code) => !said.includes(`"${code}"`)),
      [],
    );
  });
});
