// Every lint ban is planted and must be reported: a ban whose pattern misses is worse than none.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import test, { after, before, describe } from "node:test";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A planted violation: where, what, and the rule that must report it. */
type Plant = { rule: string; path: string; text: string };

const IMPORTS = "eslint(no-restricted-imports)";
const PROPERTIES = "eslint(no-restricted-properties)";
const GLOBALS = "eslint(no-restricted-globals)";
const ENVIRONMENT = "node(no-process-env)";

const importing = (path: string, ...names: string[]): Plant[] =>
  names.map((name) => ({ rule: IMPORTS, path, text: `import * as it from "${name}";\nexport const x = it;\n` }));

const BAD: Plant[] = [
  ...importing("bus-schemas/src/a.ts", "pino", "nats", "yaml", "zed", "@omega/shared/clock.ts", "@nats-io/jetstream"),
  ...importing("bus-schemas/src/events/deep/b.ts", "pino"),
  ...importing(
    "shared/src/a.ts",
    "@omega/scout/state.ts",
    "@omega/cli/main.ts",
    "@omega/demo-shop/images.ts",
    "@langchain/core/tools",
  ),
  ...importing("shared/src/model/b.ts", "@omega/surgeon/src/deep/plan.ts"),
  ...importing(
    "agents/scout/src/handle.ts",
    "@omega/surgeon/ports.ts",
    "@omega/demo-cluster/kubelet/wire.ts",
    "langchain/agents",
  ),
  ...importing("agents/scout/src/adapters/deep/a.ts", "@omega/scribe/state.ts", "@langchain/openai"),
  ...importing("agents/scout/src/decide.ts", "node:fs", "nats", "@kubernetes/client-node"),
  ...importing("agents/scout/src/state.ts", "node:timers/promises", "@omega/coordinator/decide.ts"),
  ...importing("console/src/server.ts", "@omega/coordinator/state.ts"),
  ...importing("cli/src/up.ts", "@omega/scribe/main.ts", "@langchain/core"),
  ...importing("infra/demo/shop/src/cart.ts", "@omega/shared/log.ts", "@omega/bus-schemas/catalogue.ts"),
  {
    rule: IMPORTS,
    path: "agents/scout/src/handle.ts",
    text: 'import { randomUUID } from "node:crypto";\nexport const id = randomUUID();\n',
  },
  { rule: PROPERTIES, path: "agents/scout/src/handle.ts", text: "export const now = Date.now();\n" },
  { rule: PROPERTIES, path: "agents/scout/src/actions/deep/plan.ts", text: "export const dice = Math.random();\n" },
  { rule: PROPERTIES, path: "agents/scribe/src/decide.ts", text: "export const id = crypto.randomUUID();\n" },
  ...["setTimeout(() => {}, 1)", "setInterval(() => {}, 1)", 'fetch("x")', "process.pid", "performance.now()"].map(
    (expression) => ({
      rule: GLOBALS,
      path: "agents/coordinator/src/decide.ts",
      text: `export const x = ${expression};\n`,
    }),
  ),
  { rule: GLOBALS, path: "agents/coordinator/src/state.ts", text: "export const x = setTimeout(() => {}, 1);\n" },
  ...["agents/scout/src/handle.ts", "shared/src/log.ts", "console/src/server.ts"].map((path) => ({
    rule: ENVIRONMENT,
    path,
    text: 'export const x = process.env["HOME"];\n',
  })),
  { rule: "unicorn(filename-case)", path: "shared/src/natsBus.ts", text: "export const x = 1;\n" },
  { rule: "oxc(no-barrel-file)", path: "shared/src/everything.ts", text: 'export * from "./planted-0.ts";\n' },
  { rule: "eslint(no-console)", path: "shared/src/log.ts", text: 'console.log("x");\n' },
  { rule: "typescript(no-explicit-any)", path: "shared/src/a.ts", text: "export const x: any = 1;\n" },
  {
    rule: "typescript(no-non-null-assertion)",
    path: "shared/src/a.ts",
    text: "export const f = (x?: number) => x!;\n",
  },
  { rule: "typescript(no-floating-promises)", path: "shared/src/a.ts", text: "const f = async () => {};\nf();\n" },
  {
    rule: "typescript(switch-exhaustiveness-check)",
    path: "shared/src/a.ts",
    text: 'export function f(x: "a" | "b"): void {\n  switch (x) {\n    case "a":\n  }\n}\n',
  },
  { rule: "eslint(max-lines)", path: "shared/src/a.ts", text: "export {};\n".repeat(401) },
  {
    rule: "eslint(max-lines-per-function)",
    path: "shared/src/a.ts",
    text: `export function f() {\n${"  void 0;\n".repeat(70)}}\n`,
  },
];

/** What comes close to a ban and must stay allowed. */
const FINE: Omit<Plant, "rule">[] = [
  ...importing("bus-schemas/src/a.ts", "zod", "zod/v4", "node:fs", "./b.ts"),
  ...importing("bus-schemas/src/a.test.ts", "fast-check", "node:test", "@omega/bus-schemas/catalogue.ts"),
  ...importing("shared/src/a.ts", "nats", "@omega/bus-schemas/streams.ts", "node:crypto"),
  ...importing("shared/src/model/chat.ts", "@langchain/core/messages"),
  ...importing("agents/scribe/src/adapters/chroma-memory.ts", "@langchain/community/vectorstores/chroma"),
  ...importing(
    "agents/scout/src/decide.ts",
    "@omega/shared/outcome.ts",
    "@omega/bus-schemas/catalogue.ts",
    "./state.ts",
  ),
  ...importing("infra/demo/shop/src/cart.ts", "express", "@omega/demo-load/load.ts"),
  ...importing("cli/src/up.ts", "@omega/shared/nats-server.ts", "@omega/demo-cluster/main.ts"),
  { path: "agents/scout/src/config.ts", text: 'export const x = process.env["HOME"];\n' },
  { path: "agents/scout/src/adapters/tempo.ts", text: "export const x = Date.now();\n" },
  { path: "agents/scout/src/decide.ts", text: 'export const x = Date.parse("2026-01-01");\n' },
  { path: "shared/src/a.test.ts", text: 'import test from "node:test";\ntest("a", async () => {});\n' },
];

type Report = { code?: string; filename: string };

/** Plants every file in one copy of the workspace's layout, lints it, and keeps what was reported for each. */
function lint(plants: readonly { path: string; text: string }[]): string[][] {
  const folder = mkdtempSync(join(tmpdir(), "omega-lint-"));
  try {
    for (const name of [".oxlintrc.json", "tsconfig.json"]) copyFileSync(join(root, name), join(folder, name));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    const paths = plants.map(({ path }, index) => ownPath(path, index));
    for (const [index, { text }] of plants.entries()) write(join(folder, paths[index] ?? ""), text);
    const reports = run(folder);
    return paths.map((path) => reports.filter(({ filename }) => filename === path).map(({ code = "" }) => code));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A path that no other plant has, and that the same patterns of the configuration match. */
function ownPath(path: string, index: number): string {
  if (path.startsWith("agents/scribe/src/adapters/")) return path;
  if (path.startsWith("agents/")) return path.replace(/^agents\/[^/]+/, `agents/planted-${index}`);
  return join(dirname(path), `planted-${index}`, basename(path));
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function run(cwd: string): Report[] {
  const oxlint = join(root, "node_modules/.bin/oxlint");
  const { stdout, stderr } = spawnSync(oxlint, ["--type-aware", "--format", "json"], { cwd, encoding: "utf8" });
  assert.match(stdout, /^\s*\{/, `oxlint gave no report: ${stdout}${stderr}`);
  const { diagnostics }: { diagnostics: Report[] } = JSON.parse(stdout);
  return diagnostics;
}

describe("each lint ban fires", () => {
  let found: string[][] = [];
  before(() => void (found = lint(BAD)));
  after(() => void (found = []));
  for (const [index, { rule, path, text }] of BAD.entries()) {
    const shown = text.length > 90 ? `${text.slice(0, 60)}...` : text.trim();
    test(`${rule} in ${path}: ${shown.replaceAll("\n", " ")}`, () => {
      assert.ok(found[index]?.includes(rule), `reported instead: ${found[index]?.join(", ") || "nothing"}`);
    });
  }
});

test("what comes close to a ban is allowed", () => {
  const found = lint(FINE).flatMap((codes, index) =>
    codes.map((code) => `${code}: ${FINE[index]?.path}: ${FINE[index]?.text.trim()}`),
  );
  assert.deepEqual(found, []);
});
