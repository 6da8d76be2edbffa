import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process named for good: the kernel reuses a pid, but not together with the moment it started at. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks after boot, field 22 of /proc/PID/stat. */
  startTicks: number;
}

/** The identity of a process that lives now; undefined when there is none (a zombie counts as none). */
export function identify(pid: number): ProcessIdentity | undefined {
  const fields = statFields(pid);
  if (fields === undefined || fields[0] === "Z" || fields[0] === "X") return undefined;
  return { pid, startTicks: Number(fields[19]) };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTicks === identity.startTicks;
}

/** Sends a signal to one process, if it is still the one meant. Answers whether it was. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  return isAlive(identity) && trySignal(identity.pid, signal);
}

/** Sends a signal to a process group by its leader's pid; false when the group is empty. */
export function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  return trySignal(-leader, signal);
}

/**
 * Whether a process group still has a member that lives. Zombies do not: whoever inherited them may reap them late or
 * never.
 */
export function groupLives(leader: number): boolean {
  try {
    process.kill(-leader, 0);
  } catch {
    return false; // ESRCH, the usual answer; only a group with somebody or something left in it costs a look at all of /proc.
  }
  return readdirSync("/proc").some((entry) => {
    const fields = /^\d+$/.test(entry) ? statFields(Number(entry)) : undefined;
    return fields !== undefined && Number(fields[2]) === leader && fields[0] !== "Z" && fields[0] !== "X";
  });
}

/**
 * Memory in bytes that a process and all its descendants hold and the kernel cannot simply drop: anonymous and
 * shared-memory pages. Pages of files are left out, as a cgroup reclaims them before it kills.
 */
export function residentTreeBytes(pid: number): number {
  let total = residentBytes(pid);
  for (const child of childrenOf(pid)) total += residentTreeBytes(child);
  return total;
}

/**
 * Every live process whose environment holds this assignment, e.g. `NAME=value`; for finding orphans, so it reads all
 * of /proc.
 */
export function processesWithEnvironment(
  matches: (assignment: string) => boolean,
): { pid: number; assignment: string }[] {
  const found: { pid: number; assignment: string }[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const assignment = readOrEmpty(`/proc/${entry}/environ`).split("\0").find(matches);
    if (assignment !== undefined) found.push({ pid: Number(entry), assignment });
  }
  return found;
}

function residentBytes(pid: number): number {
  const status = readOrEmpty(`/proc/${pid}/status`);
  const kilobytes = [/^RssAnon:\s+(\d+) kB/m, /^RssShmem:\s+(\d+) kB/m].map((field) =>
    Number(field.exec(status)?.[1] ?? 0),
  );
  return kilobytes.reduce((sum, amount) => sum + amount, 0) * 1024;
}

function childrenOf(pid: number): number[] {
  // A process's children hang on the thread that forked them.
  const children: number[] = [];
  for (const thread of threadsOf(pid)) {
    const listed = readOrEmpty(`/proc/${pid}/task/${thread}/children`).trim();
    if (listed !== "") children.push(...listed.split(" ").map(Number));
  }
  return children;
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // It ended meanwhile.
  }
}

function statFields(pid: number): string[] | undefined {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  return stat === "" ? undefined : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // No such process, or one of another user.
  }
}

function trySignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // ESRCH: already gone.
  }
}

/** The environment and working directory that a live process was started with, as far as they can be read. */
export function startedWith(pid: number): { env: Record<string, string>; cwd: string } {
  const env: Record<string, string> = {};
  for (const assignment of readOrEmpty(`/proc/${pid}/environ`).split("\0")) {
    const equals = assignment.indexOf("=");
    if (equals > 0)
      env[assignment.slice(0, equals)] = Buffer.from(assignment.slice(equals + 1), "latin1").toString("utf8");
  }
  try {
    return { env, cwd: readlinkSync(`/proc/${pid}/cwd`) };
  } catch {
    return { env, cwd: "/" };
  }
}
