import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestContext } from "node:test";

const entry = fileURLToPath(new URL("../../cli/src/main.ts", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder for one Omega, and the `omega` command in it. Whatever is still running at the end of the test is stopped. */
export class OmegaUnderTest {
  readonly home: string;
  readonly #running = new Set<ChildProcess>();

  constructor(t: TestContext) {
    this.home = mkdtempSync(join(tmpdir(), "omega-e2e-"));
    t.after(async () => {
      for (const child of this.#running) child.kill("SIGTERM");
      await Promise.all([...this.#running].map((child) => new Promise((resolve) => child.once("close", resolve))));
      rmSync(this.home, { recursive: true, force: true });
    });
  }

  start(args: readonly string[], environment: NodeJS.ProcessEnv = {}): { child: ChildProcess; ended: Promise<Ended> } {
    const { OMEGA_NATS_URL: _elsewhere, ...inherited } = process.env;
    const child = spawn(process.execPath, [entry, ...args], {
      env: { ...inherited, ...environment, OMEGA_HOME: this.home },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#running.add(child);
    const out: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        this.#running.delete(child);
        resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(errors).toString() });
      });
    });
    return { child, ended };
  }

  run(...args: string[]): Promise<Ended> {
    return this.start(args).ended;
  }

  /** The end of each log, for a failure's message. */
  logs(folder: string): string {
    return readdirSync(folder)
      .map((name) => `== ${name}\n${readFileSync(join(folder, name), "utf8").split("\n").slice(-15).join("\n")}`)
      .join("\n");
  }
}

/** Command lines of all processes that mention a text, such as a folder of this test's own. */
export function processesNaming(text: string): string[] {
  const { stdout } = spawnSync("ps", ["-eo", "pid=,command="], { encoding: "utf8", maxBuffer: 16 * 1024 * 1024 });
  return stdout.split("\n").filter((line) => line.includes(text));
}
