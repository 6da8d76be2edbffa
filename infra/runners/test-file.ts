// Runs one test file as a process of its own, in a process group of its own, so that nothing it started outlives it unnoticed.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Finished } from "./event-lines.ts";

export type FileOptions = {
  root: string;
  /** The whole file is killed after this long and counts as failed. */
  deadlineMs: number;
  /** Only tests whose name holds one of these run. */
  names?: readonly string[];
};

/** `problem` is what went wrong with the file itself, beside its failed tests. */
export type FileResult = { file: string; tests: Finished[]; output: string; durationMs: number; problem?: string };

const REPORTER = fileURLToPath(new URL("event-lines.ts", import.meta.url));
// The spec reporter's own sums; ours come at the end, over all files.
const SUMS = /^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+\n/gm;

/** Never rejects for what the file does; only for a machine that can't start a process. */
export async function runTestFile(file: string, options: FileOptions): Promise<FileResult> {
  const folder = mkdtempSync(join(tmpdir(), "omega-test-"));
  const lines = join(folder, "tests");
  const started = performance.now();
  try {
    const { code, output, late, leaked } = await inOwnGroup([...flags(lines, options.names), file], options);
    const tests = readLines(lines);
    const problem = problemOf({ code, late, leaked, tests, options });
    const durationMs = performance.now() - started;
    return {
      file,
      tests,
      output: output.replace(SUMS, "").trimEnd(),
      durationMs,
      ...(problem === undefined ? {} : { problem }),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function flags(lines: string, names: readonly string[] = []): string[] {
  return [
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    `--test-reporter=${REPORTER}`,
    `--test-reporter-destination=${lines}`,
    ...names.map((name) => `--test-name-pattern=${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`),
  ];
}

type Ended = { code: number | null; output: string; late: boolean; leaked: boolean };

function inOwnGroup(args: string[], { root, deadlineMs }: FileOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: environment(),
    });
    const { pid } = child;
    let output = "";
    let late = false;
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const kill = (): void => endGroup(pid);
    const timer = setTimeout(() => {
      late = true;
      kill();
    }, deadlineMs);
    process.once("exit", kill);
    child.on("error", reject);
    // "exit", not "close": a leaked process that holds the pipe open must not keep us here.
    child.on("exit", (code) => {
      clearTimeout(timer);
      void hasLeft(pid).then((left) => {
        kill();
        process.off("exit", kill);
        resolve({ code, output, late, leaked: !left && !late });
      });
    });
  });
}

/** The test's own environment. A runner inside a runner (its own tests) must not look like a child of node's test runner. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _context, ...rest } = process.env;
  return { ...rest, FORCE_COLOR: process.stdout.isTTY && !process.env["NO_COLOR"] ? "1" : "0" };
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Already gone, which is what we want.
  }
}

/** Whether the process group is empty. Children that are just ending get a moment. */
async function hasLeft(pid: number | undefined): Promise<boolean> {
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      process.kill(-(pid ?? 0), 0);
    } catch {
      return true;
    }
    await pause(100);
  }
  return false;
}

function readLines(path: string): Finished[] {
  const text = readFileSync(path, { encoding: "utf8", flag: "a+" });
  const whole = text.split("\n").slice(0, -1);
  return whole.map((line): Finished => JSON.parse(line));
}

type Facts = { code: number | null; late: boolean; leaked: boolean; tests: readonly Finished[]; options: FileOptions };

function problemOf({ code, late, leaked, tests, options }: Facts): string | undefined {
  if (late) return `took longer than ${options.deadlineMs / 1000} s and was killed`;
  if (leaked) return "left processes running; a test ends what it starts";
  const failed = tests.some((test) => test.outcome === "failed");
  if (code !== 0 && !failed) return `ended with exit code ${code ?? "none"} outside its tests`;
  if (tests.length === 0 && options.names === undefined) return "holds no test";
  return undefined;
}
