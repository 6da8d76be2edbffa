// Who set which field: keeps metadata.managedFields through updates and server-side apply, in the way of structured-merge-diff.
import { ApiFailure, type Cause } from "../api/failure.ts";
import { isJson, type Json, type KubeObject, type ManagedFieldsEntry } from "../objects.ts";
import { isAtomic, type Shape, type StructShape } from "../schema/schema.ts";
import {
  childrenOf,
  difference,
  elementsOf,
  fieldsIn,
  isBelow,
  itemElement,
  parseFieldsV1,
  pathOf,
  toFieldsV1,
  type FieldSet,
} from "./field-set.ts";

export interface Writer {
  manager: string;
  apiVersion: string;
  /** "status", "scale" or "". */
  subresource: string;
  now: string;
}

/** What the server itself writes is nobody's. */
const unowned = [
  "name",
  "namespace",
  "creationTimestamp",
  "selfLink",
  "uid",
  "generation",
  "managedFields",
  "resourceVersion",
];
const unownedMeta = [...unowned, "deletionTimestamp", "deletionGracePeriodSeconds", "generateName"];
const unownedPaths = new Set([
  "f:apiVersion",
  "f:kind",
  "f:metadata",
  ...unownedMeta.map((name) => pathOf("f:metadata", `f:${name}`)),
]);

interface Owned {
  entry: ManagedFieldsEntry;
  fields: FieldSet;
}

function ownersOf(object: KubeObject | undefined): Owned[] {
  return (object?.metadata.managedFields ?? []).map((entry) => ({
    entry,
    fields: parseFieldsV1(entry.fieldsV1 ?? {}),
  }));
}

function isSameWriter(entry: ManagedFieldsEntry, operation: "Apply" | "Update", writer: Writer): boolean {
  return (
    entry.manager === writer.manager &&
    entry.operation === operation &&
    entry.apiVersion === writer.apiVersion &&
    (entry.subresource ?? "") === writer.subresource
  );
}

function withoutUnowned(set: FieldSet): FieldSet {
  return set.difference(unownedPaths);
}

function entryFor(operation: "Apply" | "Update", writer: Writer, fields: FieldSet): ManagedFieldsEntry {
  return {
    manager: writer.manager,
    operation,
    apiVersion: writer.apiVersion,
    time: writer.now,
    fieldsType: "FieldsV1",
    fieldsV1: toFieldsV1(fields),
    ...(writer.subresource === "" ? {} : { subresource: writer.subresource }),
  };
}

function entriesOf(owners: Owned[]): ManagedFieldsEntry[] {
  const entries = owners
    .filter(({ fields }) => fields.size > 0)
    .map(({ entry, fields }) => ({ ...entry, fieldsV1: toFieldsV1(fields) }));
  const rank = (entry: ManagedFieldsEntry): string =>
    [entry.operation, entry.time, entry.manager, entry.subresource].join(" ");
  return entries.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** managedFields after a create or update of any kind but apply: the writer owns what it changed, and nobody else does any more. */
export function managedAfterUpdate(
  before: KubeObject | undefined,
  after: KubeObject,
  shape: StructShape,
  writer: Writer,
): ManagedFieldsEntry[] {
  const given = after.metadata.managedFields;
  const owners = given !== undefined && given.length > 0 ? ownersOf(after) : ownersOf(before);
  // A single empty entry is the API's way to say: forget who owned what.
  if (given?.length === 1 && given[0] !== undefined && Object.keys(given[0]).length === 0) return [];
  const { changed, removed } = difference(before ?? {}, after, shape);
  const mine = withoutUnowned(changed);
  const touched = changed.union(removed);
  const kept: Owned[] = [];
  let own: Owned | undefined;
  for (const owner of owners) {
    if (isSameWriter(owner.entry, "Update", writer)) own = owner;
    else kept.push({ entry: owner.entry, fields: owner.fields.difference(touched) });
  }
  const fields = (own?.fields.difference(removed) ?? new Set<string>()).union(mine);
  if (own !== undefined && sameSet(own.fields, fields)) kept.push(own);
  else kept.push({ entry: entryFor("Update", writer, fields), fields });
  return entriesOf(kept);
}

function sameSet(a: FieldSet, b: FieldSet): boolean {
  return a.size === b.size && a.isSubsetOf(b);
}

export interface Applied {
  object: Json;
  managedFields: ManagedFieldsEntry[];
}

/**
 * Server-side apply: merges the configuration into the live object, drops what this manager applied before and no longer names, and fails with
 * 409 when it would change another manager's field (unless forced, which takes the field over).
 */
export function apply(
  live: KubeObject | undefined,
  config: Json,
  shape: StructShape,
  writer: Writer,
  force: boolean,
): Applied {
  const owners = ownersOf(live);
  const named = withoutUnowned(fieldsIn(config, shape));
  const last = owners.find(({ entry }) => isSameWriter(entry, "Apply", writer));
  const others = owners.filter((owner) => owner !== last);
  const merged = merge(live ?? {}, config, shape);
  const foreign = others.reduce<FieldSet>((all, { fields }) => all.union(fields), named);
  const dropped = [...(last?.fields.difference(named) ?? [])].filter(
    (path) => !foreign.has(path) && ![...foreign].some((other) => isBelow(other, path)),
  );
  const object = dropped.reduce((value, path) => without(value, elementsOf(path), shape), merged);
  if (!isJson(object)) throw new Error("a merge of objects is an object");
  const { changed, removed } = difference(live ?? {}, object, shape);
  const taken = named.intersection(changed);
  const conflicts = others.flatMap(({ entry, fields }) =>
    [...fields.intersection(taken)].map((path) => ({ entry, path })),
  );
  if (conflicts.length > 0 && !force) throw conflictFailure(conflicts);
  const kept = others.map(({ entry, fields }) => ({ entry, fields: fields.difference(taken).difference(removed) }));
  const unchanged = last !== undefined && sameSet(last.fields, named);
  kept.push({ entry: unchanged ? last.entry : entryFor("Apply", writer, named), fields: named });
  return { object, managedFields: entriesOf(kept) };
}

function merge(live: unknown, config: unknown, shape: Shape): unknown {
  if (isAtomic(shape) || live === undefined || live === null) return config;
  if (shape.is === "list") {
    if (!Array.isArray(live) || !Array.isArray(config)) return config;
    const result: unknown[] = [...live];
    for (const item of config) {
      const element = itemElement(item, shape);
      const at = result.findIndex((other) => itemElement(other, shape) === element);
      if (at < 0) result.push(item);
      else result[at] = merge(result[at], item, shape.of);
    }
    return result;
  }
  if (!isJson(live) || !isJson(config)) return config;
  const result: Json = { ...live };
  for (const child of childrenOf(config, shape)) {
    const key = child.element.slice(2);
    result[key] = merge(result[key], child.value, child.shape);
  }
  return result;
}

/** The value without the field at a path; a list or map that this empties goes too. */
function without(value: unknown, path: string[], shape: Shape): unknown {
  const [element, ...rest] = path;
  const child = childrenOf(value, shape).find((each) => each.element === element);
  if (element === undefined || child === undefined) return value;
  const next = rest.length === 0 ? undefined : without(child.value, rest, child.shape);
  const gone = next === undefined || (next !== child.value && isJson(next) && Object.keys(next).length === 0);
  if (Array.isArray(value) && shape.is === "list") {
    return value.flatMap((item) => (itemElement(item, shape) !== element ? [item] : gone ? [] : [next]));
  }
  if (!isJson(value)) return value;
  const { [element.slice(2)]: _, ...others } = value;
  return gone ? others : { ...others, [element.slice(2)]: next };
}

function conflictFailure(conflicts: { entry: ManagedFieldsEntry; path: string }[]): ApiFailure {
  const causes = conflicts.map(({ entry, path }): Cause => {
    const through = entry.subresource === undefined ? "" : ` with subresource "${entry.subresource}"`;
    const version = entry.operation === "Update" ? ` using ${entry.apiVersion}` : "";
    const message = `conflict with "${entry.manager}"${through}${version}`;
    return { reason: "FieldManagerConflict", message, field: readable(path) };
  });
  const byMessage = Map.groupBy(causes, ({ message }) => message);
  const lines = [...byMessage].map(([message, group]) =>
    group.length === 1
      ? `${message}: ${group[0]?.field}`
      : `${message.replace("conflict", "conflicts")}:\n- ${group.map((c) => c.field).join("\n- ")}`,
  );
  const count = causes.length;
  const said = `Apply failed with ${count} ${count === 1 ? "conflict" : "conflicts"}: ${lines.join("\n")}`;
  return new ApiFailure(409, "Conflict", said, { causes });
}

/** .spec.template.spec.containers[name="a"].image */
function readable(path: string): string {
  return elementsOf(path)
    .map((element) => {
      const body = element.slice(2);
      if (element.startsWith("f:")) return `.${body}`;
      if (element.startsWith("v:")) return `[=${body}]`;
      const key: unknown = JSON.parse(body);
      return `[${Object.entries(isJson(key) ? key : {})
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(",")}]`;
    })
    .join("");
}
