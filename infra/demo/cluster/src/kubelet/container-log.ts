import { appendFileSync, copyFileSync, readFileSync, renameSync, statSync, truncateSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/** A log and its one rotated predecessor take at most twice this, plus what is written between two looks. */
const logBytesMax = 4 * 1024 * 1024;
const followPollMs = 100;
const blockBytes = 64 * 1024;

/**
 * Keeps one container's log file: the container writes to it directly (so the log survives the kubelet), and this notes
 * when it grew, to give lines their times, and rotates it. Times are therefore those of the look that found the line,
 * not of the write.
 */
export class LogKeeper {
  readonly #file: string;
  #size: number;

  constructor(file: string) {
    this.#file = file;
    this.#size = sizeOf(file);
  }

  /** Called a few times a second. */
  look(now: number): void {
    const size = sizeOf(this.#file);
    if (size === this.#size) return;
    // Smaller means that somebody truncated it; what is there now is new.
    appendFileSync(`${this.#file}.times`, `${size < this.#size ? 0 : this.#size} ${now}\n`);
    this.#size = size;
    if (size > logBytesMax) this.#rotate();
  }

  #rotate(): void {
    // The container holds the file open for appending, so it is copied and emptied in place. Lines written between the
    // two calls are lost, and a crash between them leaves the same lines twice.
    copyFileSync(this.#file, `${this.#file}.1`);
    truncateSync(this.#file);
    renameSync(`${this.#file}.times`, `${this.#file}.1.times`);
    this.#size = 0;
  }
}

export interface LogQuery {
  follow: boolean;
  tailLines?: number;
  sinceMs?: number;
  timestamps: boolean;
}

/**
 * The log as `kubectl logs` asks for it, in pieces. With follow it goes on until `ended()` says that the container has
 * ended and all was given, or the signal aborts. The file is held open, so that the last lines are there even if the
 * pod's folder goes first.
 */
export async function* readLog(
  file: string,
  query: LogQuery,
  ended: () => boolean,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const log = await open(file, "r");
  try {
    const starts = await startOffsets(file, query);
    if (starts.rotated !== undefined) yield* readRotated(`${file}.1`, starts.rotated, query.timestamps);
    let offset = starts.current;
    while (!signal.aborted) {
      // Asked before reading: what is written until the end is seen is read after it.
      const last = !query.follow || ended();
      const { size } = await log.stat();
      if (size < offset) offset = 0;
      yield* pieces(log, file, offset, size, query.timestamps);
      offset = size;
      if (last) return;
      await delay(followPollMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    await log.close();
  }
}

async function* readRotated(file: string, offset: number, timestamps: boolean): AsyncGenerator<Buffer> {
  const size = sizeOf(file);
  if (size <= offset) return;
  const log = await open(file, "r");
  try {
    yield* pieces(log, file, offset, size, timestamps);
  } finally {
    await log.close();
  }
}

async function startOffsets(
  file: string,
  { tailLines, sinceMs }: LogQuery,
): Promise<{ rotated?: number; current: number }> {
  const since = sinceMs === undefined ? 0 : offsetSince(file, sinceMs);
  const sinceRotated = sinceMs === undefined ? 0 : offsetSince(`${file}.1`, sinceMs);
  if (tailLines === undefined) return since > 0 ? { current: since } : { rotated: sinceRotated, current: 0 };
  const current = await tailOffset(file, tailLines);
  if (current.lines >= tailLines || since > 0) return { current: Math.max(since, current.offset) };
  const rotated = await tailOffset(`${file}.1`, tailLines - current.lines);
  return { rotated: Math.max(sinceRotated, rotated.offset), current: 0 };
}

/** Where the last `lines` lines begin, and how many of them there are. */
async function tailOffset(file: string, lines: number): Promise<{ offset: number; lines: number }> {
  const size = sizeOf(file);
  if (lines <= 0 || size === 0) return { offset: size, lines: 0 };
  const handle = await open(file, "r");
  try {
    const block = Buffer.alloc(blockBytes);
    let seen = 0;
    // The newline that ends the last line starts none.
    let end = size - 1;
    while (end > 0) {
      const start = Math.max(0, end - block.length);
      await handle.read(block, 0, end - start, start);
      for (let index = end - start - 1; index >= 0; index -= 1) {
        if (block[index] !== 10) continue;
        seen += 1;
        if (seen === lines) return { offset: start + index + 1, lines };
      }
      end = start;
    }
    return { offset: 0, lines: seen + 1 };
  } finally {
    await handle.close();
  }
}

async function* pieces(
  log: FileHandle,
  file: string,
  from: number,
  to: number,
  timestamps: boolean,
): AsyncGenerator<Buffer> {
  const marks = timestamps ? readMarks(file) : [];
  let position = from;
  let rest = Buffer.alloc(0);
  for (let offset = from; offset < to;) {
    const block = Buffer.alloc(Math.min(blockBytes, to - offset));
    const { bytesRead } = await log.read(block, 0, block.length, offset);
    if (bytesRead === 0) break; // Emptied by a rotation meanwhile.
    offset += bytesRead;
    if (!timestamps) {
      yield block.subarray(0, bytesRead);
      continue;
    }
    rest = Buffer.concat([rest, block.subarray(0, bytesRead)]);
    for (let newline = rest.indexOf(10); newline >= 0; newline = rest.indexOf(10)) {
      yield stamped(marks, position, rest.subarray(0, newline + 1));
      position += newline + 1;
      rest = rest.subarray(newline + 1);
    }
  }
  if (rest.length > 0) yield stamped(marks, position, rest);
}

interface Mark {
  offset: number;
  timeMs: number;
}

function stamped(marks: Mark[], position: number, line: Buffer): Buffer {
  const mark = marks.findLast(({ offset }) => offset <= position);
  return Buffer.concat([Buffer.from(`${new Date(mark?.timeMs ?? Date.now()).toISOString()} `), line]);
}

/** Where the lines written at or after a moment begin; the file's end if there are none. */
function offsetSince(file: string, sinceMs: number): number {
  const marks = readMarks(file);
  const last = marks.at(-1);
  if (last !== undefined && last.timeMs < sinceMs) return sizeOf(file);
  return marks.find(({ timeMs }) => timeMs >= sinceMs)?.offset ?? 0;
}

function readMarks(file: string): Mark[] {
  let text = "";
  try {
    text = readFileSync(`${file}.times`, "utf8");
  } catch {
    return []; // Nothing was logged yet.
  }
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [offset, timeMs] = line.split(" ").map(Number);
      return { offset: offset ?? 0, timeMs: timeMs ?? 0 };
    });
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
