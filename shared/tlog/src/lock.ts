import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { decodeUtf8, encodeUtf8 } from "./encoding.ts";
import type { Files } from "./files.ts";

/**
 * The lock file that keeps a second writer away from a log's folder. Node has no `fcntl` locks, so it is a file that
 * names the process holding it, and a later writer removes it once that process is provably gone.
 *
 * This is politeness, not the safety: between judging a lock stale and replacing it there is always a gap. What keeps
 * two histories from being signed is the compare-and-set of `state.ts`; the lock keeps the loser from getting that far.
 */

/** The process that holds a lock. */
export interface Holder {
  readonly pid: number;
  /** Start of the process in clock ticks since boot, so that a reused pid is not taken for the holder; "" if unknown. */
  readonly startTime: string;
  /** Which machine, which boot of it, and which pid namespace: only within all three does a pid mean anything. */
  readonly machine: string;
  readonly boot: string;
  readonly namespace: string;
  /** Different for every opening. */
  readonly nonce: string;
}

/** What a lock needs to know of the machine. */
export interface Machine {
  self(): Omit<Holder, "nonce">;
  /** Whether a process of this machine, boot and namespace still runs. */
  isRunning(holder: Holder): boolean;
}

export const thisMachine: Machine = {
  self: () => ({
    pid: process.pid,
    startTime: startTimeOf(process.pid),
    machine: readOr(hostname(), () => readFileSync("/etc/machine-id", "utf8").trim()),
    boot: readOr("", () => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    namespace: readOr("", () => readlinkSync("/proc/self/ns/pid")),
  }),
  isRunning: ({ pid, startTime }) => {
    if (!signalReaches(pid)) return false;
    const current = startTimeOf(pid);
    return startTime === "" || current === "" || startTime === current;
  },
};

/** Field 22 of /proc/<pid>/stat; the name in field 2 may hold spaces and parentheses, so count from behind it. */
function startTimeOf(pid: number): string {
  const stat = readOr("", () => readFileSync(`/proc/${pid}/stat`, "utf8"));
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function signalReaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function readOr(fallback: string, read: () => string): string {
  try {
    return read();
  } catch {
    return fallback;
  }
}

const lockPath = "lock";

export class FolderLock {
  readonly nonce: string;
  readonly #files: Files;

  private constructor(files: Files, nonce: string) {
    this.#files = files;
    this.nonce = nonce;
  }

  /**
   * Takes the lock of a folder, or returns a sentence about who holds it. `takeOver` removes a lock whose holder cannot
   * be judged from here, as after a move to another machine: only for callers that hold a lease of their own.
   */
  static async take(files: Files, machine: Machine, takeOver: boolean): Promise<FolderLock | string> {
    const nonce = randomUUID();
    const own = `lock-${nonce}`;
    const text = JSON.stringify({ ...machine.self(), nonce } satisfies Holder);
    // Written and synced before it gets its name, so that no crash leaves a lock that names nobody.
    await files.create(own, encodeUtf8(`${text}\n`));
    await files.syncFile(own);
    try {
      for (let attempt = 0; attempt < 3; attempt++) {
        if (await files.link(own, lockPath)) return new FolderLock(files, nonce);
        const refusal = await removeStale(files, machine, takeOver, `${lockPath}-stale-${nonce}`);
        if (refusal !== undefined) return refusal;
      }
      return "other writers keep taking the lock";
    } finally {
      await files.remove(own);
    }
  }

  /** Whether this writer still has the lock; false after somebody took over. */
  async isHeld(): Promise<boolean> {
    return (await readHolder(this.#files, lockPath))?.nonce === this.nonce;
  }

  async release(): Promise<void> {
    if (await this.isHeld()) await this.#files.remove(lockPath);
  }
}

/**
 * Moves a stale lock away under a name of one's own and looks at what was moved: if another writer replaced the stale
 * lock in between, its live lock is put back.
 */
async function removeStale(
  files: Files,
  machine: Machine,
  takeOver: boolean,
  aside: string,
): Promise<string | undefined> {
  const bytes = await files.read(lockPath);
  if (bytes === undefined) return undefined;
  const holder = await readHolder(files, lockPath);
  const refusal = takeOver ? undefined : judge(machine, holder);
  if (refusal !== undefined) return refusal;
  try {
    await files.rename(lockPath, aside);
  } catch {
    return undefined;
  }
  const moved = await readHolder(files, aside);
  if (moved?.nonce !== holder?.nonce) await files.link(aside, lockPath);
  await files.remove(aside);
  return undefined;
}

function judge(machine: Machine, holder: Holder | undefined): string | undefined {
  if (holder === undefined) return "the lock file names no holder; remove it if no writer runs";
  const self = machine.self();
  // A machine that has booted since has ended all that ran on it before.
  if (holder.machine === self.machine && holder.boot !== self.boot) return undefined;
  if (holder.boot !== self.boot || holder.namespace !== self.namespace) {
    return `process ${holder.pid} of another machine or container holds the lock; remove it if that one is gone`;
  }
  return machine.isRunning(holder) ? `process ${holder.pid} holds the lock` : undefined;
}

async function readHolder(files: Files, path: string): Promise<Holder | undefined> {
  const bytes = await files.read(path);
  const text = bytes === undefined ? undefined : decodeUtf8(bytes);
  if (text === undefined || !text.ok) return undefined;
  try {
    const value: unknown = JSON.parse(text.value);
    return isHolder(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== "object" || value === null) return false;
  const { pid, startTime, machine, boot, namespace, nonce } = value as Record<string, unknown>;
  return (
    typeof pid === "number" &&
    Number.isSafeInteger(pid) &&
    pid > 0 &&
    [startTime, machine, boot, namespace, nonce].every((field) => typeof field === "string")
  );
}
