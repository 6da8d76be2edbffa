import { parseArgs } from "node:util";
import { fail, ok } from "@omega/shared/outcome.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import { storedTrace } from "./adapters/trace-store.ts";
import type { Harvest } from "./intake/harvest.ts";
import { readTelemetry } from "./intake/otlp-files.ts";
import type { Span } from "./telemetry/model.ts";
import { assemble } from "./telemetry/trace.ts";
import { judgedTrace } from "./trace/judged-trace.ts";

// What `omega trace` runs: one trace out of a recording, Jaeger or Tempo. A waterfall as JSON on standard output, failures on
// standard error; exit code 0 with a trace, 1 when nobody has it, 64 for wrong arguments, 69 when the source can't be read.

const usage = "usage: trace-main.ts --id TRACE-ID (--incident DIR | --jaeger URL | --tempo URL) [--source-root DIR]...";

const stop = (code: number, text: string): never => {
  process.stderr.write(`${text}\n`);
  process.exit(code);
};

const argumentsGiven = () => {
  try {
    return parseArgs({
      options: {
        id: { type: "string" },
        incident: { type: "string" },
        jaeger: { type: "string" },
        tempo: { type: "string" },
        "source-root": { type: "string", multiple: true },
      },
    }).values;
  } catch (error) {
    return stop(64, `${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
};

const { id = "", incident, jaeger, tempo, "source-root": sourceRoots = [] } = argumentsGiven();
if ([incident, jaeger, tempo].filter((source) => source !== undefined).length !== 1) stop(64, usage);
if (!/^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i.test(id))
  stop(64, `${id}: a trace id has 32 hex digits (or 16, of old tracers)`);
const traceId = id.toLowerCase().padStart(32, "0");

const source = async (): Promise<Outcome<{ readonly harvest: Harvest; readonly partial: boolean }>> => {
  if (jaeger !== undefined) return await storedTrace({ kind: "jaeger", url: jaeger }, traceId);
  if (tempo !== undefined) return await storedTrace({ kind: "tempo", url: tempo }, traceId);
  const read = await readTelemetry(incident ?? "");
  if (!read.ok) return read;
  if (!read.value.spans.some((span) => span.traceId === traceId))
    return fail("terminal", "trace_unknown", `${incident}: no span of trace ${traceId}`);
  return ok({ harvest: read.value, partial: false });
};

const found = await source();
if (!found.ok) stop(found.failure.code === "trace_unknown" ? 1 : 69, found.failure.message);
else {
  const { harvest, partial } = found.value;
  const byTrace = new Map<string, Span[]>();
  for (const span of harvest.spans) {
    const spans = byTrace.get(span.traceId);
    if (spans === undefined) byTrace.set(span.traceId, [span]);
    else spans.push(span);
  }
  const logs = harvest.logs.filter((log) => log.traceId === traceId);
  const others = [...byTrace].map(([other, spans]) => assemble(other, spans));
  const shown = judgedTrace(assemble(traceId, byTrace.get(traceId) ?? [], logs), others, sourceRoots);
  if (shown === undefined) stop(1, `${traceId}: no usable span`);
  const notes = partial ? ["The store left spans out: the trace is partial."] : [];
  process.stdout.write(`${JSON.stringify({ ...shown, notes: [...notes, ...(shown?.notes ?? [])] })}\n`);
}
