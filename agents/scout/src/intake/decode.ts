import type { Harvest } from "./harvest.ts";
import { logsFromJson, MalformedJson, metricsFromJson, tracesFromJson } from "./otlp-json.ts";
import { logsFromProtobuf, metricsFromProtobuf, tracesFromProtobuf } from "./otlp-protobuf.ts";
import { MalformedBytes } from "./wire.ts";

export const signals = ["traces", "logs", "metrics"] as const;
export type SignalName = (typeof signals)[number];
export type Encoding = "protobuf" | "json";

const fromProtobuf = { traces: tracesFromProtobuf, logs: logsFromProtobuf, metrics: metricsFromProtobuf };
const fromJson = { traces: tracesFromJson, logs: logsFromJson, metrics: metricsFromJson };

/** One export request, read into the internal model; or, in words for its sender, why it cannot be. */
export const decode = (
  signal: SignalName,
  encoding: Encoding,
  bytes: Buffer,
): { ok: true; harvest: Harvest } | { ok: false; message: string } => {
  try {
    return {
      ok: true,
      harvest: encoding === "json" ? fromJson[signal](bytes.toString("utf8")) : fromProtobuf[signal](bytes),
    };
  } catch (error) {
    if (error instanceof MalformedBytes || error instanceof MalformedJson || error instanceof SyntaxError) {
      return { ok: false, message: `not an OTLP ${signal} request in ${encoding}: ${error.message}` };
    }
    throw error;
  }
};
