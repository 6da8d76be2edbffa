// HTTPS: who asks, may they, and which handler answers. Every failure becomes a Status object.
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { Api } from "../api/api.ts";
import { ApiFailure } from "../api/failure.ts";
import { patchTypeOf } from "../api/patching.ts";
import { findResource, resourceNamed, reviews, type Resource } from "../api/resources.ts";
import { bindPod, evictPod, scaleOf, writeScale } from "../api/subresources.ts";
import { isJson, type Json, type Node, type Pod } from "../objects.ts";
import { Authorizer, type Attributes, type User } from "../rbac.ts";
import { checkApplyOptions, deleteOptions, parseBody, readBody, writeOptions } from "./body.ts";
import { discoveryAt, versionDocument } from "./discovery.ts";
import { answer, answerFailure, answerObject, type Exchange } from "./exchange.ts";
import { objectBody, serveResource } from "./handlers.ts";
import { openApiAt } from "./openapi.ts";
import { servePodLog } from "./pod-log.ts";
import { parseAsk } from "./request.ts";

export interface ServerOptions {
  api: Api;
  users: ReadonlyMap<string, User>;
  key: string;
  cert: string;
}

export interface ApiServer {
  server: Server;
  /** Ends the watches and waits for the requests under way. */
  drain: () => Promise<void>;
}

export function createApiServer(options: ServerOptions): ApiServer {
  const { api, users, key, cert } = options;
  const authorizer = new Authorizer(api.store);
  const watches = new Set<() => void>();
  const server = createServer({ key, cert, keepAlive: true }, (request, response) => {
    void (async () => {
      const ask = parseAsk(request.method ?? "GET", new URL(request.url ?? "/", "https://server"));
      const onDrain = (end: () => void): void => {
        watches.add(end);
        response.on("close", () => watches.delete(end));
      };
      const nobody: User = { name: "system:anonymous", uid: "", groups: ["system:unauthenticated"] };
      const exchange: Exchange = { api, authorizer, ask, user: nobody, request, response, warnings: [], onDrain };
      try {
        await route(exchange, users);
      } catch (error) {
        answerFailure(exchange, failureOf(error));
      }
    })();
  });
  server.keepAliveTimeout = 60_000;
  const drain = async (): Promise<void> => {
    for (const end of watches) end();
    server.closeIdleConnections();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      setTimeout(() => server.closeAllConnections(), 2_000).unref();
    });
  };
  return { server, drain };
}

/** A fault of our own must not take the cluster down with it; it is told to whoever asked, as kube-apiserver tells its panics. */
function failureOf(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`control plane: ${why}\n`);
  return new ApiFailure(
    500,
    "InternalError",
    `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`,
  );
}

function authenticate(request: IncomingMessage, users: ReadonlyMap<string, User>): User {
  const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const user = token === undefined ? undefined : users.get(token.trim());
  if (user === undefined) throw new ApiFailure(401, "Unauthorized", "Unauthorized");
  return impersonated(request, user);
}

/** `kubectl --as`: for those who may do everything anyway. */
function impersonated(request: IncomingMessage, user: User): User {
  const name = request.headers["impersonate-user"];
  if (typeof name !== "string") return user;
  if (!user.groups.includes("system:masters")) {
    const message = `users "${name}" is forbidden: User "${user.name}" cannot impersonate resource "users" in API group "" at the cluster scope`;
    throw new ApiFailure(403, "Forbidden", message, { name, kind: "users" });
  }
  const groups = request.headers["impersonate-group"];
  const listed = typeof groups === "string" ? groups.split(",").map((group) => group.trim()) : (groups ?? []);
  return { name, uid: "", groups: [...listed, "system:authenticated"] };
}

const health = new Set(["/healthz", "/livez", "/readyz"]);

async function route(exchange: Exchange, users: ReadonlyMap<string, User>): Promise<void> {
  const { ask, response } = exchange;
  if (health.has(ask.path)) {
    response.writeHead(200, { "content-type": "text/plain" }).end("ok");
    return;
  }
  exchange.user = authenticate(exchange.request, users);
  if (ask.api === undefined) return serveDocument(exchange);
  const { group, version, plural, name, subresource, namespace } = ask.api;
  const resource = findResource(group, version, plural);
  const clusterObject = plural === "namespaces" ? name : namespace;
  const asked: Attributes = {
    verb: ask.verb,
    group,
    resource: plural,
    subresource,
    name: name ?? "",
    namespace: clusterObject,
    path: undefined,
  };
  exchange.authorizer.demand(exchange.user, asked);
  if (resource === undefined) return serveReview(exchange, group, version, plural);
  if (
    resource.namespaced !== (namespace !== undefined) &&
    (name !== undefined || ask.verb === "create" || !resource.namespaced)
  )
    throw unknownPath();
  if (subresource === "" || (subresource === "status" && resource.hasStatus)) {
    return serveResource(exchange, { resource, namespace, name, subresource });
  }
  if (!resource.subresources.includes(subresource) || name === undefined) throw unknownPath();
  return serveSubresource(exchange, resource, namespace, name);
}

function unknownPath(): ApiFailure {
  return new ApiFailure(404, "NotFound", "the server could not find the requested resource", {});
}

function serveDocument(exchange: Exchange): void {
  const { ask, response, user } = exchange;
  const attributes: Attributes = {
    verb: ask.verb,
    group: "",
    resource: "",
    subresource: "",
    name: "",
    namespace: undefined,
    path: ask.path,
  };
  exchange.authorizer.demand(user, attributes);
  if (ask.method !== "GET" && ask.method !== "HEAD")
    throw new ApiFailure(405, "MethodNotAllowed", "only GET is allowed here");
  const path = ask.path.replace(/(.)\/$/, "$1");
  const document = path === "/version" ? versionDocument : discoveryAt(path);
  if (document !== undefined) return answer(exchange, 200, document);
  const openApi = openApiAt(path, exchange.request.headers.accept ?? "");
  if (openApi !== undefined) {
    response.writeHead(200, { "content-type": openApi.contentType }).end(openApi.body);
    return;
  }
  if (path.startsWith("/api")) throw unknownPath();
  response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found\n");
}

async function serveReview(exchange: Exchange, group: string, version: string, plural: string): Promise<void> {
  const known = reviews.some(
    (review) => review.group === group && review.version === version && review.plural === plural,
  );
  if (!known || exchange.ask.verb !== "create") throw unknownPath();
  const body = await objectBody(exchange, "SelfSubjectAccessReview");
  const spec = isJson(body["spec"]) ? body["spec"] : {};
  const allowed = exchange.authorizer.may(exchange.user, attributesOf(spec));
  answer(exchange, 201, {
    ...body,
    kind: "SelfSubjectAccessReview",
    apiVersion: `${group}/${version}`,
    spec,
    status: { allowed },
  });
}

function attributesOf(spec: Json): Attributes {
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const path = isJson(spec["nonResourceAttributes"]) ? spec["nonResourceAttributes"] : undefined;
  const asked = isJson(spec["resourceAttributes"]) ? spec["resourceAttributes"] : {};
  return {
    verb: text((path ?? asked)["verb"]),
    group: text(asked["group"]),
    resource: text(asked["resource"]),
    subresource: text(asked["subresource"]),
    name: text(asked["name"]),
    namespace: text(asked["namespace"]) === "" ? undefined : text(asked["namespace"]),
    path: path === undefined ? undefined : text(path["path"]),
  };
}

async function serveSubresource(
  exchange: Exchange,
  resource: Resource,
  namespace: string | undefined,
  name: string,
): Promise<void> {
  const { api, ask, request } = exchange;
  const subresource = ask.api?.subresource;
  const allowed: Readonly<Record<string, readonly string[]>> = {
    scale: ["get", "update", "patch"],
    log: ["get"],
    binding: ["create"],
    eviction: ["create"],
    finalize: ["update"],
  };
  if (subresource === undefined || allowed[subresource]?.includes(ask.verb) !== true) {
    throw new ApiFailure(
      405,
      "MethodNotAllowed",
      "the server does not allow this method on the requested resource",
      {},
    );
  }
  if (ask.verb === "get") {
    const parent = api.get(resource, namespace, name);
    if (subresource === "scale") return answer(exchange, 200, scaleOf(parent));
    const nodeName = (parent as Pod).spec.nodeName ?? "";
    const node = api.store.get(resourceNamed("", "nodes").storedAs, undefined, nodeName) as Node | undefined;
    return servePodLog(parent as Pod, node, ask.query, exchange.response);
  }
  const options = writeOptions(
    ask.verb === "create" ? "CreateOptions" : ask.verb === "update" ? "UpdateOptions" : "PatchOptions",
    ask.query,
    request,
    exchange.warnings,
  );
  const type = ask.verb === "patch" ? patchTypeOf(request.headers["content-type"] ?? "") : undefined;
  if (type !== undefined) checkApplyOptions(type === "apply", ask.query);
  const body = parseBody(await readBody(request), request.headers["content-type"] ?? "", resource.kind);
  switch (subresource) {
    case "scale":
      return answer(
        exchange,
        200,
        writeScale(api, { resource, namespace, name, subresource: "scale" }, type, body, options),
      );
    case "binding":
      bindPod(api, namespace, name, body, options);
      return answer(exchange, 201, success);
    case "eviction":
      evictPod(api, namespace, name, body, options.dryRun, (each) => deleteOptions(each));
      return answer(exchange, 201, success);
    default:
      return answerObject(exchange, resource, 200, finalize(api, resource, name, body, options.manager));
  }
}

const success: Json = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };

/** namespaces/finalize: the only way to take a namespace's spec.finalizers away. */
function finalize(api: Api, resource: Resource, name: string, body: unknown, manager: string) {
  const spec = isJson(body) && isJson(body["spec"]) ? body["spec"] : {};
  const change = { ...api.get(resource, undefined, name), spec };
  return api.modify({ resource, namespace: undefined, name, subresource: "" }, () => change, manager);
}
