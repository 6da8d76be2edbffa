import type { Harvest } from "../src/intake/harvest.ts";
import type { Attributes } from "../src/telemetry/attributes.ts";
import { endMs } from "../src/telemetry/model.ts";

const kinds = ["", "internal", "server", "client", "producer", "consumer"];
const statuses = ["unset", "ok", "error"];

const attributes = (of: Attributes): object[] =>
  [...of.entries()].map(([key, value]) => ({
    key,
    value:
      typeof value === "number"
        ? { doubleValue: value }
        : { stringValue: typeof value === "string" ? value : JSON.stringify(value) },
  }));
const nanos = (ms: number): string =>
  `${Math.floor(ms)}${String(Math.round((ms % 1) * 1e6))
    .padStart(6, "0")
    .slice(0, 6)}`;

/** The spans of a harvest as the Collector's file exporter writes them: one export request a line, here one a span. */
export const otlpLines = (harvest: Harvest): string =>
  harvest.spans
    .map((span) =>
      JSON.stringify({
        resourceSpans: [
          {
            resource: { attributes: attributes(span.resource.attributes) },
            scopeSpans: [
              {
                spans: [
                  {
                    traceId: span.traceId,
                    spanId: span.spanId,
                    parentSpanId: span.parentSpanId,
                    name: span.name,
                    kind: kinds.indexOf(span.kind),
                    startTimeUnixNano: nanos(span.startMs),
                    endTimeUnixNano: nanos(endMs(span)),
                    status: { code: statuses.indexOf(span.status) },
                    attributes: attributes(span.attributes),
                    events: span.events.map((event) => ({
                      name: event.name,
                      timeUnixNano: nanos(event.timeMs),
                      attributes: attributes(event.attributes),
                    })),
                  },
                ],
              },
            ],
          },
        ],
      }),
    )
    .join("\n");
