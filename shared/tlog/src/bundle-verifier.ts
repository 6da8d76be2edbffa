import { readFile, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { fileURLToPath } from "node:url";

/**
 * Makes `verifier.mjs`, the verifier in one file: the modules it consists of, in order of dependence, with types and
 * imports of each other removed and nothing else changed. Whoever is to trust it can read it from top to bottom.
 *
 *     node src/bundle-verifier.ts
 */
const modules = [
  "checked",
  "encoding",
  "merkle",
  "note-key",
  "note",
  "checkpoint",
  "policy",
  "tiles",
  "frontier",
  "disk-reader",
  "tile-tree",
  "state",
  "verify-files",
  "verify",
  "verifier-main",
] as const;

const head = `#!/usr/bin/env node
// Stand-alone verifier of tamper-evident logs. Needs Node 24.2 or later and nothing else.
// Made from the sources of @omega/tlog by bundle-verifier.ts; change those, not this.
// Licensed under Apache-2.0.
`;

export const verifierPath = fileURLToPath(new URL("../verifier.mjs", import.meta.url));

const importStatement = /^import (?:type )?(?<names>[^;]*?) from "(?<from>[^"]+)";\n/gm;

export async function bundleVerifier(): Promise<string> {
  const builtins = new Map<string, Set<string>>();
  const bodies: string[] = [];
  for (const name of modules) {
    const source = await readFile(new URL(`${name}.ts`, import.meta.url), "utf8");
    const script = stripTypeScriptTypes(source, { mode: "strip" });
    const body = script.replaceAll(importStatement, (_statement, names: string, from: string) => {
      if (from.startsWith("node:")) collectNames(builtins, from, names);
      else if (!modules.some((known) => from === `./${known}.ts`)) throw new Error(`${name}.ts imports ${from}`);
      return "";
    });
    const plain = body.replaceAll(/^export (?=(?:async |abstract )?(?:function|class|const|let))/gm, "");
    bodies.push(`// ${name}.ts\n\n${tidyBlanks(plain)}`);
  }
  const imports = [...builtins].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const lines = imports.map(([from, names]) => `import { ${[...names].toSorted().join(", ")} } from "${from}";`);
  return `${head}\n${lines.join("\n")}\n\n${bodies.join("\n")}`;
}

function collectNames(builtins: Map<string, Set<string>>, from: string, names: string): void {
  const known = builtins.get(from) ?? new Set<string>();
  for (const name of names.replaceAll(/[{}]/g, "").split(",")) if (name.trim() !== "") known.add(name.trim());
  builtins.set(from, known);
}

/** Removed types leave blanks behind: at the ends of lines, and as runs of empty lines. */
function tidyBlanks(script: string): string {
  return `${script
    .replaceAll(/[ \t]+$/gm, "")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim()}\n`;
}

if (import.meta.main) await writeFile(verifierPath, await bundleVerifier());
