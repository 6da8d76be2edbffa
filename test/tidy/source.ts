// What the tidy rules look at: the files of a workspace, and a TypeScript file's syntax.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  parseSync,
  Visitor,
  type Comment,
  type CallExpression,
  type Expression,
  type NewExpression,
  type PrivateIdentifier,
  type Program,
  type Super,
} from "oxc-parser";

/** `path` is relative to the workspace, with forward slashes. */
export type SourceFile = { path: string; text: string };

const TEXT = /\.(tsx?|mjs|json|md|ya?ml|sh|cedar|html|css)$|(^|\/)(Dockerfile|\.ci\/run)$/;
const WRITTEN_BY_TOOLS = /(^|\/)(pnpm-lock\.yaml|package-lock\.json)$/;

/** Every text file that git tracks or would track below `root`, but for lockfiles. */
export function readWorkspace(root: string): SourceFile[] {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  const paths = [...new Set(listed.split("\0"))].filter((path) => TEXT.test(path) && !WRITTEN_BY_TOOLS.test(path));
  const present = paths.filter((path) => existsSync(join(root, path)) && statSync(join(root, path)).isFile());
  return present.map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

export type Literal = { value: string; start: number; isKey: boolean };
export type Call = { callee: string; start: number; argumentCount: number; options: ReadonlyMap<string, unknown> };

/** The parts of a TypeScript or JavaScript file that the rules ask about. `start` counts from the file's beginning. */
export type Syntax = {
  comments: readonly Comment[];
  typeNames: readonly { name: string; start: number }[];
  literals: readonly Literal[];
  imports: readonly { from: string; start: number }[];
  calls: readonly Call[];
  /** `new Name(…)` */
  constructions: readonly Call[];
};

const parsed = new WeakMap<SourceFile, Syntax>();

export const isCode = ({ path }: SourceFile): boolean => /\.(tsx?|mjs)$/.test(path);
export const isTest = ({ path }: SourceFile): boolean =>
  path.endsWith(".test.ts") || path.startsWith("test/") || path.startsWith("bench/");

/** Parses once per file. Throws on a syntax error, which the type check would report better. */
export function syntaxOf(file: SourceFile): Syntax {
  const known = parsed.get(file);
  if (known) return known;
  const { program, comments, errors } = parseSync(file.path, file.text);
  if (errors[0]) throw new SyntaxError(`${file.path}: ${errors[0].message}`);
  const syntax = { comments, ...collect(program) };
  parsed.set(file, syntax);
  return syntax;
}

function collect(program: Program): Omit<Syntax, "comments"> {
  const found = { typeNames: [], literals: [], imports: [], calls: [], constructions: [] } as {
    -readonly [Part in keyof Omit<Syntax, "comments">]: Syntax[Part][number][];
  };
  const keys = new Set<number>();
  const named = (id: { name: string; start: number } | null): void => {
    if (id) found.typeNames.push({ name: id.name, start: id.start });
  };
  const imported = (source: { value: string; start: number } | null): void => {
    if (source) found.imports.push({ from: source.value, start: source.start });
  };
  new Visitor({
    TSInterfaceDeclaration: (node) => named(node.id),
    TSTypeAliasDeclaration: (node) => named(node.id),
    ClassDeclaration: (node) => named(node.id),
    ImportDeclaration: (node) => imported(node.source),
    ExportNamedDeclaration: (node) => imported(node.source),
    ExportAllDeclaration: (node) => imported(node.source),
    Property: (node) => void keys.add(node.key.start),
    Literal: (node) => {
      if (typeof node.value === "string")
        found.literals.push({ value: node.value, start: node.start, isKey: keys.has(node.start) });
    },
    TemplateLiteral: (node) => {
      found.literals.push({
        value: node.quasis[0]?.value.cooked ?? "",
        start: node.start,
        isKey: keys.has(node.start),
      });
    },
    CallExpression: (node) => void found.calls.push(callOf(node)),
    NewExpression: (node) => void found.constructions.push(callOf(node)),
  }).visit(program);
  return found;
}

function callOf(node: CallExpression | NewExpression): Call {
  const options = new Map<string, unknown>();
  for (const argument of node.arguments) {
    if (argument.type !== "ObjectExpression") continue;
    for (const property of argument.properties) {
      if (property.type !== "Property" || property.key.type !== "Identifier") continue;
      options.set(property.key.name, property.value.type === "Literal" ? property.value.value : undefined);
    }
  }
  return { callee: nameOf(node.callee), start: node.start, argumentCount: node.arguments.length, options };
}

/** `a.b` for a plain chain of names; other expressions give "". */
function nameOf(node: Expression | Super | PrivateIdentifier): string {
  if (node.type === "Identifier") return node.name;
  if (node.type === "MemberExpression" && !node.computed) return `${nameOf(node.object)}.${nameOf(node.property)}`;
  return "";
}
