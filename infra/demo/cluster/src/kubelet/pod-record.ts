import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "./process-table.ts";
import type { ContainerState, Terminated } from "./wire.ts";

/**
 * What the kubelet knows of one container. It is written down at each change, so that a later kubelet goes on from
 * here.
 */
export interface ContainerRecord {
  name: string;
  /** 0 for the first start, so it is also the restart count; undefined before the first start. */
  attempt?: number;
  state: ContainerState;
  last?: Terminated;
  process?: ProcessIdentity;
  ready: boolean;
  started: boolean;
  /** Why the kubelet itself ended the running process; what its exit will be reported as. */
  killedFor?: "OOMKilled";
  /** Restart back-off: how long after an exit the next start must wait. 0 after a first exit, then doubling. */
  backoffMs: number;
  /** Pull back-off, the same for an image that is not in the table, with the moment of the last try. */
  pull?: { backoffMs: number; triedAtMs: number };
}

export interface PodRecord {
  uid: string;
  namespace: string;
  name: string;
  nodeName: string;
  podIP: string;
  startTime: string;
  containers: Record<string, ContainerRecord>;
}

/**
 * The state folder of one kubelet: `pods/<uid>/` with pod.json, `logs/<container>/<attempt>.log`, `volumes/` and
 * `root/`.
 */
export class PodRecords {
  readonly #folder: string;

  constructor(stateDir: string) {
    this.#folder = join(stateDir, "pods");
    mkdirSync(this.#folder, { recursive: true });
  }

  folder(uid: string): string {
    return join(this.#folder, uid);
  }

  /**
   * Everything an earlier kubelet left. A folder without a readable record never had a process that it belongs to: it
   * is removed.
   */
  load(): PodRecord[] {
    const records: PodRecord[] = [];
    for (const uid of readdirSync(this.#folder)) {
      try {
        records.push(JSON.parse(readFileSync(join(this.folder(uid), "pod.json"), "utf8")));
      } catch {
        this.remove(uid);
      }
    }
    return records;
  }

  /** Written beside and renamed, so that a crash leaves the old record or the new one, never half of one. */
  save(record: PodRecord): void {
    const file = join(this.folder(record.uid), "pod.json");
    mkdirSync(this.folder(record.uid), { recursive: true });
    writeFileSync(`${file}.new`, JSON.stringify(record));
    renameSync(`${file}.new`, file);
  }

  remove(uid: string): void {
    rmSync(this.folder(uid), { recursive: true, force: true });
  }

  logFile(uid: string, container: string, attempt: number): string {
    return join(this.#containerFolder(uid, container), `${attempt}.log`);
  }

  exitFile(uid: string, container: string, attempt: number): string {
    return join(this.#containerFolder(uid, container), `${attempt}.exit`);
  }

  /** Keeps the files of an attempt and the one before it, as the real kubelet keeps one dead container. */
  prune(uid: string, container: string, attempt: number): void {
    const folder = this.#containerFolder(uid, container);
    for (const name of readdirSync(folder)) {
      if (Number.parseInt(name, 10) < attempt - 1) rmSync(join(folder, name));
    }
  }

  #containerFolder(uid: string, container: string): string {
    const folder = join(this.folder(uid), "logs", container);
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
    return folder;
  }
}
