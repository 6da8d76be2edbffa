import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Clock } from "@omega/shared/clock.ts";
import type { ProcessRow } from "../machine.ts";
import type { ProcessSummary } from "./summary.ts";

const run = promisify(execFile);
const sampleMs = 2000;

/** Watches how much memory processes hold resident, and keeps the most that was seen of each. */
export class ResidentMemory {
  readonly #peaks = new Map<number, ProcessSummary>();
  readonly #stopping = new AbortController();
  #sampling: Promise<void> = Promise.resolve();

  start(rows: () => readonly ProcessRow[], clock: Clock): void {
    this.#sampling = (async () => {
      while (!this.#stopping.signal.aborted) {
        await this.#sample(rows());
        await clock.sleep(sampleMs, this.#stopping.signal);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#sampling;
  }

  peaks(): ProcessSummary[] {
    return [...this.#peaks.values()];
  }

  async #sample(rows: readonly ProcessRow[]): Promise<void> {
    const names = new Map(rows.flatMap(({ name, pid }) => (pid === undefined ? [] : [[pid, name] as const])));
    if (names.size === 0) return;
    // ps fails when none of the processes is there any more: nothing to note then.
    const { stdout } = await run("ps", ["-o", "pid=,rss=", "-p", [...names.keys()].join(",")]).catch(() => ({
      stdout: "",
    }));
    for (const line of stdout.trim().split("\n")) {
      const [pid = 0, kibibytes = 0] = line.trim().split(/\s+/).map(Number);
      const name = names.get(pid);
      if (name === undefined) continue;
      const rssMb = Math.round(kibibytes / 102.4) / 10;
      const before = this.#peaks.get(pid);
      if (before === undefined || before.rssMb < rssMb) this.#peaks.set(pid, { name, pid, rssMb });
    }
  }
}
