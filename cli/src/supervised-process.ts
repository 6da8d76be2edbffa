import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, existsSync, renameSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Clock } from "@omega/shared/clock.ts";
import { readableLine } from "./log-line.ts";

export interface ProcessSpec {
  readonly name: string;
  /** Arguments of the Node that runs us. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** How long it may take to end after SIGTERM, before SIGKILL. */
  readonly drainMs: number;
  /** False: its end is final, it is not started again. */
  readonly restart: boolean;
}

export type ProcessState = "starting" | "running" | "waiting to restart" | "stopped" | "failed";

const backoffFirstMs = 250;
const backoffMaxMs = 10_000;
/** A process that ran so long has recovered; its next failure waits the shortest time again. */
const steadyMs = 30_000;
/** EX_USAGE and EX_CONFIG: starting again won't mend a bad command line or config file. */
const hopelessCodes = new Set([64, 78]);
const tailLines = 12;

/**
 * One child process that is started again, with growing pauses, for as long as it is wanted. Its output goes to `<logs>/<name>.log`, the
 * JSON lines of our own processes made readable. It has its own process group, so Ctrl-C at the terminal reaches only its owner, who
 * stops things in order.
 */
export class SupervisedProcess {
  readonly spec: ProcessSpec;
  readonly logFile: string;
  readonly #clock: Clock;
  readonly #onChange: (process: SupervisedProcess, what: string) => void;
  readonly #onLine: (line: string) => void;
  readonly #log: WriteStream;
  readonly #stopping = new AbortController();
  readonly #tail: string[] = [];
  #child: ChildProcess | undefined;
  #done: Promise<void> = Promise.resolve();
  #firstLine = Promise.withResolvers<string>();
  state: ProcessState = "starting";
  restarts = 0;

  constructor(
    spec: ProcessSpec,
    around: {
      logs: string;
      clock: Clock;
      onChange: (process: SupervisedProcess, what: string) => void;
      /** Each line that it writes to standard output. */
      onLine: (line: string) => void;
    },
  ) {
    this.spec = spec;
    this.#clock = around.clock;
    this.#onChange = around.onChange;
    this.#onLine = around.onLine;
    this.logFile = join(around.logs, `${spec.name}.log`);
    if (existsSync(this.logFile)) renameSync(this.logFile, `${this.logFile}.1`);
    this.#log = createWriteStream(this.logFile);
    this.#firstLine.promise.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The last lines that it wrote, for an error message. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  /** The first line on its standard output, by which some processes say that they are ready. Rejects when it ends without one. */
  get firstLine(): Promise<string> {
    return this.#firstLine.promise;
  }

  start(): void {
    this.#done = this.#keepRunning();
  }

  /** SIGTERM, then SIGKILL when it takes longer than it may; resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#child?.kill("SIGTERM");
    const patience = new AbortController();
    const killed = this.#clock.sleep(this.spec.drainMs, patience.signal).then(() => {
      if (!patience.signal.aborted) this.#child?.kill("SIGKILL");
    });
    await this.#done;
    patience.abort();
    await killed;
    this.state = this.state === "failed" ? "failed" : "stopped";
    await new Promise<void>((resolve) => this.#log.end(resolve));
  }

  /** kill -9 at once, for a process of ours that is about to end itself. */
  kill(): void {
    this.#stopping.abort();
    this.#child?.kill("SIGKILL");
  }

  async #keepRunning(): Promise<void> {
    let pauseMs = backoffFirstMs;
    while (!this.#stopping.signal.aborted) {
      const startedAt = this.#clock.now();
      const ending = await this.#runOnce();
      // Whoever waits for it to be ready hears so, also when it was told to stop before.
      this.#firstLine.reject(new Error(`${this.spec.name} ended (${ending.text})`));
      if (this.#stopping.signal.aborted) return;
      if (!this.spec.restart || hopelessCodes.has(ending.code ?? -1)) {
        this.#change("failed", `ended (${ending.text}) and is not started again`);
        return;
      }
      if (this.#clock.now() - startedAt > steadyMs) pauseMs = backoffFirstMs;
      this.#change("waiting to restart", `ended (${ending.text}); starting again in ${pauseMs} ms`);
      await this.#clock.sleep(pauseMs, this.#stopping.signal);
      pauseMs = Math.min(backoffMaxMs, pauseMs * 2);
      this.restarts += 1;
    }
  }

  async #runOnce(): Promise<{ code: number | null; text: string }> {
    const { args, env, cwd } = this.spec;
    const child = spawn(process.execPath, [...args], { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    const ended = new Promise<{ code: number | null; text: string }>((resolve) => {
      child.once("error", (error) => resolve({ code: null, text: error.message }));
      child.once("close", (code, signal) => resolve({ code, text: signal ?? `exit code ${code ?? "unknown"}` }));
    });
    if (child.pid !== undefined) this.#change("running", `runs as process ${child.pid}`);
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.#firstLine.resolve(line);
      this.#onLine(line);
      this.#write(line);
    });
    createInterface({ input: child.stderr }).on("line", (line) => this.#write(line));
    const ending = await ended;
    this.#child = undefined;
    return ending;
  }

  #write(line: string): void {
    const readable = readableLine(line);
    this.#tail.push(readable);
    if (this.#tail.length > tailLines) this.#tail.shift();
    this.#log.write(`${readable}\n`);
  }

  #change(state: ProcessState, what: string): void {
    this.state = state;
    this.#onChange(this, what);
  }
}
