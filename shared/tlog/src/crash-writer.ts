import { existsSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { entryAt } from "./crash-sweep.ts";
import { DiskFiles } from "./files.ts";
import { parseSignerKey } from "./note-key.ts";
import { openLog } from "./open-log.ts";

/**
 * A process to be killed: appends the entries of `entryAt` without end, and prints the size after each acknowledgement.
 *
 *     node crash-writer.ts LOGDIR KEYFILE [STEP]
 *
 * With STEP it kills itself as it is about to change the disk for the STEP-th time; without, somebody else does.
 */
const [folder = "", keyFile = "", step] = process.argv.slice(2);

/** Dies at a step, as a process does that gets SIGKILL in the middle of an append. */
class DeadlyFiles extends DiskFiles {
  #left = step === undefined ? Infinity : Number(step);

  override makeFolder = (path: string): Promise<void> => this.#next(() => super.makeFolder(path));
  override create = (path: string, bytes: Uint8Array): Promise<boolean> => this.#next(() => super.create(path, bytes));
  override overwrite = (path: string, bytes: Uint8Array): Promise<void> =>
    this.#next(() => super.overwrite(path, bytes));
  override syncFile = (path: string): Promise<void> => this.#next(() => super.syncFile(path));
  override syncFolder = (path: string): Promise<void> => this.#next(() => super.syncFolder(path));
  override link = (from: string, to: string): Promise<boolean> => this.#next(() => super.link(from, to));
  override rename = (from: string, to: string): Promise<void> => this.#next(() => super.rename(from, to));
  override remove = async (path: string): Promise<void> => {
    if (existsSync(join(this.root, path))) await this.#next(() => super.remove(path));
  };

  async #next<T>(work: () => Promise<T>): Promise<T> {
    this.#left--;
    if (this.#left === 0) process.kill(process.pid, "SIGKILL");
    return work();
  }
}

const signer = parseSignerKey((await readFile(keyFile, "utf8")).trim(), () => 0);
if (!signer.ok) throw new Error(signer.reason);
const opened = await openLog({ files: new DeadlyFiles(folder), signer: signer.value });
if (!opened.ok) throw new Error(opened.failure.message);
const log = opened.value;
writeSync(1, `${log.size}\n`);
for (let batch = 1; ; batch = (batch * 5) % 31) {
  const appended = await log.append(Array.from({ length: batch }, (_, at) => entryAt(log.size + at)));
  if (!appended.ok) throw new Error(appended.failure.message);
  // Straight to the descriptor: what was acknowledged must be out before the next step can kill this process.
  writeSync(1, `${appended.value.size}\n`);
}
