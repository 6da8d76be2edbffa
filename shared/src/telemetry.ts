import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  context as contextApi,
  isSpanContextValid,
  trace,
  type Attributes,
  type Context,
  type Span,
} from "@opentelemetry/api";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { reasonOf } from "./outcome.ts";

export interface Telemetry {
  shutdown(): Promise<void>;
}

/**
 * Starts OpenTelemetry in an agent. Trace context is made in any case, so that an incident is one trace across the processes; spans leave
 * the process only when asked, by the standard OTEL_EXPORTER_OTLP_* variables. The whole SDK costs 40 MB of memory and is loaded only then.
 */
export async function startTelemetry(serviceName: string, exports: boolean): Promise<Telemetry> {
  if (!exports) {
    const provider = new TracerProvider({ spanProcessors: [] });
    trace.setGlobalTracerProvider(provider);
    return { shutdown: () => provider.shutdown() };
  }
  const { NodeSDK } = await import("@opentelemetry/sdk-node");
  const sdk = new NodeSDK({
    serviceName: `omega-${serviceName}`,
    autoDetectResources: false,
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  return { shutdown: () => sdk.shutdown() };
}

const tracer = trace.getTracer("omega");

/** The W3C traceparent of a context, or undefined where no trace is running. */
export function traceparentOf(context: Context): string | undefined {
  const span = trace.getSpanContext(context);
  if (span === undefined || !isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, "0")}`;
}

function contextOf(traceparent: string | undefined): Context {
  const [, traceId, spanId, flags] = traceparent?.split("-") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  });
}

/** Runs `work` in a span that continues the given trace (or begins one), and hands it the traceparent that follow-up events carry. */
export async function inSpan<T>(
  name: string,
  options: {
    kind: "consumer" | "producer" | "client" | "internal";
    parent: string | undefined;
    attributes: Attributes;
  },
  work: (traceparent: string | undefined, span: Span) => Promise<T>,
): Promise<T> {
  const kind = {
    consumer: SpanKind.CONSUMER,
    producer: SpanKind.PRODUCER,
    client: SpanKind.CLIENT,
    internal: SpanKind.INTERNAL,
  }[options.kind];
  const parent = contextOf(options.parent);
  const span = tracer.startSpan(name, { kind, attributes: options.attributes }, parent);
  const context = trace.setSpan(parent, span);
  try {
    return await contextApi.with(context, () => work(traceparentOf(context), span));
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: reasonOf(error) });
    throw error;
  } finally {
    span.end();
  }
}
