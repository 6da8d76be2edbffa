import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Where the test vectors of other implementations lie: `OMEGA_VECTORS`, or `../shared/vectors` beside the repository.
 * `missing` is the reason for skipping what needs them.
 */
const besideRepository = fileURLToPath(new URL("../../../../shared/vectors", import.meta.url));
const besideWorktree = fileURLToPath(new URL("../../../../../shared/vectors", import.meta.url));

export const vectorsFolder =
  process.env["OMEGA_VECTORS"] ?? (existsSync(besideRepository) ? besideRepository : besideWorktree);

export const missing: string | false = existsSync(vectorsFolder)
  ? false
  : `no test vectors at ${vectorsFolder}; set OMEGA_VECTORS to a folder with merkle/ and tessera/`;

export const tesseraKey = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
