// Which test files there are, what each costs, and which of them a person asked for.

import { globSync } from "node:fs";
import { sep } from "node:path";

export type Selection = { unitOnly: boolean; filters: readonly string[] };

/** `names` is set when no file matched the words, which then select tests by name within all files. */
export type Chosen = { files: readonly string[]; names?: readonly string[] };

/** Every `*.test.ts` below `root`, relative to it with forward slashes: units first, then test/, cheapest folders first. */
export function discover(root: string): string[] {
  const skip = (path: string): boolean => /(^|[\\/])(node_modules|\.omega|\.git)$/.test(path);
  const found = globSync("**/*.test.ts", { cwd: root, exclude: skip }).map((path) => path.split(sep).join("/"));
  return found.sort((a, b) => cost(a) - cost(b) || a.localeCompare(b));
}

const COSTS = [
  "",
  "test/",
  "test/conformance/",
  "test/contract/",
  "test/replay/",
  "test/simulation/",
  "test/integration/",
  "test/e2e/",
];

/** 0 for a unit beside its file, then the place of its folder in `COSTS`. */
function cost(path: string): number {
  for (let rank = COSTS.length - 1; rank > 0; rank--) if (path.startsWith(COSTS[rank] ?? "")) return rank;
  return 0;
}

/** The files for these words: by a part of the path, or all of them by a part of the test's name when no path matches. */
export function choose(all: readonly string[], { unitOnly, filters }: Selection): Chosen {
  const files = unitOnly ? all.filter((path) => cost(path) === 0) : all;
  if (filters.length === 0) return { files };
  const matching = files.filter((path) => filters.some((word) => path.includes(word.replace(/^\.\//, ""))));
  return matching.length > 0 ? { files: matching } : { files, names: filters };
}

/** Reads `[--unit] [path-or-name …]`. An unknown flag is an error that names it. */
export function parseSelection(args: readonly string[]): Selection | { error: string } {
  const unknown = args.find((word) => word.startsWith("-") && word !== "--unit");
  if (unknown)
    return { error: `unknown option ${unknown}; usage: npm test -- [--unit] [part of a path | part of a test's name]` };
  return { unitOnly: args.includes("--unit"), filters: args.filter((word) => !word.startsWith("-")) };
}
