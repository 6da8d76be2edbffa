import { failed, type Outcome, passed } from "./checked.ts";
import { type Checkpoint, openCheckpoint, parseUnsigned } from "./checkpoint.ts";
import { diskOutcome } from "./disk-outcome.ts";
import { equalBytes } from "./encoding.ts";
import { DiskFiles, type Files } from "./files.ts";
import { emptyFrontier } from "./frontier.ts";
import { FolderLock, type Machine, thisMachine } from "./lock.ts";
import { loadFrontier, removeStrays } from "./log-recovery.ts";
import { checkpointPath, Log, nextPath, stateFolder } from "./log.ts";
import type { NoteSigner } from "./note-key.ts";
import { VersionedState } from "./state.ts";

export interface LogOptions {
  readonly files: Files;
  /** A signer of role "log"; its name is the log's origin. */
  readonly signer: NoteSigner;
  readonly machine?: Machine;
  /** Take the lock from a writer that cannot be judged from here. Only for callers that hold a lease of their own. */
  readonly takeOver?: boolean;
}

/**
 * Opens the log in a folder, making an empty one where there is nothing. A log whose writer was stopped anywhere comes
 * back with every acknowledged entry, possibly followed by entries of the batch that was under way; callers that must
 * not repeat those look at `size` and the last entries before they append.
 *
 * Fails with `locked` (another writer), `damaged` (state, checkpoint and tiles do not fit together; nothing is changed
 * then), or the disk's own error (the same call may work later).
 */
export async function openLog(options: LogOptions): Promise<Outcome<Log>> {
  const { files, signer, machine = thisMachine, takeOver = false } = options;
  if (signer.verifier.role !== "log") {
    return failed("terminal", "wrong_key", `${signer.verifier.name} is a witness's key, a log needs a log's`);
  }
  return diskOutcome("retryable", async () => {
    await files.makeFolder(".");
    const lock = await FolderLock.take(files, machine, takeOver);
    if (typeof lock === "string") return failed("conflict", "locked", lock);
    const opened = await diskOutcome("retryable", () => openLocked(files, signer, lock));
    if (!opened.ok) await lock.release();
    return opened;
  });
}

/** `openLog` over a folder of this machine. */
export async function openLogFolder(folder: string, signer: NoteSigner): Promise<Outcome<Log>> {
  return openLog({ files: new DiskFiles(folder), signer });
}

async function openLocked(files: Files, signer: NoteSigner, lock: FolderLock): Promise<Outcome<Log>> {
  const origin = signer.verifier.name;
  const state = new VersionedState(files, stateFolder, lock.nonce);
  const version = await state.settle();
  // The first writer's folder has to outlive a loss of power as well.
  if (version === undefined) await files.syncFolder("..");
  const published = await files.read(checkpointPath);
  const current = published === undefined ? undefined : openCheckpoint(published, [signer.verifier]);
  if (current !== undefined && !current.ok) return damaged(`${checkpointPath}: ${current.reason}`);
  if (version === undefined && current !== undefined) {
    return damaged(`there is a ${checkpointPath} but no ${stateFolder}/: put the writer's state back before writing`);
  }
  const bound = version === undefined ? undefined : parseUnsigned(version.bytes);
  if (bound !== undefined && !bound.ok) return damaged(`${stateFolder}/${version?.number}: ${bound.reason}`);
  const misfit = bound && describeMisfit(origin, bound.value, current?.value.checkpoint);
  if (misfit !== undefined) return damaged(misfit);
  const frontier =
    bound === undefined ? passed(emptyFrontier) : await loadFrontier(files, bound.value.size, bound.value.root);
  if (!frontier.ok) return damaged(frontier.reason);
  // From here on files are removed, which only the one who still has the lock may do.
  if (!(await lock.isHeld())) return failed("conflict", "locked", "another writer has taken the lock meanwhile");
  const stale = (await files.list(".")).filter((name) => name.startsWith("lock-") || name === nextPath);
  for (const name of stale) await files.remove(name);
  await removeStrays(files, frontier.value.size);
  const upToDate = current?.value.checkpoint.size === frontier.value.size;
  const log = new Log({ files, signer, lock, state, version: version?.number ?? 0, frontier: frontier.value });
  const ready = await log.resume(upToDate ? published : undefined);
  return ready.ok ? passed(log) : ready;
}

function damaged(message: string): Outcome<never> {
  return failed("conflict", "damaged", message);
}

/** A state is bound before its checkpoint is signed, so it may be ahead, but never behind or beside. */
function describeMisfit(origin: string, bound: Checkpoint, current: Checkpoint | undefined): string | undefined {
  if (bound.origin !== origin) return `${stateFolder}/ belongs to ${bound.origin}, the key to ${origin}`;
  if (current === undefined) return undefined;
  if (current.size > bound.size)
    return `${checkpointPath} has ${current.size} entries, ${stateFolder}/ only ${bound.size}`;
  const same = current.size < bound.size || equalBytes(current.root, bound.root);
  return same ? undefined : `${checkpointPath} and ${stateFolder}/ have different roots for size ${bound.size}`;
}
