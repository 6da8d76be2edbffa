import { spawn } from "node:child_process";
import { accessSync, closeSync, constants, existsSync, openSync, readFileSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { groupLives, identify, isAlive, type ProcessIdentity, signalGroup, signalProcess } from "./process-table.ts";

/**
 * The environment variable that marks every process of a container, so that after a crash of the kubelet even one whose
 * pid was not written down yet is found. Its value is `<state dir>#<pod uid>/<container>/<attempt>`.
 */
export const markerVariable = "OMEGA_KUBELET_CONTAINER";

/** A shell of about one megabyte that outlives the kubelet; the file says what it does. */
const shim = fileURLToPath(new URL("shim.sh", import.meta.url));

const settleMs = 10;

export interface Launch {
  command: string[];
  cwd: string;
  env: Record<string, string>;
  logFile: string;
  exitFile: string;
}

/** How a container ended. `exitCode` is 137 when nothing was left to tell (it was killed together with its shim). */
export interface Exit {
  exitCode: number;
  finishedAtMs: number;
}

/** Why a command cannot be started at all, in the words of the real runtime; undefined when it can. */
export function cannotStart({ command, cwd, env }: Launch): string | undefined {
  const name = command[0] ?? "";
  if (!existsSync(cwd)) return `failed to create containerd task: chdir ${cwd}: no such file or directory`;
  const candidates = name.includes("/")
    ? [isAbsolute(name) ? name : resolve(cwd, name)]
    : (env["PATH"] ?? "").split(":").map((folder) => join(folder, name));
  for (const candidate of candidates) {
    try {
      accessSync(candidate, constants.X_OK);
      return undefined;
    } catch {
      continue;
    }
  }
  return `failed to create containerd task: exec: ${JSON.stringify(name)}: executable file not found in $PATH`;
}

/** One run of a container: started here, or found running from an earlier life of the kubelet. */
export class ContainerProcess {
  readonly identity: ProcessIdentity;
  readonly #exitFile: string;
  #shimExited = false;

  private constructor(identity: ProcessIdentity, exitFile: string) {
    this.identity = identity;
    this.#exitFile = exitFile;
  }

  /**
   * Starts the shim in its own process group, writing straight to the log file, so that nothing breaks when the kubelet
   * ends.
   */
  static start(launch: Launch, onExit: () => void): ContainerProcess | string {
    const log = openSync(launch.logFile, "a");
    const trouble = cannotStart(launch);
    if (trouble !== undefined) {
      closeSync(log);
      return trouble;
    }
    const child = spawn("/bin/sh", [shim, launch.exitFile, ...launch.command], {
      cwd: launch.cwd,
      env: launch.env,
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    child.on("error", () => undefined); // Told below by the missing pid.
    if (child.pid === undefined) return "failed to create containerd task: cannot fork";
    // One that has ended before it could be looked at is told by its exit event.
    const started = new ContainerProcess(identify(child.pid) ?? { pid: child.pid, startTicks: -1 }, launch.exitFile);
    const settle = (): void => {
      if (started.isRunning()) setTimeout(settle, settleMs);
      else onExit();
    };
    child.once("exit", () => {
      started.#shimExited = true;
      settle();
    });
    child.unref();
    return started;
  }

  /** Takes over a shim that an earlier kubelet started. Its end shows only to those who look: poll `isRunning`. */
  static adopt(identity: ProcessIdentity, exitFile: string): ContainerProcess {
    return new ContainerProcess(identity, exitFile);
  }

  /**
   * Whether anything of it lives. The end of the first process ends the rest of its group, and only when that is gone
   * too is its address free for the next run.
   */
  isRunning(): boolean {
    if (!this.#shimExited && isAlive(this.identity)) return true;
    this.#shimExited = true;
    if (!groupLives(this.identity.pid)) return false;
    this.kill();
    return true;
  }

  terminate(): void {
    signalProcess(this.identity, "SIGTERM");
  }

  /** Ends the whole process group at once. */
  kill(): void {
    signalGroup(this.identity.pid, "SIGKILL");
  }

  /** How it ended; to be asked when it no longer runs. */
  exit(now: number): Exit {
    return readExit(this.#exitFile, now);
  }
}

export function readExit(exitFile: string, now: number): Exit {
  try {
    return { exitCode: Number(readFileSync(exitFile, "utf8").trim()), finishedAtMs: statSync(exitFile).mtimeMs };
  } catch {
    return { exitCode: 137, finishedAtMs: now };
  }
}
