import { Attributes } from "@omega/scout/telemetry/attributes.ts";
import { resourceOf } from "@omega/scout/telemetry/conventions.ts";
import type { LogRecord, Resource, Span } from "@omega/scout/telemetry/model.ts";

const services = ["storefront", "checkout", "inventory", "payments", "shipping"] as const;

const resources: readonly Resource[] = services.map((service) =>
  resourceOf(
    Attributes.of({ "service.name": service, "service.version": "1.4.0", "service.instance.id": `${service}-0` }),
  ),
);

/** The spans of one request: a server span in each service of a chain and a client span around all but the first. */
export const spansPerTrace = 2 * services.length - 1;

export interface Traffic {
  readonly spans: Span[];
  readonly logs: LogRecord[];
}

const blank = { statusMessage: "", events: [], links: [] } as const;
const id = (number: number, digits: number): string => (number + 1).toString(16).padStart(digits, "0");

/** One request, the `number`th, that begins at `startMs`. With `slowMs` its payments service takes that much longer. */
export function requestAt(number: number, startMs: number, slowMs: number, into: Traffic): void {
  const traceId = `a${id(number, 31)}`;
  let parentSpanId = "";
  let atMs = startMs;
  // A little variety from the number itself, the same in each run.
  let durationMs = 60 + ((number * 7919) % 17) + slowMs;
  for (const [depth, service] of services.entries()) {
    const resource = resources[depth];
    if (resource === undefined) break;
    const name = `POST /${service}`;
    const attributes = Attributes.of({
      "http.request.method": "POST",
      "http.route": `/${service}`,
      "http.response.status_code": 200,
      "url.path": `/${service}/${number}`,
    });
    const of = { traceId, name, attributes, status: "unset", ...blank } as const;
    if (depth > 0) {
      const spanId = id(number * 16 + 2 * depth - 1, 16);
      const caller = resources[depth - 1] ?? resource;
      into.spans.push({ ...of, spanId, parentSpanId, kind: "client", startMs: atMs, durationMs, resource: caller });
      parentSpanId = spanId;
      atMs += 1;
      durationMs -= 2;
    }
    const spanId = id(number * 16 + 2 * depth, 16);
    into.spans.push({ ...of, spanId, parentSpanId, kind: "server", startMs: atMs, durationMs, resource });
    into.logs.push({
      timeMs: atMs + 1,
      traceId,
      spanId,
      severity: 9,
      body: `${service} takes order ${number}`,
      attributes: Attributes.none,
      resource,
    });
    parentSpanId = spanId;
    atMs += 3;
    durationMs -= service === "payments" ? 6 + slowMs : 6;
  }
}
