import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const packageFolder = fileURLToPath(new URL("..", import.meta.url));
const cache = fileURLToPath(new URL("../../.omega/cache/console-page/", import.meta.url));
const tailLines = 15;

/**
 * The folder of the built page. It is kept by a hash of what goes in, so it is built once for each state of the sources, on this machine,
 * from what the set-up installed; nothing is fetched. `tell` hears that it is being built, which takes a second or two.
 */
export async function builtPage(tell: (what: string) => void): Promise<string> {
  const folder = join(cache, fingerprint());
  if (existsSync(join(folder, "index.html"))) return folder;
  tell("building the page, once for these sources");
  const child = spawn(process.execPath, [join(packageFolder, "src", "build-page.ts"), folder], {
    cwd: packageFolder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => said.push(chunk));
  await once(child, "close");
  if (child.exitCode === 0 && existsSync(join(folder, "index.html"))) return folder;
  const tail = Buffer.concat(said).toString("utf8").trim().split("\n").slice(-tailLines).join("\n");
  throw new Error(`the page could not be built:\n${tail}`);
}

function fingerprint(): string {
  const hash = createHash("sha256");
  for (const path of sources()) hash.update(`${path}\n`).update(readFileSync(join(packageFolder, path)));
  return hash.digest("hex").slice(0, 24);
}

/** Everything that the page is made of: its own sources, the types that it shares with the server, and what is installed for it. */
function sources(): string[] {
  const page = readdirSync(join(packageFolder, "page"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(packageFolder.length));
  return [...page, "vite.config.ts", "package.json", "src/wire.ts"].toSorted();
}
