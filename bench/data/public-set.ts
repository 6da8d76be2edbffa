import { existsSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** Folder of the data set `name`: under $OMEGA_SHARED, or in `shared` beside the repository. Undefined where it is in neither. */
export function dataSet(name: string): string | undefined {
  return sharedFolders()
    .map((shared) => join(shared, "data", name))
    .find((folder) => existsSync(folder));
}

/** Why a bench of the data set `name` can't run. */
export function missing(name: string): string {
  const looked = sharedFolders().map((shared) => join(shared, "data", name));
  return `the data set ${name} is neither of ${looked.join(", ")}; set OMEGA_SHARED to the folder that has data/${name}`;
}

/** A worktree of the repository lies a folder deeper than the repository itself. */
function sharedFolders(): string[] {
  const told = process.env["OMEGA_SHARED"];
  return told === undefined ? [join(root, "..", "shared"), join(root, "..", "..", "shared")] : [told];
}
