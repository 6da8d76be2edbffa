import { readFileSync } from "node:fs";
import { LineCounter, isMap, isNode, isScalar, isSeq, parseDocument, visit, type Document } from "yaml";
import type { z } from "zod";
import { fail, ok, reasonOf, type Outcome } from "./outcome.ts";

/**
 * Reads a YAML config file against a schema. `${NAME}` and `${NAME:-default}` in a value take the environment's value, which is read
 * as a number or a truth value where the schema wants one. Failure `terminal/bad_config` names file, line and column of every mistake; `terminal/config_missing` the file.
 */
export function readConfig<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  environment: Readonly<Record<string, string | undefined>>,
): Outcome<z.output<Schema>> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return fail("terminal", "config_missing", `${path}: ${reasonOf(error)}`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const mistakes = document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`);
  const fromEnvironment = new Set<unknown>();
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value !== "string") return;
      const written = node.value;
      node.value = node.value.replace(
        /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
        (_whole, name: string, otherwise?: string) => {
          const value = environment[name] ?? otherwise;
          if (value === undefined)
            mistakes.push(`${at(node.range?.[0] ?? 0)}: the environment variable ${name} is not set`);
          return value ?? "";
        },
      );
      if (node.value !== written) fromEnvironment.add(node);
    },
  });
  if (mistakes.length > 0) return fail("terminal", "bad_config", mistakes.join("\n"));
  let checked = schema.safeParse(document.toJS() ?? {});
  if (!checked.success && readAsWanted(document, checked.error.issues, fromEnvironment))
    checked = schema.safeParse(document.toJS() ?? {});
  if (checked.success) return ok(checked.data);
  const places = checked.error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map(
        (key) => `${at(offsetOf(document, [...issue.path, key]))}: unknown key '${[...issue.path, key].join(".")}'`,
      );
    }
    return [`${at(offsetOf(document, issue.path))}: ${issue.path.join(".") || "file"}: ${issue.message}`];
  });
  return fail("terminal", "bad_config", places.join("\n"));
}

/** The environment holds texts only: those that stand where a number or a truth value is wanted become one. Whether any did. */
function readAsWanted(
  document: Document,
  issues: readonly z.core.$ZodIssue[],
  fromEnvironment: ReadonlySet<unknown>,
): boolean {
  let changed = false;
  for (const issue of issues) {
    if (issue.code !== "invalid_type") continue;
    const node = document.getIn(issue.path, true);
    if (!isScalar(node) || !fromEnvironment.has(node)) continue;
    const text = String(node.value);
    if (issue.expected === "boolean" && (text === "true" || text === "false")) node.value = text === "true";
    else if (issue.expected === "number" && text.trim() !== "" && Number.isFinite(Number(text)))
      node.value = Number(text);
    else continue;
    changed = true;
  }
  return changed;
}

/** Where the deepest part of the path that exists begins; for a key, the key itself rather than its value. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isNode(item.key) && String(item.key) === String(step));
      if (pair === undefined) return offset;
      if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}
