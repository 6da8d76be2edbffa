import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import test, { describe } from "node:test";
import { rules } from "./tidy/rules.ts";
import { readWorkspace, type SourceFile } from "./tidy/source.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

// Put together, so that this file doesn't itself hold what it plants.
const host = ["registry", "npmjs", "org"].join(".");
const home = ["", "root", "notes.txt"].join("/");
const left = ["TO", "DO"].join("");

/** For each rule: files that break it, each in its own way, and files that come close and are fine. */
const PLANTED: Record<string, { bad: SourceFile[]; fine: SourceFile[] }> = {
  "file-names": {
    bad: [
      "shared/src/index.ts",
      "shared/src/retry-utils.ts",
      "cli/src/fooBar.ts",
      "cli/src/info.ts",
      "Console/src/page.ts",
    ].map(empty),
    fine: ["infra/demo/shop/src/database.ts", "agents/surgeon/src/actions/k8s.scale/plan.ts", "cli/bin/omega.mjs"].map(
      empty,
    ),
  },
  "type-names": {
    bad: ["interface IBus {}", "class BusImpl {}", "type IdImpl = string;"].map(inFile("shared/src/bus.ts")),
    fine: ["interface Id {}", "class Implementation {}", "type IO = 1;"].map(inFile("shared/src/bus.ts")),
  },
  unfinished: {
    bad: [`// ${left}: later`, "/* FIXME */"].map(inFile("shared/src/bus.ts")),
    fine: [`const text = "${left}";`].map(inFile("shared/src/bus.ts")),
  },
  "narrowed-tests": {
    bad: ["test.only('a', () => {});", "test('a', { only: true }, () => {});"].map(inFile("shared/src/bus.test.ts")),
    fine: ["test('only one', () => {});"].map(inFile("shared/src/bus.test.ts")),
  },
  "silent-skips": {
    bad: [
      "test.skip('a', () => {});",
      "test('a', { skip: true }, () => {});",
      "test('a', (t) => t.skip());",
      "it.todo('b');",
    ].map(inFile("test/replay/x.test.ts")),
    fine: ["test('a', { skip: reason }, () => {});", "test('a', (t) => t.skip('no etcd'));"].map(
      inFile("test/replay/x.test.ts"),
    ),
  },
  emoji: {
    bad: [
      { path: "README.md", text: "# Omega \u{1F680}" },
      { path: "cli/src/timeline.ts", text: 'const done = "\u2705";' },
    ],
    fine: [{ path: "cli/src/timeline.ts", text: 'const done = "\u2713";' }],
  },
  banners: {
    bad: ["// ------ helpers", "/* ===== */", "// \u2500\u2500\u2500\u2500\u2500 setup"].map(
      inFile("cli/src/timeline.ts"),
    ),
    fine: ["/** A list:\n * - one\n * - two -- and more\n */", 'const rule = "----------";'].map(
      inFile("cli/src/timeline.ts"),
    ),
  },
  "string-subjects": {
    bad: ['bus.publish("omega.incident.a.opened");', "const s = `omega.control.${verb}`;", 'sub("omega.>");'].map(
      inFile("cli/src/watch.ts"),
    ),
    fine: [
      ...['span({ "omega.incident.id": id });', 'attributes["omega.incident.id"];'].map(inFile("cli/src/watch.ts")),
      { path: "bus-schemas/src/subjects.ts", text: "const s = `omega.control.${verb}`;" },
    ],
  },
  "ambient-time": {
    bad: ["const now = new Date();"].map(inFile("agents/scout/src/handle.ts")),
    fine: [
      { path: "agents/scout/src/handle.ts", text: "const at = new Date(now).toISOString();" },
      { path: "agents/scout/src/adapters/jaeger.ts", text: "const now = new Date();" },
    ],
  },
  "package-walls": {
    bad: ['import { x } from "../../scout/src/x.ts";', 'export { x } from "../../../shared/src/x.ts";'].map(
      inFile("agents/surgeon/src/x.ts"),
    ),
    fine: ['import { x } from "./y.ts";', 'import { x } from "@omega/shared/x.ts";'].map(
      inFile("agents/surgeon/src/x.ts"),
    ),
  },
  "schema-dependencies": {
    bad: [{ path: "bus-schemas/package.json", text: '{"dependencies": {"zod": "4", "pino": "10"}}' }],
    fine: [{ path: "bus-schemas/package.json", text: '{"dependencies": {"zod": "4"}}' }],
  },
  "log-stands-alone": {
    bad: [
      { path: "shared/tlog/src/a.ts", text: 'import { z } from "zod";' },
      { path: "shared/tlog/src/a.ts", text: 'import { ok } from "../../src/outcome.ts";' },
    ],
    fine: [
      {
        path: "shared/tlog/src/a.ts",
        text: 'import { join } from "node:path";\nimport { verifyLog } from "./verify.ts";',
      },
      { path: "shared/src/a.ts", text: 'import { z } from "zod";' },
    ],
  },
  "one-title": {
    bad: [
      { path: "docs/a.md", text: "# One\n\n# Two\n" },
      { path: "docs/a.md", text: "Just text.\n" },
    ],
    fine: [{ path: "docs/a.md", text: "# One\n\n```sh\n# a comment\n```\n\n## Two\n" }],
  },
  "agent-rooms": {
    bad: [empty("agents/scout/src/main.ts")],
    fine: [empty("agents/scout/src/config.ts")],
  },
  "registry-hosts": {
    bad: [{ path: ".npmrc.md", text: `see ${host}` }],
    fine: [{ path: "infra/kubernetes/pause.yaml", text: "image: registry.k8s.io/pause:3.10" }],
  },
  "machine-paths": {
    bad: [{ path: "docs/a.md", text: `see ${home}` }],
    fine: [
      {
        path: "docs/a.md",
        text: "see <folder>/root/x, /etc/omega, ~/work/notes and test/work/notes; mounted at /home/node/app",
      },
    ],
  },
};

/** Around the planted file, so that rules about packages see packages. */
const PACKAGES = ["agents/surgeon", "agents/scout", "shared", "cli"].map((folder) => ({
  path: `${folder}/package.json`,
  text: "{}",
}));

function empty(path: string): SourceFile {
  return { path, text: "" };
}

function inFile(path: string): (text: string) => SourceFile {
  return (text) => ({ path, text });
}

describe("the workspace keeps its house rules", () => {
  const files = readWorkspace(root);
  for (const rule of rules) {
    test(`${rule.name}: ${rule.why}`, () => {
      const found = rule.find(files).map(({ path, line, message }) => `${path}:${line}: ${message}`);
      assert.deepEqual(found, []);
    });
  }

  test("the workspace is seen at all", () => {
    const paths = new Set(files.map(({ path }) => path));
    for (const path of ["test/tidy.test.ts", "package.json", ".ci/run", "infra/bootstrap/run.mjs"])
      assert.ok(paths.has(path), path);
  });
});

describe("each house rule fires", () => {
  for (const rule of rules) {
    test(rule.name, () => {
      const { bad, fine } = PLANTED[rule.name] ?? assert.fail("no violation is planted for this rule");
      for (const file of bad) {
        const found = rule.find([file, ...PACKAGES]);
        assert.ok(found.length > 0, `not found: ${file.path}: ${file.text}`);
      }
      for (const file of fine)
        assert.deepEqual(rule.find([file, ...PACKAGES]), [], `falsely found: ${file.path}: ${file.text}`);
    });
  }

  test("a finding names the line", () => {
    const file = { path: "cli/src/a.ts", text: `const a = 1;\n\n// ${left}\n` };
    const found = rules.flatMap((rule) => rule.find([file]));
    assert.deepEqual(found, [{ path: "cli/src/a.ts", line: 3, message: left }]);
  });
});
