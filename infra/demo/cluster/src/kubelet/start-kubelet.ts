import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { readServiceTable, servicesFile, type ServiceAddress } from "./service-table.ts";

export interface KubeletOptions {
  kubeconfig: string;
  /** Kept between runs; one kubelet at a time. */
  stateDir: string;
  /** The image table's file. */
  images: string;
  nodes?: number;
  nodeName?: string;
  /** First restart back-off and its ceiling. Default: the real kubelet's 10 s and 300 s. */
  backoffFirstMs?: number;
  backoffMaxMs?: number;
  /** On `stop` the pods' processes live on, for the next kubelet with this state folder. */
  leavePods?: boolean;
  /** Where its log goes, JSON lines: a file descriptor, or the caller's own standard error. Default: nowhere. */
  log?: number | "inherit" | "ignore";
}

/** A kubelet in a process of its own. */
export interface RunningKubelet {
  pid: number;
  nodes: string[];
  /**
   * Sends SIGTERM and resolves when the process has ended, and with it (unless `leavePods`) all its pods' processes.
   */
  stop: () => Promise<void>;
  /** kill -9: the pods' processes live on until the next kubelet with this state folder takes them over. */
  kill: () => Promise<void>;
  /** Where services listen now, by `namespace/name`. */
  services: () => Record<string, ServiceAddress>;
}

/**
 * Stripped types and compiled code are kept between starts: a process that need not load the type stripper is 30 MB
 * smaller. With a small young generation and a single malloc arena the kubelet stays under 90 MB.
 */
const compileCache = join(tmpdir(), `omega-compile-cache-${userInfo().uid}`);
const memoryFlags = ["--max-semi-space-size=1"];

/** Fills the cache by a process that loads everything and ends, unless that was done since the sources last changed. */
function warmCache(main: string, env: NodeJS.ProcessEnv): void {
  const folder = env["NODE_COMPILE_CACHE"];
  if (folder === undefined) return;
  const mark = join(folder, "kubelet-is-in");
  const filledAtMs = statSync(mark, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(dirname(main)).map((name) => statSync(join(dirname(main), name)).mtimeMs);
  if (Math.max(...sources) < filledAtMs) return;
  spawnSync(process.execPath, [main, "--help"], { env, stdio: "ignore" });
  mkdirSync(folder, { recursive: true });
  writeFileSync(mark, "");
}

/**
 * Starts a kubelet; resolves when its nodes are ready in the API. Rejects with what it printed if it ends before that.
 */
export async function startKubelet(options: KubeletOptions): Promise<RunningKubelet> {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const log = options.log ?? "ignore";
  const env = { NODE_COMPILE_CACHE: compileCache, MALLOC_ARENA_MAX: "1", ...process.env };
  warmCache(main, env);
  const child = spawn(process.execPath, [...memoryFlags, main, ...commandLine(options)], {
    env,
    stdio: ["ignore", "pipe", log === "ignore" ? "pipe" : log],
  });
  const exited = once(child, "exit");
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString("utf8")).slice(-4000);
  });
  const line = await firstLine(child);
  if (line === undefined) {
    await exited;
    throw new Error(`the kubelet ended before it was ready: ${said.trim()}`);
  }
  const ready: { pid: number; nodes: string[] } = JSON.parse(line);
  const end = (signal: NodeJS.Signals) => async (): Promise<void> => {
    child.kill(signal);
    await exited;
  };
  return {
    ...ready,
    stop: end("SIGTERM"),
    kill: end("SIGKILL"),
    services: () => readServiceTable(servicesFile(options.stateDir)),
  };
}

function commandLine(options: KubeletOptions): string[] {
  const given: [string, string | number | undefined][] = [
    ["kubeconfig", options.kubeconfig],
    ["state-dir", options.stateDir],
    ["images", options.images],
    ["nodes", options.nodes],
    ["node-name", options.nodeName],
    ["backoff-first-ms", options.backoffFirstMs],
    ["backoff-max-ms", options.backoffMaxMs],
  ];
  const args = given.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
  return options.leavePods === true ? [...args, "--leave-pods"] : args;
}

async function firstLine(child: ChildProcess): Promise<string | undefined> {
  if (child.stdout === null) return undefined;
  for await (const line of createInterface({ input: child.stdout })) return line;
  return undefined;
}
