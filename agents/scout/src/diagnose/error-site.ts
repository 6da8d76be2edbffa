import { codeOf, exceptionOfLog, exceptionsOfSpan } from "../telemetry/conventions.ts";
import type { ExceptionSeen } from "../telemetry/conventions.ts";
import { depthFirst } from "../telemetry/trace.ts";
import type { SpanNode } from "../telemetry/trace.ts";
import { entryOf } from "./error-origin.ts";
import type { ErrorOrigin } from "./error-origin.ts";
import { framesOf, ownFrame, underRoot } from "./stack-frames.ts";

/** A place in source code. */
export interface Location {
  function?: string;
  file?: string;
  lineStart?: number;
  lineEnd?: number;
  lastSeen?: string;
  expectedNext?: string;
}

/** What is known of the error at an origin. */
export interface ErrorSite {
  readonly errorType: string | undefined;
  readonly message: string | undefined;
  readonly location: Location | undefined;
  /** The file as the trace had it. */
  readonly tracedFile: string | undefined;
  /** The span that shows the location, or the origin's. */
  readonly shownBy: SpanNode;
  /** How the location was found, in order of trust. */
  readonly from: "exception" | "log" | "code-attributes" | "nothing";
}

/** Spans of the origin's service around it, nearest first: itself, what is below it, then upwards to the entry. */
const neighbourhood = (origin: SpanNode): SpanNode[] => {
  const { service } = origin.span.resource;
  const near = new Set<SpanNode>();
  const entry = entryOf(origin);
  for (const node of depthFirst([origin])) if (node.span.resource.service === service) near.add(node);
  for (let node: SpanNode | undefined = origin; node !== undefined; node = node === entry ? undefined : node.parent)
    near.add(node);
  // An instrumentation may record the exception on a span beside the failing one, such as a framework's handler span.
  for (const node of depthFirst([entry])) {
    if (near.size > 200) break;
    if (node.span.resource.service === service) near.add(node);
  }
  return [...near];
};

interface Sighting {
  readonly seen: ExceptionSeen;
  readonly node: SpanNode;
  readonly from: "exception" | "log";
}

const sightings = (origin: ErrorOrigin): Sighting[] => {
  const near = neighbourhood(origin.node);
  const found: Sighting[] = [];
  for (const node of near) {
    for (const seen of exceptionsOfSpan(node.span).reverse()) found.push({ seen, node, from: "exception" });
  }
  for (const node of near) {
    for (const log of node.logs) {
      const seen = exceptionOfLog(log);
      if (seen !== undefined) found.push({ seen, node, from: "log" });
    }
  }
  for (const log of origin.trace.logs) {
    if (log.resource.service !== origin.node.span.resource.service) continue;
    const seen = exceptionOfLog(log);
    if (seen !== undefined) found.push({ seen, node: origin.node, from: "log" });
  }
  return found;
};

/** Where in the code an origin's error was thrown: by stack, else by `code.*`, else unknown. */
export const errorSite = (origin: ErrorOrigin, sourceRoots: readonly string[]): ErrorSite => {
  const { span } = origin.node;
  const seen = sightings(origin);
  for (const { seen: exception, node, from } of seen) {
    const frame = ownFrame(framesOf(exception.stack ?? "", node.span.resource.language));
    if (frame === undefined) continue;
    const location: Location = { file: underRoot(frame.file, sourceRoots) };
    if (frame.function !== undefined) location.function = frame.function;
    if (frame.line !== undefined) location.lineStart = frame.line;
    return {
      errorType: exception.type,
      message: exception.message,
      location,
      tracedFile: frame.file,
      shownBy: node,
      from,
    };
  }
  const first = seen[0]?.seen;
  const errorType = first?.type ?? span.attributes.text("error.type", "exception.type");
  const message = first?.message ?? (span.statusMessage === "" ? undefined : span.statusMessage);
  const code = codeOf(span.attributes);
  if (code === undefined)
    return { errorType, message, location: undefined, tracedFile: undefined, shownBy: origin.node, from: "nothing" };
  const location: Location = { file: underRoot(code.file, sourceRoots) };
  if (code.function !== undefined) location.function = code.function;
  if (code.line !== undefined) location.lineStart = code.line;
  return { errorType, message, location, tracedFile: code.file, shownBy: origin.node, from: "code-attributes" };
};
