// The verbs on resources.
import type { Target } from "../api/api.ts";
import { deleteObject } from "../api/deletion.ts";
import { ApiFailure, badRequest, gone, unsupportedMethod } from "../api/failure.ts";
import { patchTypeOf } from "../api/patching.ts";
import { apiVersionOf, type Resource } from "../api/resources.ts";
import { parseFieldSelector, parseLabelSelector, type Predicate } from "../api/selectors.ts";
import { isJson, type Json, type KubeObject } from "../objects.ts";
import { checkApplyOptions, deleteOptions, parseBody, readBody, writeOptions } from "./body.ts";
import { answer, answerObject, formOf, render, type Exchange } from "./exchange.ts";
import { isTrue } from "./request.ts";
import { partial, tableOf } from "./tables.ts";
import { serveWatch } from "./watch.ts";

/** Where a request points: `name` is undefined for the collection. */
export interface Place {
  resource: Resource;
  namespace: string | undefined;
  name: string | undefined;
  subresource: "" | "status";
}

export async function serveResource(exchange: Exchange, place: Place): Promise<void> {
  const { verb } = exchange.ask;
  if (place.subresource === "status" && !["get", "update", "patch"].includes(verb)) throw unsupportedMethod();
  switch (verb) {
    case "get":
      return answerObject(
        exchange,
        place.resource,
        200,
        exchange.api.get(place.resource, place.namespace, place.name ?? ""),
      );
    case "list":
      return list(exchange, place);
    case "watch":
      return watch(exchange, place);
    case "create":
      return create(exchange, place);
    case "update":
    case "patch":
      return write(exchange, place);
    case "delete":
      return remove(exchange, place);
    case "deletecollection":
      return removeAll(exchange, place);
    default:
      throw unsupportedMethod();
  }
}

function predicateOf(exchange: Exchange, place: Place): Predicate {
  const { query } = exchange.ask;
  const byLabel = parseLabelSelector(query.get("labelSelector") ?? "");
  const byField = parseFieldSelector(query.get("fieldSelector") ?? "", place.resource);
  return (object) => byLabel(object) && byField(object);
}

interface Continue {
  /** The revision of the first page, which all pages report. */
  revision: string;
  /** The next page starts after this key. Objects that changed meanwhile are given as they are now. */
  after: string;
}

function parseContinue(token: string): Continue {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (isJson(value) && typeof value["revision"] === "string" && typeof value["after"] === "string") {
      return { revision: value["revision"], after: value["after"] };
    }
  } catch {
    // Falls through to the one answer for every token that is not ours.
  }
  throw badRequest("continue key is not valid: it was not made by this server");
}

function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}

function list(exchange: Exchange, place: Place): void {
  const { api, ask } = exchange;
  const { resource } = place;
  const matching = api.list(resource, place.namespace, predicateOf(exchange, place));
  const wanted = Number(ask.query.get("resourceVersion") ?? 0);
  if (wanted > api.store.revision)
    throw new ApiFailure(
      504,
      "Timeout",
      `Timeout: Too large resource version: ${wanted}, current: ${api.store.revision}`,
    );
  const token = ask.query.get("continue") ?? "";
  const from = token === "" ? undefined : parseContinue(token);
  if (from !== undefined && Number(from.revision) > api.store.revision)
    throw gone("The provided continue parameter is too old");
  const rest = from === undefined ? matching : matching.filter((object) => keyOf(object) > from.after);
  const limit = Number(ask.query.get("limit") ?? 0);
  const page = limit > 0 ? rest.slice(0, limit) : rest;
  const revision = from?.revision ?? String(api.store.revision);
  const last = page.at(-1);
  const metadata: Json = { resourceVersion: revision };
  if (page.length < rest.length && last !== undefined) {
    metadata["continue"] = Buffer.from(JSON.stringify({ revision, after: keyOf(last) })).toString("base64url");
    metadata["remainingItemCount"] = rest.length - page.length;
  }
  const form = formOf(exchange.request.headers.accept);
  if (form === "table") {
    const includeObject = ask.query.get("includeObject") ?? "Metadata";
    return answer(
      exchange,
      200,
      tableOf(resource, page, { includeObject, withColumns: true, metadata, nowMs: api.clock.now() }),
    );
  }
  if (form === "partial") {
    const items = page.map(partial);
    return answer(exchange, 200, { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1", metadata, items });
  }
  // Items of a list do not repeat their kind.
  const items = page.map(({ kind: _kind, apiVersion: _version, ...object }) => object);
  answer(exchange, 200, { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata, items });
}

function watch(exchange: Exchange, place: Place): void {
  const { api, ask, response } = exchange;
  const { query } = ask;
  const timeoutSeconds = Number(query.get("timeoutSeconds") ?? 0);
  const resourceVersion = query.get("resourceVersion") ?? "";
  if (!/^\d*$/.test(resourceVersion)) throw badRequest(`invalid resource version ${JSON.stringify(resourceVersion)}`);
  const end = serveWatch(
    api.store,
    {
      resource: place.resource,
      namespace: place.namespace,
      matches: predicateOf(exchange, place),
      resourceVersion,
      sendInitialEvents: isTrue(query.get("sendInitialEvents")),
      bookmarks: isTrue(query.get("allowWatchBookmarks")),
      timeoutMs: (timeoutSeconds > 0 ? timeoutSeconds : 1800) * 1000,
      render: (object, isFirst) => render(exchange, place.resource, object, isFirst),
    },
    response,
  );
  exchange.onDrain(end);
}

async function bodyOf(exchange: Exchange, kind: string): Promise<unknown> {
  const text = await readBody(exchange.request);
  return parseBody(text, exchange.request.headers["content-type"] ?? "", kind);
}

/** The body as an object; DELETE may come without one. */
export async function objectBody(exchange: Exchange, kind: string, emptyAllowed = false): Promise<Json> {
  const text = await readBody(exchange.request);
  if (text === "" && emptyAllowed) return {};
  const value = parseBody(text, exchange.request.headers["content-type"] ?? "", kind);
  if (isJson(value)) return value;
  throw badRequest(`the object provided is unrecognized (must be of type ${kind}): it is not an object`);
}

async function create(exchange: Exchange, place: Place): Promise<void> {
  if (place.name !== undefined) throw unsupportedMethod();
  const options = writeOptions("CreateOptions", exchange.ask.query, exchange.request, exchange.warnings);
  const body = await objectBody(exchange, place.resource.kind);
  answerObject(exchange, place.resource, 201, exchange.api.create(place.resource, place.namespace, body, options));
}

async function write(exchange: Exchange, place: Place): Promise<void> {
  const { api, ask, request } = exchange;
  const target: Target = { ...place, name: place.name ?? "" };
  if (place.name === undefined) throw unsupportedMethod();
  if (ask.verb === "update") {
    const options = writeOptions("UpdateOptions", ask.query, request, exchange.warnings);
    const body = await objectBody(exchange, place.resource.kind);
    return answerObject(exchange, place.resource, 200, api.update(target, body, options).object);
  }
  const type = patchTypeOf(request.headers["content-type"] ?? "");
  const options = writeOptions("PatchOptions", ask.query, request, exchange.warnings);
  checkApplyOptions(type === "apply", ask.query);
  const patch = await bodyOf(exchange, place.resource.kind);
  if (type === "apply" && api.store.get(place.resource.storedAs, place.namespace, target.name) === undefined) {
    const { group, plural } = place.resource;
    const { namespace, name } = target;
    exchange.authorizer.demand(exchange.user, {
      verb: "create",
      group,
      resource: plural,
      subresource: "",
      name,
      namespace,
      path: undefined,
    });
  }
  const { object, created } = api.patch(target, type, patch, options);
  answerObject(exchange, place.resource, created ? 201 : 200, object);
}

/** Kinds whose deletion answers with the object itself. */
const returned = new Set(["Pod", "Service", "ServiceAccount"]);

async function remove(exchange: Exchange, place: Place): Promise<void> {
  const { resource, namespace, name = "" } = place;
  const options = deleteOptions(await objectBody(exchange, "DeleteOptions", true), exchange.ask.query);
  const { object, removed } = deleteObject(exchange.api, resource, namespace, name, options);
  if (!removed || returned.has(resource.kind)) return answerObject(exchange, resource, 200, object);
  const group: Json = resource.group === "" ? {} : { group: resource.group };
  const details = { name, ...group, kind: resource.plural, uid: object.metadata.uid };
  answer(exchange, 200, { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details });
}

async function removeAll(exchange: Exchange, place: Place): Promise<void> {
  const { api } = exchange;
  const { resource } = place;
  const options = deleteOptions(await objectBody(exchange, "DeleteOptions", true), exchange.ask.query);
  const doomed = api.list(resource, place.namespace, predicateOf(exchange, place));
  const items = doomed.map(
    ({ metadata }) => deleteObject(api, resource, metadata.namespace, metadata.name, options).object,
  );
  const metadata = { resourceVersion: String(api.store.revision) };
  answer(exchange, 200, { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata, items });
}
