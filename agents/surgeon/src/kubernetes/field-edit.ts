import type { Change, Drift } from "@omega/bus-schemas/vocabulary.ts";
import type { ActionContext } from "@omega/shared/action.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../ports.ts";
import {
  differences,
  isJsonObject,
  pointer,
  sameJson,
  stepsOf,
  valueAt,
  type Json,
  type JsonPatchOperation,
} from "./json-pointer.ts";
import { ownerOf } from "./field-owners.ts";
import { objectRefSchema, objectTitle, type KubernetesObject, type ObjectRef } from "./objects.ts";

/**
 * A change of named fields of one object that carries its way back. It knows each field's value before and after (none: the field is
 * absent), so that "is it done, is it as we found it, or did somebody else move it" is a comparison, in both directions.
 */
export const fieldEditSchema = z.strictObject({
  object: objectRefSchema,
  uid: z.string().min(1),
  fields: z
    .array(z.strictObject({ path: z.string(), before: z.json().optional(), after: z.json().optional() }))
    .min(1)
    .max(64),
  /** What must hold for the paths to mean what they meant, such as the name of the container at an index. */
  guards: z.array(z.strictObject({ path: z.string(), value: z.json() })).max(64),
});
export type FieldEdit = z.infer<typeof fieldEditSchema>;
type Field = FieldEdit["fields"][number];

export type Direction = "forward" | "back";

/** What a caller wants of an object; `undefined` removes the field. */
export interface WantedFields {
  readonly fields: readonly { readonly path: string; readonly after: Json | undefined }[];
  readonly guards?: FieldEdit["guards"];
}

type Context = ActionContext<Clients>;

/** Each look-again after a write that lost a race. More than this many in a row means that something fights over the object. */
const roundsMax = 12;

/**
 * Plans an edit from the object as it was just read. The server is asked, by dry-run, what it would make of the values (it fills in
 * defaults and normalises quantities), because "already done" is decided by comparing with what the server stores.
 */
export async function planFieldEdit(
  context: Context,
  ref: ObjectRef,
  object: KubernetesObject,
  wanted: WantedFields,
): Promise<Outcome<FieldEdit>> {
  const asked = {
    object: ref,
    uid: object.metadata.uid,
    fields: merged(wanted.fields.map(({ path, after }) => fieldFrom(object, path, after))),
    guards: [...(wanted.guards ?? [])],
  };
  const changing = asked.fields.filter((field) => !sameJson(field.before, field.after));
  if (changing.length === 0) return nothingToChange(ref);
  const tried = await rehearse(context, object, { ...asked, fields: changing }, ["forward"]);
  if (!tried.ok) return tried;
  const fields = changing
    .map((field) => fieldOf(field.path, field.before, valueAt(tried.value, field.path)))
    .filter((field) => !sameJson(field.before, field.after));
  return fields.length === 0 ? nothingToChange(ref) : ok({ ...asked, fields });
}

/** Asks the server, by dry-run, for the edit and then for the edit and its way back in one patch; neither changes anything. */
export async function proveFieldEdit(context: Context, edit: FieldEdit): Promise<Outcome<Change[]>> {
  const seen = await standingOf(context, edit);
  if (!seen.ok) return seen;
  if (seen.value.standing !== "before") return drifted(edit, seen.value.object, "before");
  for (const way of [["forward"], ["forward", "back"]] as const) {
    const tried = await rehearse(context, seen.value.object, edit, way);
    if (!tried.ok) return tried;
    const expected = way.length === 1 ? "after" : "before";
    if (standing(edit, tried.value) !== expected) return drifted(edit, tried.value, expected);
  }
  const object = objectTitle(edit.object);
  return ok(
    edit.fields.flatMap((field) =>
      differences(field.before, field.after, field.path).map((difference) => ({ object, ...difference })),
    ),
  );
}

/**
 * Brings the fields to their values after (`forward`) or before (`back`). Already there: done. As the plan left them: one patch that
 * carries its own preconditions. Anything else: `conflict`, and nothing is touched. An answer that got lost is looked at again.
 */
export async function applyFieldEdit(context: Context, edit: FieldEdit, direction: Direction): Promise<Outcome<void>> {
  const goal = direction === "forward" ? "after" : "before";
  const start = direction === "forward" ? "before" : "after";
  let refusal: Outcome<KubernetesObject> | undefined;
  let refusedAt = "";
  for (let round = 1; round <= roundsMax; round += 1) {
    const seen = await standingOf(context, edit);
    if (!seen.ok) return afterDoubt(seen, refusal);
    const { object } = seen.value;
    if (seen.value.standing === goal) {
      // An earlier attempt at taking it back may have died before it took its own note away.
      const bumps = context.interrupted === true || valueAt(object, bumpPath) === context.fieldManager;
      return direction === "back" && bumps ? await bumpVersion(context, edit, object) : ok();
    }
    if (seen.value.standing !== start) return drifted(edit, object, start);
    if (context.signal.aborted) break;
    // The same object refused the same patch: it was no race, the server does not want it.
    if (refusal?.ok === false && refusal.failure.code === "invalid" && refusedAt === object.metadata.resourceVersion)
      return refusal;
    refusal = await write(context, object, edit, [direction], false);
    if (refusal.ok) return ok();
    refusedAt = object.metadata.resourceVersion;
    const mayLookAgain =
      refusal.failure.kind === "conflict" || refusal.failure.kind === "unknown" || refusal.failure.code === "invalid";
    if (!mayLookAgain) return refusal;
  }
  if (refusal?.ok === false && refusal.failure.kind === "unknown") return refusal;
  if (context.signal.aborted) return fail("retryable", "stopped", "It was stopped before the write; nothing changed.");
  return fail("retryable", "object_contended", `${objectTitle(edit.object)} changed at each of ${roundsMax} attempts.`);
}

/** Under this annotation, for a moment, stands who bumps an object's version. */
const bumpPath = "/metadata/annotations/omega.dev~1undo";

/**
 * Moves the object on to another version and leaves it as it was, so that a write of an interrupted execution that is still on its way
 * is refused: it names the version that it looked at. Somebody else's write in between has bumped it too.
 */
async function bumpVersion(
  context: Context,
  { object: ref, uid }: FieldEdit,
  object: KubernetesObject,
): Promise<Outcome<void>> {
  const bare = object.metadata.annotations === undefined;
  const [path, value] = bare
    ? ["/metadata/annotations", { "omega.dev/undo": context.fieldManager }]
    : [bumpPath, context.fieldManager];
  const operations: JsonPatchOperation[] = [
    { op: "test", path: "/metadata/uid", value: uid },
    { op: "test", path: "/metadata/resourceVersion", value: object.metadata.resourceVersion },
    { op: "add", path, value },
  ];
  const options = { fieldManager: context.fieldManager, dryRun: false };
  const { kubernetes } = context.clients;
  const bumped = await kubernetes.patch(ref, operations, options);
  if (!bumped.ok) {
    const now = await kubernetes.get(ref);
    if (!now.ok) return now.failure.code === "not_found" ? ok() : now;
    if (now.value.metadata.uid !== uid) return ok();
    return now.value.metadata.resourceVersion === object.metadata.resourceVersion
      ? bumped
      : fail("retryable", "object_moved", `${objectTitle(ref)} changed while it was looked at.`);
  }
  const removed = await kubernetes.patch(
    ref,
    [
      { op: "test", path: bumpPath, value: context.fieldManager },
      { op: "remove", path: bare ? "/metadata/annotations" : bumpPath },
    ],
    options,
  );
  return removed.ok || removed.failure.code === "not_found" ? ok() : removed;
}

/** A look that fails after a write whose answer got lost leaves the doubt standing; without one, nothing happened. */
function afterDoubt(look: Outcome<unknown>, written: Outcome<unknown> | undefined): Outcome<void> {
  if (written?.ok === false && written.failure.kind === "unknown") return written;
  return look.ok ? ok() : look;
}

type Standing = "before" | "after" | "elsewhere";

export async function standingOf(
  context: Context,
  edit: FieldEdit,
): Promise<Outcome<{ object: KubernetesObject; standing: Standing }>> {
  const found = await context.clients.kubernetes.get(edit.object);
  if (!found.ok) {
    if (found.failure.code !== "not_found") return found;
    return fail("conflict", "object_gone", `${objectTitle(edit.object)} does not exist any more.`);
  }
  if (found.value.metadata.uid !== edit.uid) {
    return fail("conflict", "object_replaced", `${objectTitle(edit.object)} was deleted and made anew since the plan.`);
  }
  return ok({ object: found.value, standing: standing(edit, found.value) });
}

function standing(edit: FieldEdit, object: KubernetesObject): Standing {
  if (edit.guards.some((guard) => !sameJson(valueAt(object, guard.path), guard.value))) return "elsewhere";
  const at = (side: "before" | "after"): boolean =>
    edit.fields.every((field) => sameJson(valueAt(object, field.path), field[side]));
  if (at("after")) return "after";
  return at("before") ? "before" : "elsewhere";
}

function drifted(edit: FieldEdit, object: KubernetesObject, expected: "before" | "after"): Outcome<never> {
  const title = objectTitle(edit.object);
  const moved = [
    ...edit.guards.map(({ path, value }) => ({ path, value })),
    ...edit.fields.map((field) => ({ path: field.path, value: field[expected] })),
  ].filter(({ path, value }) => !sameJson(valueAt(object, path), value));
  // Down to the very fields: who changed a whole template is everybody, who changed its image is somebody.
  const differs = moved.flatMap(({ path, value }) =>
    differences(value, valueAt(object, path), path).map(({ path: at, before, after }): Drift => ({
      object: title,
      path: at,
      ...(before === undefined ? {} : { expected: before }),
      ...(after === undefined ? {} : { found: after }),
      ...ownerOf(object, at),
    })),
  );
  const [first] = differs;
  const found = (JSON.stringify(first?.found) ?? "absent").slice(0, 500);
  const by = first?.changedBy === undefined ? "" : `, by ${first.changedBy}`;
  return fail(
    "conflict",
    "field_changed",
    `${title}: ${first?.path ?? ""} is not as the plan left it; it is ${found}${by}.`,
    differs,
  );
}

/** A dry-run that tells a refusal from a race: `retryable/object_moved` when the object changed since it was read. */
async function rehearse(
  context: Context,
  object: KubernetesObject,
  edit: FieldEdit,
  way: readonly Direction[],
): Promise<Outcome<KubernetesObject>> {
  const tried = await write(context, object, edit, way, true);
  if (tried.ok || (tried.failure.code !== "invalid" && tried.failure.kind !== "conflict")) return tried;
  const now = await context.clients.kubernetes.get(edit.object);
  if (!now.ok) return now;
  if (now.value.metadata.resourceVersion === object.metadata.resourceVersion) return tried;
  return fail("retryable", "object_moved", `${objectTitle(edit.object)} changed while it was looked at.`);
}

/** Repeats a planning step that raced with somebody who writes to the object, such as a controller with its books. */
export async function undisturbed<T>(attempt: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  let outcome = await attempt();
  for (let round = 2; round <= roundsMax && !outcome.ok && outcome.failure.code === "object_moved"; round += 1) {
    outcome = await attempt();
  }
  return outcome;
}

/** One JSON Patch for the given steps, each step testing what it replaces. */
async function write(
  context: Context,
  object: KubernetesObject,
  edit: FieldEdit,
  way: readonly Direction[],
  dryRun: boolean,
): Promise<Outcome<KubernetesObject>> {
  const operations: JsonPatchOperation[] = [{ op: "test", path: "/metadata/uid", value: edit.uid }];
  for (const guard of edit.guards) operations.push({ op: "test", ...guard });
  for (const direction of way) operations.push(...movesOf(edit, direction));
  // The version that we looked at: JSON Patch can't test that a field is absent, and whoever takes an interrupted action back bumps it,
  // so that a write of ours that comes too late is refused.
  operations.unshift({ op: "test", path: "/metadata/resourceVersion", value: object.metadata.resourceVersion });
  return await context.clients.kubernetes.patch(edit.object, operations, {
    fieldManager: context.fieldManager,
    dryRun,
  });
}

function movesOf(edit: FieldEdit, direction: Direction): JsonPatchOperation[] {
  return edit.fields.flatMap(({ path, before, after }): JsonPatchOperation[] => {
    const [from, to] = direction === "forward" ? [before, after] : [after, before];
    const test: JsonPatchOperation[] = from === undefined ? [] : [{ op: "test", path, value: from }];
    if (to === undefined) return from === undefined ? [] : [...test, { op: "remove", path }];
    return [...test, { op: from === undefined ? "add" : "replace", path, value: to }];
  });
}

/**
 * The field that must change for `path` to get its value: the path itself, or, where a parent is missing or would be left empty, that
 * parent. The server drops empty maps, and a field below one could neither be compared nor put back.
 */
function fieldFrom(object: KubernetesObject, path: string, after: Json | undefined): Field {
  let steps = stepsOf(path);
  let value = after;
  while (steps.length > 1) {
    const step = steps.at(-1) ?? "";
    const parent = valueAt(object, pointer(...steps.slice(0, -1)));
    const emptied = value === undefined && isJsonObject(parent) && Object.keys(parent).every((key) => key === step);
    if (parent !== undefined && !emptied) break;
    if (value !== undefined) value = { [step]: value };
    steps = steps.slice(0, -1);
  }
  const reached = pointer(...steps);
  return fieldOf(reached, valueAt(object, reached), value);
}

/** Fields below one missing parent become that parent once, with all of them in it. */
function merged(fields: readonly Field[]): Field[] {
  const byPath = new Map<string, Field>();
  for (const field of fields) {
    const known = byPath.get(field.path);
    const [one, other] = [known?.after, field.after];
    const both = isJsonObject(one) && isJsonObject(other);
    byPath.set(field.path, both ? { ...field, after: { ...one, ...other } } : field);
  }
  return [...byPath.values()];
}

function fieldOf(path: string, before: Json | undefined, after: Json | undefined): Field {
  return { path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
}

function nothingToChange(ref: ObjectRef): Outcome<never> {
  return fail("terminal", "nothing_to_change", `${objectTitle(ref)} is already as the action would make it.`);
}
