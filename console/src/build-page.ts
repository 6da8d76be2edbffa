import { renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "vite";

// Run as a process of its own, so that what a build takes in memory is given back when it ends.

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: node console/src/build-page.ts FOLDER");
const draft = `${folder}.${process.pid}`;
await build({
  configFile: fileURLToPath(new URL("../vite.config.ts", import.meta.url)),
  logLevel: "warn",
  build: { outDir: draft, emptyOutDir: true },
});
// Two builders of the same sources make the same files; whoever comes second drops its own.
try {
  renameSync(draft, folder);
} catch {
  rmSync(draft, { recursive: true, force: true });
}
