import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { markerVariable } from "./container-process.ts";
import type { PodRecord } from "./pod-record.ts";
import { identify, isAlive, type ProcessIdentity, processesWithEnvironment, signalGroup } from "./process-table.ts";

/** Says which kubelet has a state folder: two would each run the same pods. */
export class StateLock {
  readonly #file: string;

  private constructor(file: string) {
    this.#file = file;
  }

  /** Throws when a living kubelet has it; the lock of a dead one is taken over. */
  static take(stateDir: string): StateLock {
    const file = join(stateDir, "kubelet.lock");
    const mine = identify(process.pid);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        writeFileSync(file, JSON.stringify(mine), { flag: "wx" });
        return new StateLock(file);
      } catch {
        const holder = readHolder(file);
        if (holder !== undefined && isAlive(holder)) {
          throw new Error(`state folder ${stateDir} is in use by the kubelet with pid ${holder.pid}`);
        }
        rmSync(file, { force: true });
      }
    }
    throw new Error(`state folder ${stateDir}: cannot take ${file}`);
  }

  release(): void {
    rmSync(this.#file, { force: true });
  }
}

/**
 * Ends processes that carry this state folder's marker but belong to no recorded run: what a kubelet started and died
 * before it could write down, or what a container left behind in a process group of its own.
 */
export function endOrphans(stateDir: string, records: PodRecord[]): void {
  const runs = new Set<string>();
  for (const { uid, containers } of records) {
    for (const { name, attempt, process: identity } of Object.values(containers)) {
      if (identity !== undefined && isAlive(identity))
        runs.add(`${markerVariable}=${stateDir}#${uid}/${name}/${attempt}`);
    }
  }
  const prefix = `${markerVariable}=${stateDir}#`;
  for (const { pid, assignment } of processesWithEnvironment((text) => text.startsWith(prefix))) {
    if (!runs.has(assignment)) signalOrphan(pid);
  }
}

/** Ends everything that a kubelet which is no more left running. Throws while a kubelet has the folder. */
export function endPods(stateDir: string): void {
  if (!existsSync(stateDir)) return;
  const folder = realpathSync(stateDir);
  const lock = StateLock.take(folder);
  endOrphans(folder, []);
  lock.release();
}

function signalOrphan(pid: number): void {
  // A shim leads its group; a straggler may be alone in another.
  if (signalGroup(pid, "SIGKILL")) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return; // It ended by itself.
  }
}

function readHolder(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
