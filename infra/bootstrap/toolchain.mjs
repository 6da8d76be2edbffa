// The pinned package manager and the pinned Node, both through npm, neither installed globally.

import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { launcher, pinnedNode, root, toolchain } from "./places.mjs";
import { ask, findProgram, lastLines, run } from "./program.mjs";
import { SetupFailure } from "./steps.mjs";
import { atLeast } from "./version.mjs";

/** The first Node that runs TypeScript sources as they are, without a warning. */
const NODE_LEAST = "24.12.0";

const REGISTRY_ADVICE = [
  "Behind a proxy: set HTTPS_PROXY (and NODE_EXTRA_CA_CERTS for its certificate), then run this again.",
  "With a mirror of the npm registry: npm config set registry <its address>, then run this again.",
  "Offline: run it once on a machine with network and copy the folder with its node_modules/ and .omega/.",
];

const manifest = () => JSON.parse(readFileSync(join(toolchain.source, "package.json"), "utf8"));
const pnpmEntry = join(toolchain.target, "node_modules/pnpm/bin/pnpm.mjs");

/** Installs the pinned pnpm into .omega/toolchain. Returns its version. */
export async function installPnpm() {
  const version = manifest().dependencies.pnpm;
  if (existsSync(pnpmEntry) && ask(process.execPath, [pnpmEntry, "--version"]) === version) return version;
  const npm = findProgram("npm");
  if (!npm)
    throw new SetupFailure("package manager", "There is no npm on the PATH.", ["Install Node 20 or later with npm."]);
  mkdirSync(toolchain.target, { recursive: true });
  for (const name of ["package.json", "package-lock.json"])
    copyFileSync(join(toolchain.source, name), join(toolchain.target, name));
  // `install`, not `ci`: what the lockfile lists is held to its integrity hashes either way, and `ci` refuses a platform whose optional
  // binary the lockfile doesn't list. The error level is set because `npm run -s` hands its silence down to us.
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];
  const { ok, output } = await run(npm, ["install", ...quiet], { cwd: toolchain.target });
  if (!ok)
    throw new SetupFailure(
      "package manager",
      `npm could not install pnpm ${version}. It said:\n${lastLines(output)}`,
      REGISTRY_ADVICE,
    );
  if (ask(process.execPath, [pnpmEntry, "--version"]) !== version) {
    throw new SetupFailure(
      "package manager",
      `pnpm ${version} was installed but does not run on ${process.platform} ${process.arch}.`,
      [`Delete ${toolchain.target} and run this again.`],
    );
  }
  return version;
}

/** Installs the workspace from its frozen lockfile. Install scripts stay off, as pnpm-workspace.yaml says. */
export async function installWorkspace() {
  // CI=true keeps pnpm from asking anything, for example whether it may replace another version's node_modules.
  const env = { ...process.env, CI: "true" };
  const { ok, output } = await run(process.execPath, [pnpmEntry, "install", "--frozen-lockfile"], { cwd: root, env });
  if (ok) return linkLauncher();
  const advice = /FROZEN|OUTDATED_LOCKFILE/.test(output)
    ? [
        "A package.json and pnpm-lock.yaml disagree: run `.omega/toolchain/node_modules/.bin/pnpm install` and commit the lockfile.",
      ]
    : REGISTRY_ADVICE;
  throw new SetupFailure(
    "dependencies",
    `pnpm could not install the dependencies. It said:\n${lastLines(output)}`,
    advice,
  );
}

/** Lets `npx omega` find ours from any folder of the clone; outside the root, npx would ask the registry for a package of that name. */
function linkLauncher() {
  rmSync(launcher, { force: true });
  symlinkSync("../../cli/bin/omega.mjs", launcher);
}

/** The Node that runs the product: the pinned one, or this machine's own where none comes through npm. Returns `{path, version}`. */
export function findNode() {
  for (const path of [pinnedNode, process.execPath]) {
    const version = existsSync(path) ? ask(path, ["--version"]) : undefined;
    if (atLeast(version, NODE_LEAST)) return { path, version };
  }
  throw new SetupFailure(
    "Node for the product",
    `No pinned Node came through npm for ${process.platform} ${process.arch}.`,
    [
      `Install Node ${NODE_LEAST} or later yourself and run this again; it is then used as it is.`,
      "If npm is set to omit optional dependencies, allow them: npm config delete omit",
    ],
  );
}

/** Refuses machines that can't even run npm's current packages. */
export function checkMachine() {
  if (process.platform === "win32") {
    throw new SetupFailure("machine", "Omega runs on Linux and macOS.", ["On Windows, run it inside WSL 2."]);
  }
  if (!atLeast(process.version, "20.0.0")) {
    throw new SetupFailure("machine", `This is Node ${process.version}; the set-up needs Node 20 or later.`, [
      `Install a current Node (this one is ${dirname(process.execPath)}/node).`,
    ]);
  }
  return `Node ${process.version}, ${process.platform} ${process.arch}`;
}
