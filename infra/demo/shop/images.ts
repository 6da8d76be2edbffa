/**
 * The shop's container images, for a kubelet that runs images as local processes. An image is a release: the entry
 * file `src/<service>/releases/<version>.ts` composes the shared code with what that release does differently.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** How to run one image: an absolute command line, its working directory, and the environment baked into it. */
export interface Image {
  command: string[];
  cwd: string;
  env: Record<string, string>;
}

const root = fileURLToPath(new URL(".", import.meta.url));
const preload = fileURLToPath(new URL("src/telemetry/preload.ts", import.meta.url));

/** The database is what it would be elsewhere: a bought-in image that carries no instrumentation of ours. */
const uninstrumented = new Set(["shop-db"]);

/**
 * Compiled code and stripped types are kept between starts: without loading the type stripper, a process starts in half
 * the time and stays 20 MB smaller.
 */
const compileCache = fileURLToPath(new URL("../../../.omega/cache/compiled-shop", import.meta.url));

/** A small young generation and a single malloc arena cost these services nothing and save tens of megabytes each. */
const memoryFlags = ["--max-semi-space-size=2"];
const memoryEnv = { MALLOC_ARENA_MAX: "1" };

/** Every release found on disk, by image name: `shop/payments:1.4.0` and so on. */
export function shopImages(): Record<string, Image> {
  const images: Record<string, Image> = {};
  for (const service of readdirSync(`${root}src`)) {
    for (const file of releasesOf(service)) {
      const version = file.slice(0, -".ts".length);
      const instrumented = uninstrumented.has(service) ? [] : ["--import", preload];
      images[`shop/${service}:${version}`] = {
        command: [process.execPath, ...memoryFlags, ...instrumented, `${root}src/${service}/releases/${file}`],
        cwd: root,
        env: { SERVICE_VERSION: version, ...revisionOf(service, file), NODE_COMPILE_CACHE: compileCache, ...memoryEnv },
      };
    }
  }
  return images;
}

/** The commit that made the release, as build pipelines note it; none in a copy without Git or before the commit. */
function revisionOf(service: string, file: string): Record<string, string> {
  const path = `src/${service}/releases/${file}`;
  const { stdout } = spawnSync("git", ["log", "-1", "--format=%H", "--", path], { cwd: root, encoding: "utf8" });
  const revision = stdout?.trim() ?? "";
  return revision === "" ? {} : { SERVICE_REVISION: revision };
}

function releasesOf(service: string): string[] {
  const folders = readdirSync(`${root}src/${service}`);
  if (!folders.includes("releases")) return [];
  return readdirSync(`${root}src/${service}/releases`).filter((file) => /^\d+\.\d+\.\d+\.ts$/.test(file));
}
