// Finds a nats-server that Omega can use, or brings one.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasApt, unpack } from "./apt.mjs";
import { natsServerRecord, state } from "./places.mjs";
import { ask, findProgram, isExecutable, lastLines, run } from "./program.mjs";
import { SetupFailure } from "./steps.mjs";
import { atLeast } from "./version.mjs";

const LEAST = "2.9.10";
const STEP = "nats-server";

const CHOICES = [
  `Name one by its path: OMEGA_NATS_SERVER=/path/to/nats-server (${LEAST} or later, 2.12.3 or later recommended).`,
  "Or put one on the PATH; releases are at github.com/nats-io/nats-server.",
  "Debian, Ubuntu: apt-get install nats-server. macOS: brew install nats-server. With Go: go install github.com/nats-io/nats-server/v2@v2.12.3",
];

/** What is at `path`: `{path, version}`, or undefined when it doesn't run or is too old. */
function usable(path) {
  if (!path || !isExecutable(path)) return undefined;
  const version = /v?(\d+\.\d+\.\d+)/.exec(ask(path, ["--version"]) ?? "")?.[1];
  return atLeast(version, LEAST) ? { path, version } : undefined;
}

function earlierFind() {
  try {
    return JSON.parse(readFileSync(natsServerRecord, "utf8")).path;
  } catch {
    return undefined;
  }
}

function remember(found) {
  mkdirSync(state, { recursive: true });
  writeFileSync(natsServerRecord, `${JSON.stringify(found)}\n`);
  return found;
}

/** `{path, version}` of the server to use. Order: OMEGA_NATS_SERVER, PATH, an earlier find, apt, brew. */
export async function findOrInstallNatsServer() {
  const explicit = process.env.OMEGA_NATS_SERVER;
  if (explicit) {
    const found = usable(explicit);
    if (found) return remember(found);
    const said = ask(explicit, ["--version"]) ?? "it does not run";
    throw new SetupFailure(
      STEP,
      `OMEGA_NATS_SERVER names ${explicit}, which is no nats-server ${LEAST} or later: ${said}`,
      CHOICES.slice(0, 1),
    );
  }
  const found = usable(findProgram("nats-server")) ?? usable(earlierFind()) ?? (await byApt()) ?? (await byBrew());
  if (found) return remember(found);
  throw new SetupFailure(STEP, `No nats-server ${LEAST} or later was found.${whyNot.join("")}`, CHOICES);
}

const whyNot = [];

async function byApt() {
  if (!hasApt()) return undefined;
  const got = await unpack("nats-server");
  if (!got.ok) {
    whyNot.push(`\napt could not bring it:\n${got.output}`);
    return undefined;
  }
  const path = join(got.folder, "usr/sbin/nats-server");
  const found = usable(path);
  if (!found)
    whyNot.push(`\nThe one in this system's apt archive is too old: ${ask(path, ["--version"]) ?? "it does not run"}`);
  return found;
}

async function byBrew() {
  const brew = findProgram("brew");
  if (!brew) return undefined;
  const { ok, output } = await run(brew, ["install", "nats-server"]);
  if (!ok) whyNot.push(`\nbrew could not bring it:\n${lastLines(output)}`);
  return usable(findProgram("nats-server"));
}

/** What a person should know about this version, or undefined. */
export function adviceOn(version) {
  if (!atLeast(version, "2.10.0")) return "syncs to disk once a minute; 2.10 or later can sync each write";
  if (!atLeast(version, "2.10.23")) return "2.10.0 to 2.10.22 have JetStream defects; take a later one for production";
  return undefined;
}
