import { spawnSync } from "node:child_process";
import type { Clock } from "@omega/shared/clock.ts";
import { CommandFailure, exitCode } from "./exit-code.ts";
import type { Home } from "./home.ts";
import { isAlive, readRunRecord, removeRunRecord } from "./run-record.ts";

const goneWithinMs = 15_000;

/**
 * Makes room in a home folder: refuses where an Omega is up there, and stops what one that was killed has left running. A process id may
 * have been given to a stranger since, so the command line must fit as well.
 */
export async function clearLeftovers(
  home: Home,
  clock: Clock,
  tell: (name: string, what: string) => void,
): Promise<void> {
  const record = readRunRecord(home);
  if (record === undefined) return;
  if (record.pid !== process.pid && isAlive(record.pid) && commandOf(record.pid).includes("cli/src/main.ts")) {
    throw new CommandFailure(
      exitCode.unavailable,
      `Omega is up in ${home.folder} already (process ${record.pid}, bus ${record.natsUrl}). ` +
        `Stop it with: kill ${record.pid}   or choose another folder by OMEGA_HOME.`,
    );
  }
  for (const { name, pid } of record.processes) {
    if (!isAlive(pid) || !entryOf(name).test(commandOf(pid))) continue;
    tell(name, `stopping process ${pid}, left over from an Omega that was killed`);
    process.kill(pid, "SIGTERM");
    const until = clock.now() + goneWithinMs;
    while (isAlive(pid) && clock.now() < until) await clock.sleep(50);
    if (isAlive(pid)) process.kill(pid, "SIGKILL");
  }
  removeRunRecord(home);
}

function commandOf(pid: number): string {
  return spawnSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" }).stdout ?? "";
}

/** What the command line of a process of ours looks like: `agents/scout/src/main.ts`, `kubelet/main.ts`, `nats-server`. */
function entryOf(name: string): RegExp {
  return name === "nats-server" ? /nats-server/ : new RegExp(`/${name}/(src/)?main\\.ts`);
}
