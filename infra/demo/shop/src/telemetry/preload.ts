/**
 * OpenTelemetry auto-instrumentation of one shop process: `node --import …/preload.ts release.ts`.
 *
 * The service knows nothing of it. Server spans and HTTP metrics come from the `http` instrumentation, client spans
 * from `fetch`, routes from Express, queries from pg, log records (with their exceptions) from pino.
 * Only the pieces that are used are loaded; the full node SDK brings gRPC, Zipkin and Prometheus along, 16 MB a process
 * that nothing here needs.
 *
 * Everything is set by the standard environment: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_RESOURCE_ATTRIBUTES,
 * OTEL_SERVICE_NAME, OTEL_BSP_SCHEDULE_DELAY, OTEL_BLRP_SCHEDULE_DELAY, OTEL_METRIC_EXPORT_INTERVAL (milliseconds).
 * OTEL_SDK_DISABLED=true turns it off.
 */
import { context, logs, metrics, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { getBooleanFromEnv, getNumberFromEnv, W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { ExpressInstrumentation, ExpressLayerType } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { PgInstrumentation } from "@opentelemetry/instrumentation-pg";
import { PinoInstrumentation } from "@opentelemetry/instrumentation-pino";
import { RuntimeNodeInstrumentation } from "@opentelemetry/instrumentation-runtime-node";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { AlwaysOnSampler, BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { register } from "import-in-the-middle/register-hooks.mjs";

if (getBooleanFromEnv("OTEL_SDK_DISABLED") !== true) start();

function start(): void {
  // The services are ES modules, and these three are reached by `import`, which no require hook sees.
  register({ include: ["express", "pg", "pino"] });

  // Version and commit are baked into the image, so a rolled-back Deployment reports what really runs.
  const resource = defaultResource()
    .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }))
    .merge(resourceFromAttributes(imageAttributes()));

  const tracerProvider = new TracerProvider({
    resource,
    sampler: new AlwaysOnSampler(),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter(),
        scheduledDelayMillis: getNumberFromEnv("OTEL_BSP_SCHEDULE_DELAY") ?? 500,
      }),
    ],
  });
  const loggerProvider = new LoggerProvider({
    resource,
    processors: [
      new BatchLogRecordProcessor({
        exporter: new OTLPLogExporter(),
        scheduledDelayMillis: getNumberFromEnv("OTEL_BLRP_SCHEDULE_DELAY") ?? 500,
      }),
    ],
  });
  const exportIntervalMillis = getNumberFromEnv("OTEL_METRIC_EXPORT_INTERVAL") ?? 5_000;
  const meterProvider = new MeterProvider({
    resource,
    readers: [
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter(),
        exportIntervalMillis,
        exportTimeoutMillis: Math.min(exportIntervalMillis, 5_000),
      }),
    ],
  });

  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(tracerProvider);
  logs.setGlobalLoggerProvider(loggerProvider);
  metrics.setGlobalMeterProvider(meterProvider);
  registerInstrumentations({ instrumentations: instrumentations() });

  // The loop is empty once the service has closed its server and pools, so this is the last thing a process does.
  process.once("beforeExit", () => {
    void Promise.allSettled([tracerProvider.shutdown(), loggerProvider.shutdown(), meterProvider.shutdown()]);
  });
}

function instrumentations() {
  return [
    new HttpInstrumentation({
      disableOutgoingRequestInstrumentation: true,
      ignoreIncomingRequestHook: (request) => request.url?.startsWith("/healthz") ?? false,
    }),
    new UndiciInstrumentation(),
    // One server span a request: the layers of Express add its route to that span and no spans of their own.
    new ExpressInstrumentation({
      ignoreLayersType: [ExpressLayerType.MIDDLEWARE, ExpressLayerType.ROUTER, ExpressLayerType.REQUEST_HANDLER],
    }),
    new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true }),
    new PinoInstrumentation(),
    new RuntimeNodeInstrumentation({ monitoringPrecision: 1_000 }),
  ];
}

function imageAttributes(): Record<string, string> {
  const { SERVICE_VERSION: version, SERVICE_REVISION: revision } = process.env;
  return {
    ...(version === undefined ? {} : { "service.version": version }),
    ...(revision === undefined ? {} : { "vcs.ref.head.revision": revision }),
  };
}
