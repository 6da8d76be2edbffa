// `npm run -s bench -- [NAME [--json]]`: lists the benches, or runs one. With --json the last line is the result and nothing else is printed.

import { join } from "node:path";
import { notNumbers, runCatalogue, type Catalogue } from "./catalogue.ts";

export const benches = (root: string): Catalogue => ({
  what: "bench",
  folder: join(root, "bench"),
  verdict: (result) => {
    if (typeof result["skipped"] === "string") return undefined;
    if (typeof result["unit"] !== "string") return "its result needs a unit";
    return notNumbers(result, ["figure", "floor", "ratio"]);
  },
});

if (import.meta.main) {
  process.exitCode = await runCatalogue(benches(process.cwd()), process.argv.slice(2), {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
  });
}
