import { z } from "zod";
import { isJsonObject, pointer, sameJson, stepsOf, valueAt, type Json } from "./json-pointer.ts";
import type { KubernetesObject } from "./objects.ts";

/** `metadata.managedFields` of Kubernetes, as far as it is read here. Only a server that keeps it has it. */
const managedFieldsSchema = z.array(
  z.looseObject({
    manager: z.string().min(1).max(256),
    time: z.string().optional(),
    fieldsV1: z.json().optional(),
  }),
);

/**
 * Who set a field last, by the object's managed fields (the fieldsV1 format: `f:name` for a field, `k:{"name":"x"}` for the element of a
 * list). Nothing where nobody is known to own it.
 */
export function ownerOf(object: KubernetesObject, path: string): { changedBy?: string; changedAt?: string } {
  const entries = managedFieldsSchema.safeParse(valueAt(object, "/metadata/managedFields"));
  if (!entries.success) return {};
  const owning = entries.data
    .map((entry) => ({ entry, depth: ownedDepth(object, entry.fieldsV1 ?? null, stepsOf(path)) }))
    .filter(({ depth }) => depth !== undefined)
    .toSorted(
      (one, other) =>
        (other.depth ?? 0) - (one.depth ?? 0) || Date.parse(other.entry.time ?? "") - Date.parse(one.entry.time ?? ""),
    );
  const owner = owning[0]?.entry;
  if (owner === undefined) return {};
  const at = Date.parse(owner.time ?? "");
  return { changedBy: owner.manager, ...(Number.isNaN(at) ? {} : { changedAt: new Date(at).toISOString() }) };
}

/** How many steps of the path a set of fields names, where it names all of them or ends in something it owns as a whole. */
function ownedDepth(object: KubernetesObject, fields: Json, steps: readonly string[]): number | undefined {
  let here: Json = fields;
  for (const [depth, step] of steps.entries()) {
    if (!isJsonObject(here)) return undefined;
    const parent = valueAt(object, pointer(...steps.slice(0, depth)));
    const key = Array.isArray(parent) ? elementKey(here, parent[Number(step)]) : `f:${step}`;
    const next = key === undefined ? undefined : here[key];
    // What ends here is owned whole: a list or map that is replaced as one.
    if (next === undefined) return depth > 0 && Object.keys(here).length === 0 ? depth : undefined;
    here = next;
  }
  return steps.length;
}

/** The key of a list's element: `k:` with the fields that tell it apart, or `v:` with its value. */
function elementKey(fields: { readonly [key: string]: Json }, element: Json | undefined): string | undefined {
  if (element === undefined) return undefined;
  return Object.keys(fields).find((key) => {
    if (!key.startsWith("k:") && !key.startsWith("v:")) return false;
    const named = jsonOf(key.slice(2));
    if (key.startsWith("v:")) return sameJson(named, element);
    return (
      isJsonObject(named) &&
      isJsonObject(element) &&
      Object.entries(named).every(([name, value]) => sameJson(element[name], value))
    );
  });
}

function jsonOf(text: string): Json | undefined {
  try {
    return z.json().parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
