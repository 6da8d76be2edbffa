// One request with all that its handlers need, and the ways to answer it.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Api } from "../api/api.ts";
import type { ApiFailure } from "../api/failure.ts";
import { partial, tableOf } from "./tables.ts";
import type { Resource } from "../api/resources.ts";
import type { Json, KubeObject } from "../objects.ts";
import type { Authorizer, User } from "../rbac.ts";
import type { Ask } from "./request.ts";

export interface Exchange {
  api: Api;
  authorizer: Authorizer;
  ask: Ask;
  user: User;
  request: IncomingMessage;
  response: ServerResponse;
  warnings: string[];
  /** Watches register how to end them, so that the server can close. */
  onDrain: (end: () => void) => void;
}

export type Form = "object" | "table" | "partial";

/** The first form that the client accepts and that we can give. */
export function formOf(accept: string | undefined): Form {
  for (const part of (accept ?? "").split(",")) {
    const as = /as=(\w+)/.exec(part)?.[1];
    if (!part.includes("application/json") && !part.includes("*/*")) continue;
    if (as === undefined) return "object";
    if (as === "Table") return "table";
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return "partial";
  }
  return "object";
}

export function answer(exchange: Exchange, code: number, body: Json): void {
  const { response, warnings } = exchange;
  if (response.headersSent) return;
  for (const warning of warnings) response.appendHeader("warning", `299 - ${JSON.stringify(warning)}`);
  const text = JSON.stringify(body) + "\n";
  response.writeHead(code, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-cache, private",
  });
  response.end(exchange.request.method === "HEAD" ? undefined : text);
}

export function answerFailure(exchange: Exchange, failure: ApiFailure): void {
  if (failure.code === 429) exchange.response.setHeader("retry-after", "10");
  answer(exchange, failure.code, failure.status());
}

/** One object, in the form that the client asked for. */
export function answerObject(exchange: Exchange, resource: Resource, code: number, object: KubeObject): void {
  answer(exchange, code, render(exchange, resource, object, true));
}

export function render(exchange: Exchange, resource: Resource, object: KubeObject, withColumns: boolean): Json {
  const form = formOf(exchange.request.headers.accept);
  if (form === "partial") return partial(object);
  if (form === "object") return object;
  const { resourceVersion } = object.metadata;
  return tableOf(resource, [object], {
    includeObject: exchange.ask.query.get("includeObject") ?? "Metadata",
    withColumns,
    metadata: { resourceVersion },
    nowMs: exchange.api.clock.now(),
  });
}
