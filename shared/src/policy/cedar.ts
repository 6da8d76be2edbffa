import { createRequire } from "node:module";
import { setFlagsFromString } from "node:v8";

type Cedar = typeof import("@cedar-policy/cedar-wasm/nodejs");

let loaded: Cedar | undefined;

/**
 * Cedar's own evaluator and validator, as WebAssembly (Apache-2.0, cedar-policy/cedar). It is loaded at its first use, so that commands
 * that ask nothing pay nothing. A decision is far too short to be worth optimised code: without the second compiler the module costs
 * some 30 MB resident in place of 75, and is no slower. The flags must be set before the module is compiled.
 */
export function cedar(): Cedar {
  if (loaded === undefined) {
    for (const flag of ["--no-wasm-tier-up", "--no-wasm-dynamic-tiering"]) setFlagsFromString(flag);
    loaded = createRequire(import.meta.url)("@cedar-policy/cedar-wasm/nodejs") as Cedar;
  }
  return loaded;
}
