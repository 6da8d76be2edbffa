import { failed, isEntry, operationOf, peerOf } from "../telemetry/conventions.ts";
import { endMs } from "../telemetry/model.ts";
import { depthFirst } from "../telemetry/trace.ts";
import type { SpanNode, Trace } from "../telemetry/trace.ts";

/** The place in one trace where a failure began. */
export interface ErrorOrigin {
  readonly trace: Trace;
  /** The failing request that was asked about. */
  readonly start: SpanNode;
  /** The deepest failing span that no other failure explains. */
  readonly node: SpanNode;
  /** Failed attempts before the last one, of the call that gave up. */
  readonly retries: number;
}

/** Names a call that a service makes: who calls what, the same in every trace. */
export const callKey = (node: SpanNode): string =>
  `${node.span.resource.service}\n${node.span.kind}\n${operationOf(node.span)}\n${peerOf(node.span) ?? ""}`;

const sameService = (a: SpanNode, b: SpanNode): boolean => a.span.resource.service === b.span.resource.service;

/** Failing spans right below `node`; spans of the same service that only pass an error on without being marked are looked through. */
const failingBelow = (node: SpanNode): SpanNode[] => {
  const found: SpanNode[] = [];
  const waiting = [...node.children];
  for (let child = waiting.pop(); child !== undefined; child = waiting.pop()) {
    if (failed(child.span)) found.push(child);
    else if (child.span.kind === "internal" && sameService(child, node)) waiting.push(...child.children);
  }
  return found;
};

/** Calls of the same service anywhere below `node`, failing or not, that stay inside the service. */
const callsWithin = (node: SpanNode): SpanNode[] => {
  const found: SpanNode[] = [];
  const waiting = [...node.children];
  for (let child = waiting.pop(); child !== undefined; child = waiting.pop()) {
    found.push(child);
    if (sameService(child, node)) waiting.push(...child.children);
  }
  return found;
};

/**
 * Which calls' failures do not make their caller fail, learnt from all traces at hand: a call whose failure the caller survives
 * in a third of the cases or more has a fallback, and explains nothing when the caller does fail.
 */
export class HandledCalls {
  readonly #seen = new Map<string, { survived: number; failed: number }>();

  learn(trace: Trace): void {
    for (const node of depthFirst(trace.roots)) {
      if (node.parent === undefined || !failed(node.span)) continue;
      let caller: SpanNode | undefined = node.parent;
      while (caller !== undefined && !isEntry(caller.span) && sameService(caller, node)) caller = caller.parent;
      if (caller === undefined || !sameService(caller, node)) continue;
      const key = callKey(node);
      const seen = this.#seen.get(key) ?? { survived: 0, failed: 0 };
      if (failed(caller.span)) seen.failed += 1;
      else seen.survived += 1;
      this.#seen.set(key, seen);
    }
  }

  has(node: SpanNode): boolean {
    const seen = this.#seen.get(callKey(node));
    return seen !== undefined && seen.survived * 2 >= seen.failed;
  }
}

/** Attempts at one call: when a later attempt, begun after a failed one ended, went well, the failure was made good. */
const madeGood = (failure: SpanNode, calls: readonly SpanNode[]): boolean =>
  calls.some(
    (call) =>
      call !== failure &&
      !failed(call.span) &&
      callKey(call) === callKey(failure) &&
      call.span.startMs >= endMs(failure.span),
  );

/**
 * Follows a failing request down to where its failure began. Retries that went well in the end and errors with a fallback are
 * left aside; of several failed attempts at one call only the last one counts.
 */
export const errorOrigins = (trace: Trace, start: SpanNode, handled: HandledCalls): ErrorOrigin[] => {
  const origins: ErrorOrigin[] = [];
  const waiting: { node: SpanNode; retries: number }[] = [{ node: start, retries: 0 }];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const calls = callsWithin(at.node);
    const attempts = new Map<string, SpanNode[]>();
    for (const failure of failingBelow(at.node)) {
      if (madeGood(failure, calls) || (handled.has(failure) && failure.span.kind === "client")) continue;
      const key = callKey(failure);
      attempts.set(key, [...(attempts.get(key) ?? []), failure]);
    }
    if (attempts.size === 0) origins.push({ trace, start, node: at.node, retries: at.retries });
    for (const tries of attempts.values()) {
      const last = tries.toSorted((a, b) => a.span.startMs - b.span.startMs).at(-1);
      if (last !== undefined) waiting.push({ node: last, retries: at.retries + tries.length - 1 });
    }
  }
  return origins;
};

/** The request by which the origin's service was entered, or the origin itself where that span is missing. */
export const entryOf = (node: SpanNode): SpanNode => {
  let entry = node;
  while (!isEntry(entry.span) && entry.parent !== undefined && sameService(entry.parent, node)) entry = entry.parent;
  return entry;
};
