// `npm run -s prove -- [NAME [--json]]`: lists the proofs, or runs one. Exits non-zero when a promise fell.

import { join } from "node:path";
import { notNumbers, runCatalogue, type Catalogue } from "./catalogue.ts";

export const proofs = (root: string): Catalogue => ({
  what: "prove",
  folder: join(root, "test/proofs"),
  verdict: (result) => {
    const problem = notNumbers(result, ["tried", "held"]);
    if (problem !== undefined) return problem;
    if (result["tried"] === 0) return "nothing was tried";
    return result["held"] === result["tried"]
      ? undefined
      : `fell: ${String(result["held"])} of ${String(result["tried"])} held`;
  },
});

if (import.meta.main) {
  process.exitCode = await runCatalogue(proofs(process.cwd()), process.argv.slice(2), {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
  });
}
