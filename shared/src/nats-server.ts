// The nats-server program: finding it, and running one of our own for a single machine or a test. A fleet's servers are run by others.

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** The oldest version whose JetStream holds what Omega relies on; it is also what Debian 12 has. */
export const LEAST_NATS_SERVER = "2.9.10";

export type NatsServerProgram = { path: string; version: string };
export type FoundNatsServer = { ok: true; value: NatsServerProgram } | { ok: false; message: string };

/**
 * Looks where `environment` says (`OMEGA_NATS_SERVER`), then on its PATH, then at what the set-up recorded in `.omega/` of `root`.
 * A server named explicitly is used or refused, never passed over for another.
 */
export function findNatsServer(environment = process.env, root = process.cwd()): FoundNatsServer {
  const explicit = environment["OMEGA_NATS_SERVER"];
  if (explicit) {
    const version = versionOf(explicit);
    if (version !== undefined && isSupported(version)) return { ok: true, value: { path: explicit, version } };
    const what = version === undefined ? "doesn't run as a nats-server" : `is version ${version}`;
    return { ok: false, message: `OMEGA_NATS_SERVER=${explicit} ${what}; Omega needs ${LEAST_NATS_SERVER} or later` };
  }
  const folders = (environment["PATH"] ?? "").split(":").filter((folder) => folder !== "");
  for (const path of [...folders.map((folder) => join(folder, "nats-server")), ...recorded(root)]) {
    const version = versionOf(path);
    if (version !== undefined && isSupported(version)) return { ok: true, value: { path, version } };
  }
  const how = "run the set-up (npm run demo does), put one on the PATH, or set OMEGA_NATS_SERVER=/path/to/nats-server";
  return { ok: false, message: `no nats-server ${LEAST_NATS_SERVER} or later was found: ${how}` };
}

/** The path in `.omega/nats-server.json` of `root` or of the nearest folder above it. */
function recorded(root: string): string[] {
  for (let folder = resolve(root); ; folder = dirname(folder)) {
    try {
      const record: unknown = JSON.parse(readFileSync(join(folder, ".omega/nats-server.json"), "utf8"));
      if (typeof record === "object" && record !== null && "path" in record && typeof record.path === "string")
        return [record.path];
    } catch {
      // None here; look one folder up.
    }
    if (folder === dirname(folder)) return [];
  }
}

function versionOf(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
  } catch {
    return undefined;
  }
  const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 });
  return /^nats-server: v(\d+\.\d+\.\d+)/m.exec(stdout ?? "")?.[1];
}

function isSupported(version: string): boolean {
  return !isOlder(version, LEAST_NATS_SERVER);
}

function isOlder(version: string, than: string): boolean {
  const [have, want] = [version.split(".").map(Number), than.split(".").map(Number)];
  const place = want.findIndex((number, index) => have[index] !== number);
  return place >= 0 && (have[place] ?? 0) < (want[place] ?? 0);
}

export type NatsServerOptions = {
  /** Holds JetStream's files, the written config and the log; made when absent. Two servers never share one. */
  storeDir: string;
  /** 0, the default, takes a free one; `url` says which. */
  port?: number;
  /** The address to listen on; loopback unless told. */
  host?: string;
  /** Bytes; the server refuses larger messages. */
  maxPayload?: number;
  /** Further lines of nats-server's own configuration language, for example users or TLS. */
  config?: string;
  /** Which program; found by `findNatsServer()` when absent. */
  program?: NatsServerProgram;
  /** How long it may take until it answers; it recovers its streams first. */
  readyWithinMs?: number;
};

export type RunningNatsServer = {
  url: string;
  pid: number;
  program: NatsServerProgram;
  /** "each write", or "each minute" for versions before 2.10, which can't do better: what a power cut may cost. */
  synced: "each write" | "each minute";
  /** Settles when the process is gone, for whatever reason. */
  exited: Promise<void>;
  /** Shuts it down in order and waits for its end. */
  stop: () => Promise<void>;
  /** kill -9, and waits for its end. */
  kill: () => Promise<void>;
};

/**
 * Starts one server with file storage, and waits until it takes connections. Rejects with a message that names the cause: no
 * program, a busy port, a config that the server refuses. It ends with this process at the latest, unless this process is killed.
 */
export async function startNatsServer(options: NatsServerOptions): Promise<RunningNatsServer> {
  const program = options.program ?? mustFind();
  const storeDir = resolve(options.storeDir);
  const runDir = join(storeDir, "run");
  mkdirSync(runDir, { recursive: true });
  const configFile = join(storeDir, "nats-server.conf");
  const synced = isOlder(program.version, "2.10.0") ? "each minute" : "each write";
  writeFileSync(configFile, configText({ ...options, storeDir }, runDir, synced));
  // In a process group of its own: Ctrl-C at the terminal reaches only the owner, who lets its clients finish first.
  const child = spawn(program.path, ["--config", configFile], { detached: true, stdio: ["ignore", "ignore", "pipe"] });
  const log = keepTail(child);
  const exited = new Promise<void>((resolve) => void child.once("exit", () => resolve()));
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await exited;
  };
  const atExit = (): void => void child.kill("SIGKILL");
  process.once("exit", atExit);
  void exited.finally(() => process.off("exit", atExit));
  const portsFile = join(runDir, `nats-server_${child.pid}.ports`);
  try {
    const url = await ready({ child, portsFile, deadline: performance.now() + (options.readyWithinMs ?? 30_000) });
    return {
      url,
      pid: child.pid ?? 0,
      program,
      synced,
      exited,
      stop: () => end("SIGTERM"),
      kill: () => end("SIGKILL"),
    };
  } catch (cause) {
    if (child.pid !== undefined) await end("SIGKILL");
    throw new Error(explain(options, program, log()), { cause });
  }
}

function mustFind(): NatsServerProgram {
  const found = findNatsServer();
  if (!found.ok) throw new Error(found.message);
  return found.value;
}

function configText(options: NatsServerOptions, runDir: string, synced: RunningNatsServer["synced"]): string {
  const { storeDir, port = 0, host = "127.0.0.1", maxPayload = 1_048_576, config = "" } = options;
  const quote = (text: string): string => JSON.stringify(text);
  const lines = [
    `host: ${quote(host)}`,
    `port: ${port === 0 ? -1 : port}`,
    `max_payload: ${maxPayload}`,
    `ports_file_dir: ${quote(runDir)}`,
    "jetstream {",
    `  store_dir: ${quote(storeDir)}`,
    // Before 2.10 the server knows no such key and refuses the whole file.
    ...(synced === "each write" ? ["  sync_interval: always"] : []),
    "}",
    config,
  ];
  return `${lines.join("\n")}\n`;
}

/** Keeps the last lines that the server logs, to explain why it ended. */
function keepTail(child: ChildProcess): () => string {
  let tail = "";
  child.stderr?.on("data", (chunk: Buffer) => (tail = (tail + chunk.toString()).slice(-4_000)));
  return () => tail;
}

type Wait = { child: ChildProcess; portsFile: string; deadline: number };

/** The server writes its ports file once it takes connections. */
async function ready({ child, portsFile, deadline }: Wait): Promise<string> {
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  failed.catch(() => {});
  const started = async (): Promise<string> => {
    while (child.exitCode === null && child.signalCode === null) {
      const url = readPorts(portsFile);
      if (url !== undefined) {
        rmSync(portsFile, { force: true });
        return url;
      }
      if (performance.now() > deadline) throw new Error("not ready in time");
      await pause(10);
    }
    throw new Error("it ended");
  };
  return Promise.race([started(), failed]);
}

/** undefined while the file is absent or half written. */
function readPorts(path: string): string | undefined {
  try {
    const ports: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof ports !== "object" || ports === null || !("nats" in ports) || !Array.isArray(ports.nats))
      return undefined;
    const [url]: unknown[] = ports.nats;
    return typeof url === "string" ? url : undefined;
  } catch {
    return undefined;
  }
}

function explain(
  { port = 0, host = "127.0.0.1", storeDir }: NatsServerOptions,
  program: NatsServerProgram,
  log: string,
): string {
  if (/address already in use/.test(log)) {
    return `port ${port} on ${host} is busy: another program listens there. Stop it, or configure another port (0 takes a free one)`;
  }
  const said = log.trim() === "" ? "It said nothing." : `It said:\n${log.trim().split("\n").slice(-6).join("\n")}`;
  return `nats-server ${program.version} (${program.path}) did not start with its state in ${storeDir}. ${said}`;
}
