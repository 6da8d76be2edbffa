// What the bootstrap takes from Debian's and Ubuntu's package archive.

import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { state } from "./places.mjs";
import { ask, findProgram, lastLines, run } from "./program.mjs";

export const hasApt = () => findProgram("apt-get") !== undefined && findProgram("dpkg-deb") !== undefined;

/**
 * Unpacks one package into a folder under .omega without installing it: no root needed, no service started, nothing on the machine
 * changed. Package lists older than the archive, or none at all (fresh containers), are refreshed into a private folder.
 * Returns `{ok: true, folder}` or `{ok: false, output}`.
 */
export async function unpack(name) {
  const work = join(state, "apt");
  const folder = join(state, "packages", name);
  rmSync(folder, { recursive: true, force: true });
  for (const part of ["lists/partial", "cache/archives/partial", "download"])
    mkdirSync(join(work, part), { recursive: true });
  const own = [
    "-o",
    `Dir::State::lists=${join(work, "lists")}`,
    "-o",
    `Dir::Cache=${join(work, "cache")}`,
    "-o",
    "Debug::NoLocking=1",
  ];
  const user = ["-o", "APT::Sandbox::User=root"]; // as root, apt would download as a user who can't write here
  const download = (lists) => run("apt-get", [...lists, ...user, "download", name], { cwd: join(work, "download") });
  try {
    let got = await download([]);
    if (!got.ok) {
      const update = await run("apt-get", [...own, ...user, "update"]);
      got = await download(own);
      if (!got.ok) return { ok: false, output: lastLines(`${update.output}\n${got.output}`) };
    }
    const archive = readdirSync(join(work, "download")).find((file) => file.endsWith(".deb"));
    if (!archive) return { ok: false, output: `apt-get download ${name} left no file` };
    mkdirSync(folder, { recursive: true });
    const unpacked = await run("dpkg-deb", ["-x", join(work, "download", archive), folder]);
    return unpacked.ok ? { ok: true, folder } : { ok: false, output: lastLines(unpacked.output) };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** How packages can be installed here without asking anybody: `[]` as root, `["sudo", "-n"]`, or undefined for "not at all". */
export function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return findProgram("sudo") && ask("sudo", ["-n", "true"]) !== undefined ? ["sudo", "-n"] : undefined;
}

/** Whether an installed package's service would be started: true on a machine run by systemd, false in containers. */
export const startsServices = () => existsSync("/run/systemd/system");

/** Installs packages for the whole machine in one call. Returns `{ok, output}`. */
export async function install(prefix, names) {
  const quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-q"];
  const call = (args) => {
    const [program, ...rest] = [...prefix, ...quiet, ...args];
    return run(program, rest);
  };
  await call(["update"]); // where this fails, the install below says it better
  const { ok, output } = await call(["install", "--no-install-recommends", ...names]);
  return { ok, output: lastLines(output, 6) };
}
