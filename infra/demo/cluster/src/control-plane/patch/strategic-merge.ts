// Kubernetes' strategic merge patch: lists that have a merge key merge by it, and directives ($patch, $deleteFromPrimitiveList,
// $setElementOrder, $retainKeys) say what plain JSON cannot.
import { badRequest } from "../api/failure.ts";
import { isJson, sameJson, type Json } from "../objects.ts";
import { childShape, type ListShape, type Shape } from "../schema/schema.ts";

const orderPrefix = "$setElementOrder/";
const deletePrefix = "$deleteFromPrimitiveList/";

/** Neither argument is changed. Fails with 400 on a malformed directive or a list item without its merge key. */
export function strategicMerge(target: unknown, patch: unknown, shape: Shape): unknown {
  if (!isJson(patch)) return patch;
  const directive = patch["$patch"];
  if (directive === "delete") return {};
  if (directive === "replace") return withoutDirectives(patch);
  if (directive !== undefined && directive !== "merge")
    throw badRequest(`unknown $patch directive ${JSON.stringify(directive)}`);
  const result: Json = isJson(target) ? { ...target } : {};
  retainKeys(result, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deletePrefix)) deletePrimitives(result, key.slice(deletePrefix.length), value);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith("$")) continue;
    const child = childShape(shape, key);
    if (value === null) delete result[key];
    else if (child?.is === "list" && child.mergeKey !== undefined && Array.isArray(value)) {
      result[key] = mergeList(result[key], value, child, key);
    } else if (isJson(value) && child !== undefined) result[key] = strategicMerge(result[key], value, child);
    else result[key] = value;
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(orderPrefix)) reorder(result, key.slice(orderPrefix.length), value, shape);
  }
  return result;
}

function withoutDirectives(patch: Json): Json {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => !key.startsWith("$")));
}

function retainKeys(result: Json, patch: Json): void {
  const retained = patch["$retainKeys"];
  if (retained === undefined) return;
  if (!Array.isArray(retained)) throw badRequest("$retainKeys must be a list of field names");
  for (const key of Object.keys(result)) if (!retained.includes(key)) delete result[key];
}

function deletePrimitives(result: Json, key: string, doomed: unknown): void {
  const current = result[key];
  if (!Array.isArray(doomed)) throw badRequest(`${deletePrefix}${key} must be a list`);
  if (Array.isArray(current)) result[key] = current.filter((item) => !doomed.includes(item));
}

function mergeList(current: unknown, patch: unknown[], shape: ListShape, field: string): unknown[] {
  const items: unknown[] = Array.isArray(current) ? [...current] : [];
  const mergeKey = shape.mergeKey ?? "";
  if (mergeKey === "") {
    for (const item of patch) if (!items.some((other) => sameJson(other, item))) items.push(item);
    return items;
  }
  // One item that only says "replace" makes the rest of the patch the whole list.
  if (patch.some((item) => isJson(item) && item["$patch"] === "replace")) {
    return patch.filter((item) => !(isJson(item) && item["$patch"] === "replace"));
  }
  let result = items;
  for (const item of patch) {
    if (!isJson(item)) throw badRequest(`invalid item in list ${field}: ${JSON.stringify(item)} is not an object`);
    const key = item[mergeKey];
    if (key === undefined) {
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
    }
    const matches = (other: unknown): boolean => isJson(other) && sameJson(other[mergeKey], key);
    if (item["$patch"] === "delete") {
      result = result.filter((other) => !matches(other));
      continue;
    }
    const at = result.findIndex(matches);
    if (at < 0) result = [...result, strategicMerge({}, item, shape.of)];
    else result = result.with(at, strategicMerge(result[at], item, shape.of));
  }
  return result;
}

/** Puts the listed items in the order given; items that the order does not name keep their place after their neighbour. */
function reorder(result: Json, key: string, order: unknown, shape: Shape): void {
  const current = result[key];
  const child = childShape(shape, key);
  if (!Array.isArray(order) || !Array.isArray(current) || child?.is !== "list") return;
  const mergeKey = child.mergeKey ?? "";
  const idOf = (item: unknown): unknown => (mergeKey !== "" && isJson(item) ? item[mergeKey] : item);
  const place = (item: unknown): number => order.findIndex((each) => sameJson(idOf(each), idOf(item)));
  const ordered = current.filter((item) => place(item) >= 0).toSorted((a, b) => place(a) - place(b));
  const merged: unknown[] = [];
  for (const item of current) {
    if (place(item) < 0) merged.push(item);
    else {
      const next = ordered.shift();
      if (next !== undefined) merged.push(next);
    }
  }
  result[key] = merged;
}
