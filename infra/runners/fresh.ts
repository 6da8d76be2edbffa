// `fresh.ts GENERATOR`: runs a generator and fails when it changed anything, that is when generated files weren't committed with
// what they are generated from.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A hash of every file that git tracks or would track, by path. */
function snapshot(root: string): Map<string, string> {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  const files = listed.split("\0").filter((file) => file !== "" && existsSync(join(root, file)));
  return new Map(
    files.map((file) => [
      file,
      createHash("sha256")
        .update(readFileSync(join(root, file)))
        .digest("hex"),
    ]),
  );
}

/** Runs `work` and returns the files that it added, changed or removed. */
export function changedBy(root: string, work: () => void): string[] {
  const before = snapshot(root);
  work();
  const after = snapshot(root);
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((file) => before.get(file) !== after.get(file))
    .sort();
}

if (import.meta.main) {
  const [generator = ""] = process.argv.slice(2);
  const changed = changedBy(
    process.cwd(),
    () => void execFileSync(process.execPath, [generator], { stdio: "inherit" }),
  );
  if (changed.length > 0) {
    process.stderr.write(
      `Generated files were stale and have been written anew; commit them:\n${changed.map((file) => `  ${file}\n`).join("")}`,
    );
    process.exitCode = 1;
  }
}
