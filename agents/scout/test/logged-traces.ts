import { Attributes } from "../src/telemetry/attributes.ts";
import { resourceOf } from "../src/telemetry/conventions.ts";
import type { LogRecord, Resource, Span } from "../src/telemetry/model.ts";
import { assemble } from "../src/telemetry/trace.ts";
import type { Trace } from "../src/telemetry/trace.ts";

/** A span as a test tells it, with what it logs and calls in order; each step takes a millisecond, each call as long as it says. */
export interface LoggedSpan {
  readonly service: string;
  readonly name: string;
  /** `File.java:31 text`, or text alone; a nested span is a call, on whose way `lostMs` are lost. */
  readonly steps: readonly (string | (LoggedSpan & { readonly lostMs?: number }))[];
  readonly severity?: number;
}

const resources = new Map<string, Resource>();
export const resourceNamed = (service: string): Resource => {
  const known = resources.get(service) ?? resourceOf(Attributes.of({ "service.name": service }));
  resources.set(service, known);
  return known;
};

let traces = 0;

/** The trace of one request that began at `startMs`. */
export const tracesOf = (root: LoggedSpan, startMs = 1_795_000_000_000): Trace => {
  traces += 1;
  const traceId = traces.toString(16).padStart(32, "a");
  const spans: Span[] = [];
  const logs: LogRecord[] = [];
  let ids = 0;
  const tell = (told: LoggedSpan, parentSpanId: string, beganMs: number): number => {
    const spanId = (ids += 1).toString(16).padStart(16, "0");
    const resource = resourceNamed(told.service);
    let atMs = beganMs;
    for (const step of told.steps) {
      atMs += 1;
      if (typeof step !== "string") {
        const call = { service: told.service, name: "GET", steps: [] };
        atMs = between(call, step, spanId, atMs);
        continue;
      }
      const [, file, line, text] = /^(\S+\.\w+):(\d+) (.*)$/.exec(step) ?? [];
      const code = file === undefined ? {} : { "code.file.path": file, "code.line.number": Number(line) };
      const attributes = Attributes.of(code);
      const severity = told.severity ?? 9;
      logs.push({ timeMs: atMs, traceId, spanId, severity, body: text ?? step, attributes, resource });
    }
    const name = told.name;
    spans.push(spanOf({ traceId, spanId, parentSpanId, name, resource, kind: "server" }, beganMs, atMs + 1));
    return atMs + 1;
  };
  const between = (
    call: LoggedSpan,
    callee: LoggedSpan & { readonly lostMs?: number },
    parentSpanId: string,
    beganMs: number,
  ): number => {
    const spanId = (ids += 1).toString(16).padStart(16, "0");
    const lostMs = callee.lostMs ?? 2;
    const endedMs = tell(callee, spanId, beganMs + lostMs / 2) + lostMs / 2;
    const resource = resourceNamed(call.service);
    spans.push(spanOf({ traceId, spanId, parentSpanId, name: call.name, resource, kind: "client" }, beganMs, endedMs));
    return endedMs;
  };
  tell(root, "", startMs);
  return assemble(traceId, spans, logs);
};

const spanOf = (
  of: Pick<Span, "traceId" | "spanId" | "parentSpanId" | "name" | "resource" | "kind">,
  startMs: number,
  endedMs: number,
): Span => ({
  ...of,
  startMs,
  durationMs: endedMs - startMs,
  status: "unset",
  statusMessage: "",
  attributes: Attributes.none,
  events: [],
  links: [],
});
