// Reading bodies and the options in query strings.
import type { IncomingMessage } from "node:http";
import { parse as parseYaml } from "yaml";
import { ApiFailure, badRequest, fieldRequired, fieldUnsupported, invalid } from "../api/failure.ts";
import type { WriteOptions } from "../api/api.ts";
import { inBackground, propagationOf, type DeleteOptions } from "../api/deletion.ts";
import { isJson, type Json } from "../objects.ts";
import { isTrue } from "./request.ts";

const bodyMaxBytes = 3 * 1024 * 1024;

export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyMaxBytes)
      throw new ApiFailure(413, "RequestEntityTooLarge", `Request entity too large: limit is ${bodyMaxBytes}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** JSON, or YAML where the content type says so. */
export function parseBody(text: string, contentType: string, kind: string): unknown {
  if (contentType.includes("protobuf") || contentType.includes("cbor")) {
    const message = `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml`;
    throw new ApiFailure(415, "UnsupportedMediaType", message);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (!contentType.includes("yaml")) {
      throw badRequest(
        `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${why}`,
      );
    }
  }
  try {
    return parseYaml(text);
  } catch (error) {
    throw badRequest(`error decoding YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function dryRunOf(values: unknown[], optionsKind: string): boolean {
  if (values.length === 0) return false;
  if (values.every((value) => value === "All")) return true;
  const cause = fieldUnsupported("dryRun", values, ["All"]);
  throw invalid("meta.k8s.io", optionsKind, "", [cause]);
}

/** The manager named, or the program's name as its user agent gives it. */
function managerOf(query: URLSearchParams, request: IncomingMessage): string {
  const named = query.get("fieldManager");
  if (named !== null && named !== "") {
    if (named.length <= 128) return named;
    throw invalid("meta.k8s.io", "PatchOptions", "", [
      { reason: "FieldValueTooLong", message: "Too long: may not be more than 128 bytes", field: "fieldManager" },
    ]);
  }
  return (request.headers["user-agent"] ?? "unknown").split("/")[0]?.slice(0, 128) ?? "unknown";
}

export function writeOptions(
  kind: "CreateOptions" | "UpdateOptions" | "PatchOptions",
  query: URLSearchParams,
  request: IncomingMessage,
  warnings: string[],
): WriteOptions {
  const validation = query.get("fieldValidation") ?? "Warn";
  if (validation !== "Ignore" && validation !== "Warn" && validation !== "Strict" && validation !== "") {
    const cause = fieldUnsupported("fieldValidation", validation, ["Ignore", "Strict", "Warn"]);
    throw invalid("meta.k8s.io", kind, "", [cause]);
  }
  return {
    dryRun: dryRunOf(query.getAll("dryRun"), kind),
    manager: managerOf(query, request),
    fieldValidation: validation === "" ? "Warn" : validation,
    force: isTrue(query.get("force")),
    warn: (message) => warnings.push(message),
  };
}

/** Server-side apply must say who it is, and only it may force. */
export function checkApplyOptions(isApply: boolean, query: URLSearchParams): void {
  const cause =
    isApply && (query.get("fieldManager") ?? "") === ""
      ? fieldRequired("fieldManager", "is required for apply patch")
      : !isApply && query.has("force")
        ? {
            reason: "FieldValueForbidden",
            message: "Forbidden: may not be specified for non-apply patch",
            field: "force",
          }
        : undefined;
  if (cause !== undefined) throw invalid("meta.k8s.io", "PatchOptions", "", [cause]);
}

/** Options from a DeleteOptions body, where the query string may say the same. */
export function deleteOptions(body: Json, query = new URLSearchParams()): DeleteOptions {
  if (body["kind"] !== undefined && body["kind"] !== "DeleteOptions")
    throw badRequest("the body of a delete must be DeleteOptions");
  const preconditions = isJson(body["preconditions"]) ? body["preconditions"] : {};
  const graceText = query.get("gracePeriodSeconds");
  const grace = body["gracePeriodSeconds"] ?? (graceText === null ? undefined : Number(graceText));
  if (grace !== undefined && (typeof grace !== "number" || !Number.isSafeInteger(grace) || grace < 0)) {
    throw badRequest(`gracePeriodSeconds must be a whole number of seconds, not ${JSON.stringify(grace)}`);
  }
  const bodyDryRun = Array.isArray(body["dryRun"]) ? body["dryRun"] : [];
  const orphan = body["orphanDependents"] === true ? "Orphan" : undefined;
  return {
    ...inBackground,
    gracePeriodSeconds: grace,
    uid: typeof preconditions["uid"] === "string" ? preconditions["uid"] : undefined,
    resourceVersion:
      typeof preconditions["resourceVersion"] === "string" ? preconditions["resourceVersion"] : undefined,
    propagation: propagationOf(body["propagationPolicy"] ?? query.get("propagationPolicy") ?? orphan),
    dryRun: dryRunOf([...query.getAll("dryRun"), ...bodyDryRun], "DeleteOptions"),
  };
}
