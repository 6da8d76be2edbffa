import { Harvest } from "../src/intake/harvest.ts";
import { Attributes } from "../src/telemetry/attributes.ts";
import type { AttributeValue } from "../src/telemetry/attributes.ts";
import { resourceOf } from "../src/telemetry/conventions.ts";
import type { Resource, Span } from "../src/telemetry/model.ts";

/** One request as a test tells it: a server span, and for each call in it a client span around the callee's. */
export interface Told {
  readonly service: string;
  readonly operation: string;
  readonly ms: number;
  /** When it starts after its caller's start. */
  readonly at?: number;
  readonly failed?: boolean;
  /** The client span fails although the callee's does not, or the other way round. */
  readonly callFailed?: boolean;
  /** The client span's own length, where the caller gave up waiting. */
  readonly callMs?: number;
  readonly error?: { readonly type: string; readonly message: string; readonly stack?: string };
  /** The error is in a log record of the span instead of a span event. */
  readonly logged?: boolean;
  readonly version?: string;
  readonly instance?: string;
  /** A database or another party that sends no spans. */
  readonly database?: boolean;
  /** Its server span never arrives. */
  readonly lost?: boolean;
  /** How far this service's clock is ahead. */
  readonly skewMs?: number;
  readonly calls?: readonly Told[];
}

let ids = 0;
const spanId = (): string => (ids += 1).toString(16).padStart(16, "0");

const resources = new Map<string, Resource>();
const resourceFor = ({ service, version = "1.0.0", instance = `${service}-0` }: Told): Resource => {
  const key = `${service}@${version}/${instance}`;
  const known = resources.get(key);
  if (known !== undefined) return known;
  const attributes = {
    "service.name": service,
    "service.version": version,
    "service.instance.id": instance,
    "telemetry.sdk.language": "nodejs",
  };
  const made = resourceOf(Attributes.of(attributes));
  resources.set(key, made);
  return made;
};

/** The spans and logs of one request that began at `startMs`. */
export const telemetryOf = (root: Told, startMs: number, harvest: Harvest = new Harvest()): Harvest => {
  ids += 1;
  const traceId = (ids * 2654435761).toString(16).padStart(16, "0").slice(-16).padStart(32, "a");
  server(root, startMs, "", traceId, harvest);
  return harvest;
};

const blank = { statusMessage: "", events: [], links: [] } as const;

const server = (told: Told, startMs: number, parentSpanId: string, traceId: string, harvest: Harvest): void => {
  const id = spanId();
  const [method = "GET", route = "/"] = told.operation.split(" ");
  const resource = resourceFor(told);
  const attributes: Record<string, AttributeValue> = { "http.request.method": method, "http.route": route };
  const { error } = told;
  const thrown =
    error === undefined
      ? {}
      : { "exception.type": error.type, "exception.message": error.message, "exception.stacktrace": error.stack ?? "" };
  const at = startMs + (told.skewMs ?? 0);
  const span: Span = {
    ...blank,
    traceId,
    spanId: id,
    parentSpanId,
    name: told.operation,
    kind: "server",
    startMs: at,
    durationMs: told.ms,
    status: told.failed === true ? "error" : "unset",
    attributes: Attributes.of(attributes),
    events:
      error !== undefined && told.logged !== true
        ? [{ name: "exception", timeMs: at + told.ms, attributes: Attributes.of(thrown) }]
        : [],
    resource,
  };
  if (told.lost !== true) harvest.span(span);
  if (error !== undefined && told.logged === true) {
    harvest.log({
      timeMs: at,
      traceId,
      spanId: id,
      severity: 17,
      body: error.message,
      attributes: Attributes.of(thrown),
      resource,
    });
  }
  for (const call of told.calls ?? []) client(call, told, startMs + (call.at ?? 1), id, traceId, harvest);
};

const client = (
  call: Told,
  caller: Told,
  startMs: number,
  parentSpanId: string,
  traceId: string,
  harvest: Harvest,
): void => {
  const id = spanId();
  const [method = "GET"] = call.operation.split(" ");
  const attributes: Record<string, AttributeValue> =
    call.database === true
      ? { "db.system.name": "postgresql", "server.address": call.service }
      : { "http.request.method": method, "server.address": call.service, "server.port": 8080 };
  harvest.span({
    ...blank,
    traceId,
    spanId: id,
    parentSpanId,
    name: call.database === true ? call.operation : method,
    kind: "client",
    startMs: startMs + (caller.skewMs ?? 0),
    durationMs: call.callMs ?? call.ms + 1,
    status: (call.callFailed ?? call.failed) === true ? "error" : "unset",
    statusMessage: call.database === true ? (call.error?.message ?? "") : "",
    attributes: Attributes.of(attributes),
    resource: resourceFor(caller),
  });
  if (call.database !== true) server(call, startMs + 0.5, id, traceId, harvest);
};

/** A small seeded generator (mulberry32): the same seed tells the same story. */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
};
