// Lets one set-up run at a time: two commands started at once in a fresh clone would install over each other.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { state } from "./places.mjs";
import { note } from "./steps.mjs";

const lock = join(state, "setup.lock");

/** Runs `work` while holding the lock. A lock left by a process that is gone is taken over. */
export async function alone(work) {
  mkdirSync(state, { recursive: true });
  for (let told = false; !take(); await pause(200)) {
    if (!told) note(`another set-up is running (process ${holder() ?? "unknown"}); waiting for it`);
    told = true;
  }
  const release = () => rmSync(lock, { force: true });
  process.once("exit", release);
  try {
    return await work();
  } finally {
    release();
    process.off("exit", release);
  }
}

function take() {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    const pid = holder();
    if (pid === undefined || isRunning(pid)) return false;
    // Of several waiters only one wins the rename; the others go round again.
    const stale = `${lock}.${process.pid}`;
    try {
      renameSync(lock, stale);
      rmSync(stale);
    } catch {
      return false;
    }
    return take();
  }
}

/** The process that holds the lock; undefined in the moment between its creation and its first byte. */
function holder() {
  try {
    const pid = Number(readFileSync(lock, "utf8"));
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
