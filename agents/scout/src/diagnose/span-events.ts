import { operationOf } from "../telemetry/conventions.ts";
import type { SpanNode } from "../telemetry/trace.ts";
import type { Statement, Statements } from "./log-template.ts";

/** A point in the life of one span: its start, a log statement it passed, or its end. */
export interface SpanEvent {
  /** The same for every span of this operation. */
  readonly key: string;
  /** In the trace's corrected time. */
  readonly atMs: number;
  readonly statement: Statement | undefined;
}

export const startKey = "start";
export const endKey = "end";

/** Names what the spans of one kind have in common: their events are compared with each other only. */
export const spanClass = (node: SpanNode): string => `${node.span.resource.service}\n${operationOf(node.span)}`;

/** What a span went through, in order. */
export const eventsOf = (node: SpanNode, statements: Statements): SpanEvent[] => {
  const shiftMs = node.startMs - node.span.startMs;
  const logged = node.logs
    .toSorted((a, b) => a.timeMs - b.timeMs)
    .map((log): SpanEvent => {
      const statement = statements.of(log);
      return { key: statement.key, atMs: log.timeMs + shiftMs, statement };
    });
  const endAtMs = Math.max(node.startMs + node.span.durationMs, logged.at(-1)?.atMs ?? 0);
  return [
    { key: startKey, atMs: node.startMs, statement: undefined },
    ...logged,
    { key: endKey, atMs: endAtMs, statement: undefined },
  ];
};
