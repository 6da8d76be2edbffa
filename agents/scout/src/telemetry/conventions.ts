import { Attributes } from "./attributes.ts";
import type { AttributeValue } from "./attributes.ts";
import type { LogRecord, Resource, Span } from "./model.ts";

// Reading OpenTelemetry's semantic conventions, the stable name first and the deprecated ones after it.

export const resourceOf = (attributes: Attributes): Resource => ({
  service: attributes.text("service.name") ?? "unknown_service",
  version: attributes.text("service.version"),
  instance: attributes.text("service.instance.id", "k8s.pod.name", "host.name"),
  // In a pod, the host is called what the pod is called.
  pod: attributes.text("k8s.pod.name", "host.name"),
  language: attributes.text("telemetry.sdk.language"),
  attributes,
});

export const httpMethod = (span: Span): string | undefined =>
  span.attributes.text("http.request.method", "http.method");

export const httpStatus = (span: Span): number | undefined =>
  span.attributes.number("http.response.status_code", "http.status_code");

/** gRPC codes that mean the server failed; the others are the caller's doing (OpenTelemetry RPC conventions). */
const grpcServerFailures = new Set([2, 4, 12, 13, 14, 15]);

/**
 * Whether this span failed. An explicit status decides; without one, a server's 5xx and a failing gRPC code count too, because
 * not every instrumentation sets a status.
 */
export const failed = (span: Span): boolean => {
  if (span.status !== "unset") return span.status === "error";
  if ((httpStatus(span) ?? 0) >= 500) return true;
  const grpc = span.attributes.number("rpc.grpc.status_code");
  return grpc !== undefined && grpcServerFailures.has(grpc);
};

/** Whether a request enters its service with this span: what users of the service see. */
export const isEntry = (span: Span): boolean =>
  span.kind === "server" || span.kind === "consumer" || (span.parentSpanId === "" && span.kind === "internal");

const changingSegment = /^(\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|.{41,})$/i;

/** `/orders/1234/items` gives `/orders/{id}/items`, so that paths without a route don't make an operation each. */
const pathTemplate = (path: string): string =>
  (path.split(/[?#]/)[0] ?? path)
    .split("/")
    .map((segment) => (changingSegment.test(segment) ? "{id}" : segment))
    .join("/");

const joined = new Map<string, Map<string, string>>();
const joinedMax = 4096;
let joinedCount = 0;

/** `method route`, made once for each pair, so that it is hashed once and shared. */
const join = (method: string, route: string): string => {
  let routes = joined.get(method);
  const known = routes?.get(route);
  if (known !== undefined) return known;
  const name = `${method} ${route}`;
  if (joinedCount >= joinedMax) return name;
  if (routes === undefined) {
    routes = new Map();
    joined.set(method, routes);
  }
  routes.set(route, name);
  joinedCount += 1;
  return name;
};

/** What this span does, in a name of low cardinality: `POST /charge`, `SELECT shop`, `checkout.place`. */
export const operationOf = (span: Span): string => {
  const method = httpMethod(span);
  if (method === undefined) return span.name;
  const route = span.attributes.text("http.route");
  if (route !== undefined) return join(method, route);
  if (span.name !== method && span.name !== `HTTP ${method}`) return span.name;
  const path = span.attributes.text("url.path", "http.target", "url.full", "http.url");
  return path === undefined ? span.name : `${method} ${pathTemplate(path.replace(/^[a-z]+:\/\/[^/]+/i, ""))}`;
};

/** The other end of a client span: a peer service, a database or a host with its port. */
export const peerOf = (span: Span): string | undefined => {
  const { attributes } = span;
  const named = attributes.text("peer.service", "service.peer.name");
  if (named !== undefined) return named;
  const host = attributes.text("server.address", "net.peer.name", "net.peer.ip");
  const port = attributes.number("server.port", "net.peer.port");
  if (host !== undefined) return port === undefined ? host : `${host}:${port}`;
  return attributes.text("db.system.name", "db.system", "messaging.system", "rpc.system");
};

export const isDatabaseCall = (span: Span): boolean =>
  span.attributes.text("db.system.name", "db.system") !== undefined;

export interface ExceptionSeen {
  readonly type: string | undefined;
  readonly message: string | undefined;
  readonly stack: string | undefined;
}

const exceptionIn = (attributes: Attributes): ExceptionSeen | undefined => {
  const seen = {
    type: attributes.text("exception.type", "err.type", "error.type"),
    message: attributes.text("exception.message", "err.message", "error.message"),
    stack: attributes.text("exception.stacktrace", "err.stack", "error.stack", "stack"),
  };
  if (seen.stack !== undefined || attributes.text("exception.type", "exception.message") !== undefined) return seen;
  for (const name of ["err", "error", "exception"]) {
    const nested = attributes.get(name);
    if (typeof nested === "object" && nested !== null && !Array.isArray(nested)) {
      const fields = Attributes.of(nested as Record<string, AttributeValue>);
      const stack = fields.text("stack", "stacktrace");
      if (stack !== undefined) return { type: fields.text("type", "name"), message: fields.text("message"), stack };
    }
  }
  return undefined;
};

/** Exceptions recorded as span events: in order of time, so the last one is what left the span. */
export const exceptionsOfSpan = (span: Span): ExceptionSeen[] =>
  span.events
    .filter((event) => event.name === "exception")
    .map((event) => exceptionIn(event.attributes))
    .filter((seen) => seen !== undefined);

const looksLikeStack = /\n\s+at |\n\s+File "|\ngoroutine |\n\tat /;

/** An exception written as a log record: by the conventions, as a logger's `err` object, or as text with a stack in it. */
export const exceptionOfLog = (log: LogRecord): ExceptionSeen | undefined => {
  const seen = exceptionIn(log.attributes);
  if (seen !== undefined) return seen;
  if (typeof log.body === "string") {
    if (!looksLikeStack.test(log.body)) return undefined;
    return { type: undefined, message: log.body.split("\n", 1)[0], stack: log.body };
  }
  if (typeof log.body === "object" && log.body !== null && !Array.isArray(log.body)) {
    return exceptionIn(Attributes.of(log.body as Record<string, AttributeValue>));
  }
  return undefined;
};

/** Where the instrumentation itself says the code is (`code.*`). */
export const codeOf = (attributes: Attributes): { file: string; line?: number; function?: string } | undefined => {
  const file = attributes.text("code.file.path", "code.filepath");
  if (file === undefined) return undefined;
  const line = attributes.number("code.line.number", "code.lineno");
  const name = attributes.text("code.function.name", "code.function");
  return { file, ...(line === undefined ? {} : { line }), ...(name === undefined ? {} : { function: name }) };
};
