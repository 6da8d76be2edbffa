// Remembers what a finished set-up was done for, so that the next run can tell at once that nothing has changed.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { launcher, root, stamp, toolchain } from "./places.mjs";
import { isExecutable } from "./program.mjs";

/** The package.json of every workspace package, by the globs of pnpm-workspace.yaml (`a` or `a/*`). */
function manifests() {
  const globs = [...readFileSync(join(root, "pnpm-workspace.yaml"), "utf8").matchAll(/^ {2}- ([\w./*-]+)$/gm)].map(
    (match) => match[1],
  );
  const folders = globs.flatMap((glob) => {
    if (!glob.endsWith("/*")) return [glob];
    const parent = glob.slice(0, -2);
    return existsSync(join(root, parent)) ? readdirSync(join(root, parent)).map((name) => `${parent}/${name}`) : [];
  });
  return ["package.json", ...folders.map((folder) => `${folder}/package.json`)].filter((path) =>
    existsSync(join(root, path)),
  );
}

/** A hash over everything that decides what is installed. */
export function fingerprint() {
  const hash = createHash("sha256");
  hash.update(`${root}\n${process.platform} ${process.arch} ${process.env.OMEGA_NATS_SERVER ?? ""}\n`);
  const files = [
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    ...manifests(),
    join("infra/bootstrap/toolchain", "package-lock.json"),
  ];
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(join(root, file)));
  return hash.digest("hex");
}

/** What the last set-up found, `{node, natsServer}`, or undefined when it must be done (again). */
export function readStamp() {
  try {
    const done = JSON.parse(readFileSync(stamp, "utf8"));
    const current = done.fingerprint === fingerprint();
    const present = [done.node, done.natsServer, launcher].every(isExecutable);
    return current && present && existsSync(toolchain.target) ? done : undefined;
  } catch {
    return undefined;
  }
}

/** Written last, so an interrupted set-up leaves none and is done again. */
export function writeStamp(found) {
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, `${JSON.stringify({ fingerprint: fingerprint(), ...found }, null, 2)}\n`);
}
