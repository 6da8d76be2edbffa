import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test, { type TestContext } from "node:test";
import { benches } from "./bench.ts";
import { runCatalogue } from "./catalogue.ts";
import { proofs } from "./prove.ts";

const module = (about: string, result: object): string =>
  `export const about = ${JSON.stringify(about)};
   export async function run(report) { report("working"); return ${JSON.stringify(result)}; }`;

function plant(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "omega-catalogue-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const files = {
    "bench/contract.ts": "export {};",
    "bench/bus.test.ts": "export {};",
    "bench/bus.ts": module("signal to order", { name: "bus", figure: 2.5, unit: "ms", floor: 1, ratio: 2.5, p95: 3 }),
    "bench/broken.ts": module("gives no floor", { name: "broken", figure: 1, unit: "ms", ratio: null }),
    "test/proofs/undo.ts": module("what was done is undone", { name: "undo", tried: 20, held: 20 }),
    "test/proofs/fallen.ts": module("does not hold", { name: "fallen", tried: 20, held: 19 }),
    "test/proofs/idle.ts": module("tries nothing", { name: "idle", tried: 0, held: 0 }),
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

async function call(catalogue: Parameters<typeof runCatalogue>[0], ...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCatalogue(catalogue, args, {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
  });
  return { code, out, err };
}

test("without a name the benches are listed with what they are about", async (t) => {
  const { code, out } = await call(benches(plant(t)));
  assert.deepEqual([code, out], [0, ["broken  gives no floor", "bus     signal to order"]]);
});

test("--json prints one line of JSON and nothing else", async (t) => {
  const { code, out, err } = await call(benches(plant(t)), "bus", "--json");
  assert.deepEqual([code, err, out.length], [0, [], 1]);
  assert.deepEqual(JSON.parse(out[0] ?? ""), { name: "bus", figure: 2.5, unit: "ms", floor: 1, ratio: 2.5, p95: 3 });
});

test("a person gets the progress and a table", async (t) => {
  const { out } = await call(benches(plant(t)), "bus");
  assert.deepEqual(out, [
    "working",
    "name    bus",
    "figure  2.5",
    "unit    ms",
    "floor   1",
    "ratio   2.5",
    "p95     3",
  ]);
});

test("an unknown name lists the names; an unknown flag is named", async (t) => {
  const root = plant(t);
  assert.deepEqual(await call(benches(root), "bsu", "--json"), {
    code: 2,
    out: [],
    err: ["bench: there is no bench named bsu; there are: broken, bus"],
  });
  const { code, err } = await call(proofs(root), "undo", "--fast");
  assert.equal(code, 2);
  assert.match(err[0] ?? "", /^prove: --fast is not understood; usage: npm run -s prove/);
});

test("a bench whose result lacks its floor is refused", async (t) => {
  const { code, err } = await call(benches(plant(t)), "broken", "--json");
  assert.deepEqual([code, err], [1, ["bench broken: its result needs finite numbers for floor, ratio"]]);
});

test("a proof stands only when all that was tried held", async (t) => {
  const root = plant(t);
  assert.equal((await call(proofs(root), "undo", "--json")).code, 0);
  const fallen = await call(proofs(root), "fallen", "--json");
  assert.deepEqual([fallen.code, fallen.err], [1, ["prove fallen: fell: 19 of 20 held"]]);
  assert.deepEqual(JSON.parse(fallen.out[0] ?? ""), { name: "fallen", tried: 20, held: 19 });
  const idle = await call(proofs(root), "idle");
  assert.deepEqual([idle.code, idle.err], [1, ["prove idle: nothing was tried"]]);
});
