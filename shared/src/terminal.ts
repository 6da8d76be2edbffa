import { stripVTControlCharacters } from "node:util";

/** What a piece of text means; how it looks is the terminal's matter. */
export type Tone = "plain" | "dim" | "strong" | "good" | "bad" | "warn" | "note";

const codes: Record<Tone, readonly [string, string]> = {
  plain: ["", ""],
  dim: ["\u001B[2m", "\u001B[22m"],
  strong: ["\u001B[1m", "\u001B[22m"],
  good: ["\u001B[32m", "\u001B[39m"],
  bad: ["\u001B[31m", "\u001B[39m"],
  warn: ["\u001B[33m", "\u001B[39m"],
  note: ["\u001B[36m", "\u001B[39m"],
};

/** Colours text, or leaves it alone. */
export type Paint = (tone: Tone, text: string) => string;

export const plainPaint: Paint = (_tone, text) => text;

export const colourPaint: Paint = (tone, text) => `${codes[tone][0]}${text}${codes[tone][1]}`;

/** Colour only on a terminal, never against NO_COLOR (https://no-color.org). */
export function paintFor(
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): Paint {
  const refused = (environment["NO_COLOR"] ?? "") !== "" || environment["TERM"] === "dumb";
  return stream.isTTY === true && !refused ? colourPaint : plainPaint;
}

/** Text off the bus may have been written by an attacker: one line, nothing that a terminal would obey, limited in length. */
export function printable(text: string, max = 400): string {
  const flat = stripVTControlCharacters(text)
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\p{Cc}\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/gu, "")
    .trim();
  return flat.length <= max ? flat : `${flat.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

/** Columns as wide as their widest cell; the last one runs free. Cells are plain text, painted after padding. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint,
  toneOf: (row: number, column: number) => Tone = () => "plain",
): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[], tone: (column: number) => Tone): string =>
    cells
      .map((cell, column) => paint(tone(column), column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [line(head, () => "dim"), ...rows.map((row, index) => line(row, (column) => toneOf(index, column)))];
}
