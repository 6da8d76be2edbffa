// The state directory: one file, state-<n>.jsonl, that starts with every object and goes on with every change. When the changes outweigh the
// objects, state-<n+1> is written, synced and renamed into place before state-<n> goes. A crash loses at most the last few milliseconds of
// changes; a torn last line is what such a crash leaves and is dropped at load.
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { isJson, type KubeObject } from "../objects.ts";

interface Put {
  rv: number;
  put: string;
  object: KubeObject;
}
interface Remove {
  rv: number;
  remove: string;
  namespace: string;
  name: string;
}
export type Entry = Put | Remove;

const flushMs = 20;
/** Changes are folded away once they weigh this much and more than four times the objects. */
const bloatBytes = 2 * 1024 * 1024;

export class Journal {
  readonly #dir: string;
  #generation = 0;
  #fd: number | undefined;
  #pending: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #baseBytes = 0;
  #changeBytes = 0;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  #path(generation: number): string {
    return join(this.#dir, `state-${generation}.jsonl`);
  }

  load(): { revision: number; objects: Iterable<[string, KubeObject]> } {
    const generations = readdirSync(this.#dir).flatMap((name) => {
      const found = /^state-(\d+)\.jsonl$/.exec(name)?.[1];
      return found === undefined ? [] : [Number(found)];
    });
    this.#generation = Math.max(0, ...generations);
    const objects = new Map<string, [string, KubeObject]>();
    let revision = 0;
    if (this.#generation > 0) {
      const lines = readFileSync(this.#path(this.#generation), "utf8").split("\n");
      // What follows the last newline was not written whole.
      lines.pop();
      for (const [index, line] of lines.entries()) {
        const entry = parseEntry(line, `${this.#path(this.#generation)}:${index + 1}`);
        revision = Math.max(revision, entry.rv);
        if ("put" in entry) {
          const { namespace, name } = entry.object.metadata;
          objects.set(`${entry.put} ${namespace ?? ""}/${name}`, [entry.put, entry.object]);
        } else objects.delete(`${entry.remove} ${entry.namespace}/${entry.name}`);
      }
    }
    this.rewrite(revision, objects.values());
    return { revision, objects: objects.values() };
  }

  append(entry: Entry): void {
    const line = JSON.stringify(entry) + "\n";
    this.#changeBytes += line.length;
    this.#pending.push(line);
    this.#timer ??= setTimeout(() => this.#flush(), flushMs);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#pending.join("");
    this.#pending = [];
    if (this.#fd !== undefined && text !== "") writeSync(this.#fd, text);
  }

  isBloated(): boolean {
    return this.#changeBytes > bloatBytes && this.#changeBytes > 4 * this.#baseBytes;
  }

  rewrite(revision: number, objects: Iterable<[string, KubeObject]>): void {
    const next = this.#path(this.#generation + 1);
    const fd = openSync(`${next}.new`, "w", 0o600);
    this.#baseBytes = 0;
    const write = (entry: Entry): void => {
      this.#baseBytes += writeSync(fd, JSON.stringify(entry) + "\n");
    };
    // The counter outlives the object that last raised it.
    write({ rv: revision, remove: "", namespace: "", name: "" });
    for (const [storedAs, object] of objects)
      write({ rv: Number(object.metadata.resourceVersion), put: storedAs, object });
    fsyncSync(fd);
    renameSync(`${next}.new`, next);
    if (this.#fd !== undefined) closeSync(this.#fd);
    rmSync(this.#path(this.#generation), { force: true });
    this.#fd = fd;
    this.#generation += 1;
    this.#pending = [];
    this.#changeBytes = 0;
  }

  close(): void {
    this.#flush();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function parseEntry(line: string, place: string): Entry {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Error(`${place}: not a line of JSON; the state directory is damaged. Remove it to start empty.`);
  }
  if (!isJson(value) || typeof value["rv"] !== "number" || !("put" in value || "remove" in value)) {
    throw new Error(`${place}: not a journal entry; the state directory is damaged or not one of ours.`);
  }
  return value as unknown as Entry;
}
