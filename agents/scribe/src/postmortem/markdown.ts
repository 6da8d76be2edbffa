/**
 * Markdown from text that an attacker may have written (error messages, paths, service names). Whatever goes through here comes out as
 * the same characters on the page: no heading, link, image, table cell, HTML or second line can be made from inside it.
 */

const inlineMax = 600;

/** Text within a sentence, a list item or a table cell. */
export function inline(text: string, max = inlineMax): string {
  return clipped(oneLine(text), max)
    .replaceAll(/[\\`*_[\]<>|~&$]/g, "\\$&")
    .replace(/^([#+=:-])/, "\\$1")
    .replace(/^(\d+)([.)])(?=\s|$)/, "$1\\$2")
    .replaceAll(/(https?|ftp|mailto)(:)/gi, "$1\\$2")
    .replaceAll(/\bwww\./gi, "www\\.")
    .replaceAll("@", "\\@");
}

/** An identifier as a code span. The fence is longer than any run of backticks inside; pipes are escaped for table cells. */
export function code(text: string, max = inlineMax): string {
  const body = clipped(oneLine(text), max).replaceAll("|", "\\|");
  if (body === "") return "(empty)";
  const longest = Math.max(0, ...[...body.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const pad = longest > 0 || body.startsWith(" ") || body.endsWith(" ") ? " " : "";
  return `${fence}${pad}${body}${pad}${fence}`;
}

/** A fenced block; the fence is longer than any run of backticks inside. */
export function block(language: string, lines: readonly string[]): string {
  const body = lines.map((line) => clipped(flat(line), inlineMax));
  const longest = Math.max(2, ...body.flatMap((line) => [...line.matchAll(/`+/g)].map(([run]) => run.length)));
  const fence = "`".repeat(longest + 1);
  return [`${fence}${language}`, ...body, fence].join("\n");
}

/** A table; the cells are Markdown already. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");
}

export function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join("\n");
}

/** Control characters (and what turns text around) would let a value draw outside its place; newlines would end the block. */
function flat(text: string): string {
  return text
    .replaceAll(/[\r\n\t\v\f\u0085\u2028\u2029]+/g, " ")
    .replaceAll(/[\p{Cc}\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/gu, "");
}

function oneLine(text: string): string {
  return flat(text).replaceAll(/\s+/g, " ").trim();
}

/** Cuts between characters, never within a surrogate pair. */
function clipped(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
