// The patch types by their media type.
import jsonPatch from "fast-json-patch";
import { isJson, type Json, type KubeObject } from "../objects.ts";
import { mergePatch } from "../patch/merge-patch.ts";
import { strategicMerge } from "../patch/strategic-merge.ts";
import type { StructShape } from "../schema/schema.ts";
import { ApiFailure, badRequest } from "./failure.ts";

export type PatchType = "json" | "merge" | "strategic" | "apply";

const mediaTypes: Readonly<Record<string, PatchType>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

export function patchTypeOf(contentType: string): PatchType {
  const type = mediaTypes[contentType.split(";")[0]?.trim() ?? ""];
  if (type !== undefined) return type;
  const supported = Object.keys(mediaTypes).join(", ");
  throw new ApiFailure(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${supported}`,
    {},
  );
}

/** The patched copy. Fails with 400 or 422 as kube-apiserver does. */
export function applyPatch(
  type: Exclude<PatchType, "apply">,
  current: KubeObject,
  patch: unknown,
  shape: StructShape,
): Json {
  if (type === "json") return applyJsonPatch(current, patch);
  if (!isJson(patch)) throw badRequest("error decoding patch: the patch must be a JSON object");
  const result = type === "merge" ? mergePatch(current, patch) : strategicMerge(current, patch, shape);
  if (!isJson(result)) throw new Error("a patched object is an object");
  return structuredClone(result);
}

function applyJsonPatch(current: KubeObject, patch: unknown): Json {
  if (!Array.isArray(patch)) throw badRequest("error decoding patch: a JSON patch is a list of operations");
  try {
    let document: unknown = structuredClone(current);
    for (const [index, operation] of patch.entries()) {
      const lenient = isReplaceOfAbsent(document, operation) ? { ...operation, op: "add" } : operation;
      document = jsonPatch.applyOperation(document, lenient, true, true, true, index).newDocument;
    }
    if (isJson(document)) return document;
  } catch (error) {
    // What the library says goes to the caller too: kube-apiserver's own text says nothing at all.
    const why = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new ApiFailure(422, "Invalid", `the server rejected our request due to an error in our request: ${why}`, {});
  }
  throw badRequest("error decoding patch: the patch replaces the whole object by something else");
}

/** kube-apiserver's JSON patch adds what a replace does not find, as long as its parent is there. */
function isReplaceOfAbsent(document: unknown, operation: unknown): operation is Json {
  if (!isJson(operation) || operation["op"] !== "replace" || typeof operation["path"] !== "string") return false;
  const slash = operation["path"].lastIndexOf("/");
  const parent: unknown =
    slash <= 0 ? document : jsonPatch.getValueByPointer(document, operation["path"].slice(0, slash));
  return isJson(parent) && !Object.hasOwn(parent, jsonPatch.unescapePathComponent(operation["path"].slice(slash + 1)));
}
