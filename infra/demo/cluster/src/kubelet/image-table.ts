import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Log } from "./log.ts";

/** What stands for a container image here: the command that its entrypoint would be, and its working directory. */
export interface Image {
  command: string[];
  /** Relative to the table's file. Default: the table's folder. */
  cwd?: string;
  env?: Record<string, string>;
}

const pollMs = 1000;

/**
 * The image table: a JSON file `{ "shop/payments:1.4.0": { "command": ["node", "main.ts"], "cwd": "payments", "env": {}
 * } }`. It stands for the registry: an image that is not in it cannot be pulled. A file that turns bad keeps the last
 * good table and is logged.
 */
export class ImageTable {
  readonly #file: string;
  readonly #log: Log;
  #images: Map<string, Image>;

  constructor(file: string, log: Log) {
    this.#file = resolve(file);
    this.#log = log;
    this.#images = readImages(this.#file);
  }

  find(image: string): Image | undefined {
    // As the real one: a name without tag means :latest.
    return this.#images.get(image) ?? this.#images.get(`${image}:latest`);
  }

  names(): string[] {
    return [...this.#images.keys()];
  }

  /** Calls back after each change of the file that left a good table. */
  watch(onChange: () => void): void {
    watchFile(this.#file, { interval: pollMs, persistent: false }, () => {
      try {
        this.#images = readImages(this.#file);
      } catch (error) {
        this.#log("image table kept as it was", { error: error instanceof Error ? error.message : String(error) });
        return;
      }
      onChange();
    });
  }

  close(): void {
    unwatchFile(this.#file);
  }
}

/** Throws naming the file, the image and the field that is wrong. */
export function readImages(file: string): Map<string, Image> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`image table ${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (!isRecord(parsed)) throw new Error(`image table ${file}: expected an object from image name to { command }`);
  const images = new Map<string, Image>();
  for (const [name, value] of Object.entries(parsed)) {
    const place = `image table ${file}: ${JSON.stringify(name)}`;
    if (!isRecord(value)) throw new Error(`${place}: expected an object`);
    const { command, cwd, env, ...unknown } = value;
    const [stray] = Object.keys(unknown);
    if (stray !== undefined) throw new Error(`${place}: unknown field ${JSON.stringify(stray)}`);
    if (!isStrings(command) || command.length === 0)
      throw new Error(`${place}: command must be a non-empty list of strings`);
    if (cwd !== undefined && typeof cwd !== "string") throw new Error(`${place}: cwd must be a string`);
    if (env !== undefined && !(isRecord(env) && isStrings(Object.values(env)))) {
      throw new Error(`${place}: env must be an object of strings`);
    }
    images.set(name, {
      command,
      cwd: resolve(dirname(file), cwd ?? "."),
      env: Object.fromEntries(Object.entries(env ?? {}).map(([key, text]) => [key, String(text)])),
    });
  }
  return images;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
