import { execFile } from "node:child_process";
import { readFile, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, sep } from "node:path";
import type { SourceLine, SourceReader } from "../ports.ts";

const fileBytesMax = 1024 * 1024;
const linesShown = 40;
const lineCharacters = 160;
const gitMs = 3_000;

/** Checkouts on this disk. Which file and line is asked for comes from telemetry, so nothing outside them is read, by links or dots. */
export class RepositorySource implements SourceReader {
  readonly #folders: readonly string[];

  constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  async read(file: string, line: number, signal: AbortSignal): Promise<SourceLine | undefined> {
    if (isAbsolute(file) || file.includes("\0") || file.startsWith("-")) return undefined;
    for (const folder of this.#folders) {
      const lines = await linesOf(folder, file);
      if (lines === undefined || line < 1 || line > lines.length) continue;
      const [first, last] = functionAround(lines, line - 1);
      const shown = lines.slice(first, last + 1).map((text, index) => {
        const number = first + index + 1;
        return `${number === line ? ">" : " "}${String(number).padStart(5)} ${text.slice(0, lineCharacters)}`;
      });
      return {
        ref: `source:${file}:${line}`.slice(0, 512),
        text: shown.join("\n"),
        ...(await lastChange(folder, file, line, signal)),
      };
    }
    return undefined;
  }
}

async function linesOf(folder: string, file: string): Promise<string[] | undefined> {
  try {
    const root = await realpath(folder);
    const path = await realpath(join(root, file));
    if (!path.startsWith(`${root}${sep}`) || path.startsWith(join(root, ".git", sep))) return undefined;
    const found = await stat(path);
    if (!found.isFile() || found.size > fileBytesMax) return undefined;
    return (await readFile(path, "utf8")).split("\n");
  } catch {
    return undefined;
  }
}

const opens =
  /\b(function|def|func|fn|sub|class)\b|=>\s*\{?\s*$|^\s*(?:[\w<>[\],.*&:]+\s+)*[\w$]+\s*\([^;]*\)[^;]*\{\s*$/;
const branches = /^\s*(if|for|while|switch|else|catch|try|do|return|with|elif|except|}\s*else)\b/;

/** By indentation, which every language here has: the nearest line above that is less indented and begins a function, down to its end. */
function functionAround(lines: readonly string[], at: number): [number, number] {
  const indent = (text: string): number => /^\s*/.exec(text)?.[0].length ?? 0;
  let depth = indent(lines[at] ?? "");
  let first = at;
  for (let above = at; above >= 0 && at - above < linesShown; above -= 1) {
    const text = lines[above] ?? "";
    if (text.trim() === "" || (above !== at && indent(text) >= depth)) continue;
    depth = Math.min(depth, indent(text));
    if (!opens.test(text) || branches.test(text)) continue;
    first = above;
    break;
  }
  let last = at;
  for (let below = at + 1; below < lines.length && below - first < linesShown; below += 1) {
    const text = lines[below] ?? "";
    if (text.trim() !== "" && indent(text) <= indent(lines[first] ?? "")) {
      if (/^\s*[}\])]/.test(text)) last = below;
      break;
    }
    if (text.trim() !== "") last = below;
  }
  // Without a function that is recognised, a few lines around.
  return first === at ? [Math.max(0, at - 5), Math.min(lines.length - 1, Math.max(last, at + 5))] : [first, last];
}

/** By `git blame`; empty where the folder is no repository, the line is not committed, or git is not there. */
async function lastChange(
  folder: string,
  file: string,
  line: number,
  signal: AbortSignal,
): Promise<Pick<SourceLine, "changedBy" | "changedAt" | "summary">> {
  const args = ["-C", folder, "blame", "--porcelain", "-L", `${line},${line}`, "--", file];
  const told = await new Promise<string>((resolve) => {
    execFile("git", args, { timeout: gitMs, signal, maxBuffer: 65_536 }, (error, stdout) =>
      resolve(error === null ? stdout : ""),
    );
  });
  const commit = /^([0-9a-f]{40}) /.exec(told)?.[1];
  const time = /^author-time (\d+)$/m.exec(told)?.[1];
  if (commit === undefined || time === undefined || /^0+$/.test(commit)) return {};
  const summary = /^summary (.*)$/m.exec(told)?.[1]?.slice(0, 200);
  return {
    changedBy: commit,
    changedAt: new Date(Number(time) * 1000).toISOString(),
    ...(summary === undefined ? {} : { summary }),
  };
}
