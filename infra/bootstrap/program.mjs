// Runs other programs, and finds them. No shell is ever involved.

import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

// Where servers are installed that an ordinary user's PATH often leaves out.
const BESIDE_PATH = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The full path of a program on PATH or in the usual folders of servers, or undefined. */
export function findProgram(name) {
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), ...BESIDE_PATH]) {
    if (folder !== "" && isExecutable(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

/** Runs to the end and keeps what it said. Returns `{ok, output}`; `output` holds both streams, in order. */
export function run(program, args, { cwd, env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env: env ?? process.env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ ok: false, output: error.message }));
    child.on("close", (code) => resolve({ ok: code === 0, output }));
  });
}

/** What a program prints for `args`, trimmed, or undefined when it doesn't run. For quick questions such as `--version`. */
export function ask(program, args) {
  const answer = spawnSync(program, args, { encoding: "utf8", timeout: 20_000 });
  return answer.status === 0 ? `${answer.stdout}${answer.stderr}`.trim() : undefined;
}

/** The last lines of a program's output: enough to see what went wrong, without the pages before it. */
export function lastLines(output, count = 12) {
  return output.trimEnd().split("\n").slice(-count).join("\n");
}

/** Hands the terminal to a program: its streams are ours, signals reach it, and its exit code is returned. */
export function handOver(program, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: "inherit" });
    // Ctrl-C reaches the child too, which then cleans up; we only wait for it. A supervisor's SIGTERM is passed on.
    const wait = () => {};
    const pass = (signal) => child.kill(signal);
    process.on("SIGINT", wait);
    process.on("SIGTERM", pass);
    process.on("SIGHUP", pass);
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? 128 + (SIGNAL_NUMBERS[signal] ?? 0)));
  });
}

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15, SIGABRT: 6 };
