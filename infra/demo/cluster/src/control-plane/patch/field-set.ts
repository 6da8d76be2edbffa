// Sets of field paths, as metadata.managedFields has them (FieldsV1): "f:name" a field, "k:{…}" a list item by its keys, "v:…" an item of a set.
// A path is its elements joined by a NUL, so that unions and differences are those of plain sets of strings.
import { isJson, sameJson, type Json } from "../objects.ts";
import { anyShape, childShape, isAtomic, keyDefaults, type ListShape, type Shape } from "../schema/schema.ts";

export type FieldSet = Set<string>;
const joint = "\u0000";

export function pathOf(...elements: string[]): string {
  return elements.join(joint);
}

export function elementsOf(path: string): string[] {
  return path.split(joint);
}

export function isBelow(path: string, ancestor: string): boolean {
  return path.startsWith(ancestor + joint);
}

function below(path: string, element: string): string {
  return path === "" ? element : path + joint + element;
}

export function parseFieldsV1(fields: Json): FieldSet {
  const set: FieldSet = new Set();
  const walk = (node: Json, path: string): void => {
    const keys = Object.keys(node);
    if (path !== "" && (keys.length === 0 || "." in node)) set.add(path);
    for (const key of keys) {
      const child = node[key];
      if (key !== "." && isJson(child)) walk(child, below(path, key));
    }
  };
  walk(fields, "");
  return set;
}

export function toFieldsV1(set: FieldSet): Json {
  const root: Json = {};
  for (const path of [...set].toSorted()) {
    let node = root;
    for (const element of elementsOf(path)) {
      const child = node[element];
      const next: Json = isJson(child) ? child : {};
      node[element] = next;
      node = next;
    }
    node["."] = {};
  }
  return tidy(root);
}

/** A member without members below is written {} rather than {".": {}}. */
function tidy(node: Json): Json {
  const entries = Object.entries(node);
  if (entries.length === 1 && "." in node) return {};
  return Object.fromEntries(entries.map(([key, child]) => [key, key === "." || !isJson(child) ? {} : tidy(child)]));
}

/** The path element of an item of a list that merges. */
export function itemElement(item: unknown, shape: ListShape): string {
  if (shape.type === "set" || !isJson(item)) return `v:${JSON.stringify(item)}`;
  const key: Json = {};
  for (const name of shape.keys.toSorted()) key[name] = item[name] ?? keyDefaults[name] ?? "";
  return `k:${JSON.stringify(key)}`;
}

interface Child {
  element: string;
  value: unknown;
  shape: Shape;
  /** A map's entry or a list's item belongs to whoever names it, beside the fields inside it. */
  isItem: boolean;
}

export function childrenOf(value: unknown, shape: Shape): Child[] {
  if (shape.is === "list") {
    if (!Array.isArray(value)) return [];
    return value.map((item) => ({ element: itemElement(item, shape), value: item, shape: shape.of, isItem: true }));
  }
  if (!isJson(value)) return [];
  return Object.entries(value).map(([key, child]) => ({
    element: `f:${key}`,
    value: child,
    shape: childShape(shape, key) ?? anyShape,
    isItem: shape.is === "map",
  }));
}

function isEmpty(value: unknown): boolean {
  return (
    value === null || (Array.isArray(value) ? value.length === 0 : isJson(value) && Object.keys(value).length === 0)
  );
}

/** Every field that an applied configuration names. */
export function fieldsIn(value: unknown, shape: Shape, path = "", set: FieldSet = new Set()): FieldSet {
  for (const child of childrenOf(value, shape)) {
    const at = below(path, child.element);
    if (child.isItem || isAtomic(child.shape) || isEmpty(child.value)) set.add(at);
    if (!isAtomic(child.shape)) fieldsIn(child.value, child.shape, at, set);
  }
  return set;
}

export interface Difference {
  changed: FieldSet;
  removed: FieldSet;
}

/** Structs that are always there in the API's own types, so that nobody is said to have added them. */
const everPresent = new Set(["f:metadata", "f:spec", "f:status", "f:template", "f:strategy"]);

/** The fields that two versions of an object differ in; a new struct or item counts with all that it holds. */
export function difference(before: unknown, after: unknown, shape: Shape): Difference {
  const found: Difference = { changed: new Set(), removed: new Set() };
  compare(before, after, shape, "", found);
  return found;
}

function compare(before: unknown, after: unknown, shape: Shape, path: string, found: Difference): void {
  if (sameJson(before, after)) return;
  const old = new Map(childrenOf(before, shape).map((child) => [child.element, child]));
  for (const child of childrenOf(after, shape)) {
    const was = old.get(child.element);
    old.delete(child.element);
    const at = below(path, child.element);
    if (isAtomic(child.shape) || isEmpty(child.value)) {
      if (was === undefined || !sameJson(was.value, child.value)) found.changed.add(at);
      if (was !== undefined && !isAtomic(child.shape)) compare(was.value, child.value, child.shape, at, found);
      continue;
    }
    if (was === undefined && !everPresent.has(child.element)) found.changed.add(at);
    compare(was?.value, child.value, child.shape, at, found);
  }
  for (const [element, child] of old) {
    const at = below(path, element);
    found.removed.add(at);
    if (!isAtomic(child.shape)) compare(child.value, undefined, child.shape, at, found);
  }
}
