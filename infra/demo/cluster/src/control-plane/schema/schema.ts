// The structural schema of the kinds served here: which fields exist, of what type, and how lists and maps merge. One table serves strict decoding,
// strategic merge, server-side apply and the OpenAPI documents, so that they cannot disagree. kinds.txt is distilled from a real API server.
import { readFileSync } from "node:fs";

export type Scalar = "string" | "integer" | "number" | "boolean" | "quantity" | "int-or-string" | "time" | "any";

export interface ScalarShape {
  is: "scalar";
  type: Scalar;
  values: readonly string[];
}
/** `type` is x-kubernetes-list-type; `mergeKey` is the strategic merge key, "" for a merged list of scalars, undefined for a replaced one. */
export interface ListShape {
  is: "list";
  of: Shape;
  type: "atomic" | "set" | "map";
  keys: readonly string[];
  mergeKey: string | undefined;
}
export interface MapShape {
  is: "map";
  of: Shape;
  atomic: boolean;
}
export interface StructShape {
  is: "struct";
  name: string;
  atomic: boolean;
  retainKeys: boolean;
}
export type Shape = ScalarShape | ListShape | MapShape | StructShape;

export interface Field {
  shape: Shape;
  required: boolean;
}
export type Fields = ReadonlyMap<string, Field>;

const lines = new Map<string, string>();
for (const line of readFileSync(new URL("./kinds.txt", import.meta.url), "utf8").split("\n")) {
  const colon = line.indexOf(":");
  if (colon > 0) lines.set(line.slice(0, colon), line.slice(colon + 1));
}
const parsed = new Map<string, Fields>();

/** The fields of a type by its short name ("Container"); a type is parsed when first asked for. */
export function fieldsOf(typeName: string): Fields {
  const known = parsed.get(typeName);
  if (known !== undefined) return known;
  const line = lines.get(typeName);
  if (line === undefined) throw new Error(`kinds.txt has no type ${typeName}`);
  const fields = new Map<string, Field>();
  for (const part of line.split(",")) {
    const [name, shape] = part.trim().split(" ");
    if (name === undefined || shape === undefined) continue;
    fields.set(name.replace("!", ""), { shape: parseShape(shape), required: name.endsWith("!") });
  }
  parsed.set(typeName, fields);
  return fields;
}

export function typeNames(): string[] {
  return [...lines.keys()];
}

const scalarNames = new Set<string>([
  "string",
  "integer",
  "number",
  "boolean",
  "quantity",
  "int-or-string",
  "time",
  "any",
] satisfies Scalar[]);

function isScalar(name: string): name is Scalar {
  return scalarNames.has(name);
}

export const anyShape: Shape = { is: "scalar", type: "any", values: [] };

function parseShape(text: string): Shape {
  const close = text.startsWith("[") ? matching(text, "[", "]") : text.startsWith("{") ? matching(text, "{", "}") : -1;
  if (close > 0) {
    const of = parseShape(text.slice(1, close));
    const options = text.slice(close + 1);
    if (text.startsWith("{")) return { is: "map", of, atomic: options.includes("~atomic") };
    const keys = /~map\(([^)]*)\)/.exec(options)?.[1];
    return {
      is: "list",
      of,
      type: keys !== undefined ? "map" : options.includes("~set") ? "set" : "atomic",
      keys: keys?.split("+") ?? [],
      mergeKey: /~merge\(([^)]*)\)/.exec(options)?.[1],
    };
  }
  const values = /^(\w+)\((.*)\)$/.exec(text);
  const base = values?.[1] ?? text;
  if (isScalar(base)) return { is: "scalar", type: base, values: values?.[2]?.split("|") ?? [] };
  const [name = base, ...options] = text.split("~");
  return { is: "struct", name, atomic: options.includes("atomic"), retainKeys: options.includes("retainKeys") };
}

function matching(text: string, open: string, close: string): number {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === open) depth++;
    else if (text[i] === close && --depth === 0) return i;
  }
  throw new Error(`kinds.txt: unbalanced ${open} in ${text}`);
}

/** The shape below `shape` at a field or map key; undefined where the schema has no such field. */
export function childShape(shape: Shape, key: string): Shape | undefined {
  if (shape.is === "struct") return fieldsOf(shape.name).get(key)?.shape;
  if (shape.is === "map") return shape.of;
  return shape.is === "scalar" && shape.type === "any" ? anyShape : undefined;
}

export function structShape(name: string): StructShape {
  return { is: "struct", name, atomic: false, retainKeys: false };
}

/** Whether server-side apply owns the value as a whole and never looks inside. */
export function isAtomic(shape: Shape): boolean {
  if (shape.is === "scalar") return true;
  return shape.is === "list" ? shape.type === "atomic" : shape.atomic;
}

/** List-map keys that may be left out, with the default that the API gives them. */
export const keyDefaults: Readonly<Record<string, string>> = { protocol: "TCP" };
