/** A small OTLP/HTTP receiver (JSON) that keeps what it is sent, so that tests can look at the decoded telemetry. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

type Attributes = Record<string, string | number | boolean | undefined>;

export interface SinkSpan {
  resource: Attributes;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  /** OTLP span kinds: 1 internal, 2 server, 3 client. */
  kind: number;
  /** 2 is an error. */
  status: number;
  durationMs: number;
  attributes: Attributes;
}

export interface SinkLog {
  resource: Attributes;
  traceId: string | undefined;
  spanId: string | undefined;
  severity: string;
  body: unknown;
  attributes: Attributes;
}

export interface OtlpSink extends AsyncDisposable {
  endpoint: string;
  spans: SinkSpan[];
  logs: SinkLog[];
  /** Names of the metrics seen, by service. */
  metrics: Map<string, Set<string>>;
  clear(): void;
}

export async function startOtlpSink(): Promise<OtlpSink> {
  const spans: SinkSpan[] = [];
  const logs: SinkLog[] = [];
  const metrics = new Map<string, Set<string>>();
  const server = createServer((request, response) => {
    void readJson(request).then((body) => {
      if (request.url === "/v1/traces") spans.push(...decodeSpans(body));
      else if (request.url === "/v1/logs") logs.push(...decodeLogs(body));
      else noteMetrics(body, metrics);
      response.setHeader("content-type", "application/json");
      response.end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    spans,
    logs,
    metrics,
    clear() {
      spans.length = 0;
      logs.length = 0;
      metrics.clear();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface OtlpAttribute {
  key: string;
  value: { stringValue?: string; intValue?: string | number; doubleValue?: number; boolValue?: boolean };
}
interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  status?: { code?: number };
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: OtlpAttribute[];
}
interface OtlpLog {
  traceId?: string;
  spanId?: string;
  severityText: string;
  body?: { stringValue?: string };
  attributes: OtlpAttribute[];
}
interface Resource {
  resource: { attributes: OtlpAttribute[] };
}
interface OtlpBody {
  resourceSpans?: (Resource & { scopeSpans: { spans: OtlpSpan[] }[] })[];
  resourceLogs?: (Resource & { scopeLogs: { logRecords: OtlpLog[] }[] })[];
  resourceMetrics?: (Resource & { scopeMetrics: { metrics: { name: string }[] }[] })[];
}

async function readJson(request: IncomingMessage): Promise<OtlpBody> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as OtlpBody;
}

function flatten(attributes: OtlpAttribute[]): Attributes {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ??
        (value.intValue === undefined ? undefined : Number(value.intValue)) ??
        value.doubleValue ??
        value.boolValue,
    ]),
  );
}

function decodeSpans(body: OtlpBody): SinkSpan[] {
  return (body.resourceSpans ?? []).flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        resource: flatten(resource.attributes),
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId === "" ? undefined : span.parentSpanId,
        name: span.name,
        kind: span.kind,
        status: span.status?.code ?? 0,
        durationMs: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
        attributes: flatten(span.attributes),
      })),
    ),
  );
}

function decodeLogs(body: OtlpBody): SinkLog[] {
  return (body.resourceLogs ?? []).flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map((record) => ({
        resource: flatten(resource.attributes),
        traceId: record.traceId,
        spanId: record.spanId,
        severity: record.severityText,
        body: record.body?.stringValue,
        attributes: flatten(record.attributes),
      })),
    ),
  );
}

function noteMetrics(body: OtlpBody, seen: Map<string, Set<string>>): void {
  for (const { resource, scopeMetrics } of body.resourceMetrics ?? []) {
    const service = String(flatten(resource.attributes)["service.name"]);
    const names = seen.get(service) ?? new Set<string>();
    for (const { metrics } of scopeMetrics) for (const { name } of metrics) names.add(name);
    seen.set(service, names);
  }
}
