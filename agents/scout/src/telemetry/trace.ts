import type { LogRecord, Span } from "./model.ts";

/** A span in its trace. `startMs` is the span's start with its host's clock error taken out, as far as it shows. */
export interface SpanNode {
  readonly span: Span;
  parent: SpanNode | undefined;
  readonly children: SpanNode[];
  startMs: number;
  /** It names a parent that never arrived. */
  orphan: boolean;
  readonly logs: LogRecord[];
}

export interface Trace {
  readonly traceId: string;
  readonly nodes: ReadonlyMap<string, SpanNode>;
  /** Spans without a parent here, earliest first: real roots, orphans, and one span of every cycle. */
  readonly roots: readonly SpanNode[];
  /** Records of this trace that name no span of it. */
  readonly logs: readonly LogRecord[];
}

/**
 * Builds the tree of one trace from spans in any order. Duplicate ids keep the first, cycles are cut at their earliest span, and
 * a callee that does not fit into its caller's time is shifted into it (the hosts' clocks differ).
 */
export const assemble = (traceId: string, spans: Iterable<Span>, logs: Iterable<LogRecord> = []): Trace => {
  const nodes = new Map<string, SpanNode>();
  for (const span of spans) {
    if (nodes.has(span.spanId)) continue;
    nodes.set(span.spanId, { span, parent: undefined, children: [], startMs: span.startMs, orphan: false, logs: [] });
  }
  const roots: SpanNode[] = [];
  for (const node of nodes.values()) {
    const parent = nodes.get(node.span.parentSpanId);
    if (parent === undefined || parent === node) {
      node.orphan = node.span.parentSpanId !== "";
      roots.push(node);
    } else {
      node.parent = parent;
      parent.children.push(node);
    }
  }
  cutCycles(nodes, roots);
  roots.sort((a, b) => a.startMs - b.startMs);
  for (const node of depthFirst(roots)) {
    correctSkew(node);
    node.children.sort((a, b) => a.startMs - b.startMs);
  }
  const loose: LogRecord[] = [];
  for (const log of logs) (nodes.get(log.spanId)?.logs ?? loose).push(log);
  return { traceId, nodes, roots, logs: loose };
};

/** Every node below and with `roots`, parents first. Iterative: depth is the sender's choice, our stack is not. */
export function* depthFirst(roots: readonly SpanNode[]): Generator<SpanNode> {
  const waiting = [...roots].reverse();
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    for (let index = node.children.length - 1; index >= 0; index -= 1) {
      const child = node.children[index];
      if (child !== undefined) waiting.push(child);
    }
  }
}

const cutCycles = (nodes: ReadonlyMap<string, SpanNode>, roots: SpanNode[]): void => {
  const reached = new Set<SpanNode>(depthFirst(roots));
  if (reached.size === nodes.size) return;
  const unreached = [...nodes.values()].filter((node) => !reached.has(node)).sort((a, b) => a.startMs - b.startMs);
  for (const node of unreached) {
    if (reached.has(node)) continue;
    const parent = node.parent;
    if (parent !== undefined) parent.children.splice(parent.children.indexOf(node), 1);
    node.parent = undefined;
    node.orphan = true;
    roots.push(node);
    for (const below of depthFirst([node])) reached.add(below);
  }
};

/** A synchronous callee lies within its caller; where it does not, centre it there and move all below by as much. */
const correctSkew = (node: SpanNode): void => {
  const { parent, span } = node;
  if (parent === undefined) return;
  const inherited = parent.startMs - parent.span.startMs;
  node.startMs = span.startMs;
  const { instance } = span.resource;
  if (
    span.resource === parent.span.resource ||
    (instance !== undefined && instance === parent.span.resource.instance)
  ) {
    node.startMs += inherited;
    return;
  }
  if (span.kind !== "server" || parent.span.kind !== "client" || span.durationMs > parent.span.durationMs) return;
  const room = parent.span.durationMs - span.durationMs;
  if (node.startMs < parent.startMs || node.startMs > parent.startMs + room) node.startMs = parent.startMs + room / 2;
};
