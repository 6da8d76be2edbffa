// Lists and runs the modules of one folder: the benches of bench/, the proofs of test/proofs/.

import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

export type Report = (line: string) => void;
type Result = { name: string; [field: string]: unknown };
type Module = { about: string; run(report: Report): Promise<Result> };

/** `what` is the word for one module; `verdict` reads a result, and returns what is wrong with it or undefined. */
export type Catalogue = { what: string; folder: string; verdict(result: Result): string | undefined };
export type Streams = { out: Report; err: Report };

/** The names in the folder: every `NAME.ts` but the contract and the tests. */
export function namesIn(folder: string): string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  return files
    .map((file) => basename(file, ".ts"))
    .filter((name) => name !== "contract")
    .sort();
}

/** `[NAME [--json]]`: without a name lists them; with one runs it. Returns the exit code: 1 when it fell, 2 for a wrong call. */
export async function runCatalogue(
  catalogue: Catalogue,
  args: readonly string[],
  { out, err }: Streams,
): Promise<number> {
  const { what, folder } = catalogue;
  const names = namesIn(folder);
  const flags = args.filter((word) => word.startsWith("-"));
  const [name, ...rest] = args.filter((word) => !word.startsWith("-"));
  const wrong = flags.find((flag) => flag !== "--json") ?? rest[0];
  if (wrong !== undefined) {
    err(`${what}: ${wrong} is not understood; usage: npm run -s ${what} -- [NAME [--json]]`);
    return 2;
  }
  if (name === undefined) return list(catalogue, names, out);
  if (!names.includes(name)) {
    err(`${what}: there is no ${what} named ${name}; there are: ${names.join(", ") || "none yet"}`);
    return 2;
  }
  const module = await load(folder, name);
  const json = flags.includes("--json");
  const result = await module.run(json ? () => {} : out);
  const problem = shapeProblem(result, name) ?? catalogue.verdict(result);
  for (const line of json ? [JSON.stringify(result)] : table(result)) out(line);
  if (problem === undefined) return 0;
  err(`${what} ${name}: ${problem}`);
  return 1;
}

async function list({ what, folder }: Catalogue, names: readonly string[], out: Report): Promise<number> {
  const width = Math.max(0, ...names.map((name) => name.length));
  for (const name of names) out(`${name.padEnd(width)}  ${(await load(folder, name)).about}`);
  if (names.length === 0) out(`There is no ${what} yet.`);
  return 0;
}

async function load(folder: string, name: string): Promise<Module> {
  const module: unknown = await import(pathToFileURL(join(folder, `${name}.ts`)).href);
  if (!isModule(module))
    throw new TypeError(`${join(folder, name)}.ts must export \`about\` (a string) and \`run\` (a function)`);
  return module;
}

function isModule(module: unknown): module is Module {
  if (typeof module !== "object" || module === null) return false;
  return "about" in module && typeof module.about === "string" && "run" in module && typeof module.run === "function";
}

function shapeProblem(result: Result, name: string): string | undefined {
  return result.name === name ? undefined : `its result is named ${JSON.stringify(result.name)}`;
}

function table(result: Result): string[] {
  const width = Math.max(...Object.keys(result).map((key) => key.length));
  return Object.entries(result).map(([key, value]) => `${key.padEnd(width)}  ${show(value)}`);
}

function show(value: unknown): string {
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The fields of `result` among `fields` that aren't finite numbers, as a sentence, or undefined. */
export function notNumbers(result: Result, fields: readonly string[]): string | undefined {
  const bad = fields.filter((field) => !Number.isFinite(result[field]));
  return bad.length === 0 ? undefined : `its result needs finite numbers for ${bad.join(", ")}`;
}
