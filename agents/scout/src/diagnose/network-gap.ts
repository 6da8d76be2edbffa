import { milliseconds } from "../detect/signal.ts";
import { isDatabaseCall, operationOf } from "../telemetry/conventions.ts";
import { depthFirst } from "../telemetry/trace.ts";
import type { SpanNode, Trace } from "../telemetry/trace.ts";
import type { Suspect } from "./diagnosis.ts";
import { ascending, quantileOf, rankShift } from "./rank-test.ts";
import type { When } from "./transition-contrast.ts";

/** Calls from one service to another, and how much longer than its callee each caller took: the time on the way, in ms. */
interface Edge {
  readonly caller: string;
  /** Empty for what sends no spans, such as a database. */
  readonly callee: string;
  readonly gaps: Record<When, number[]>;
  /** Of the longest gap since the onset. */
  longest: { ref: string; gapMs: number };
}

/** An edge judged. */
interface Stretch {
  readonly edge: Edge;
  readonly beforeMs: number;
  readonly afterMs: number;
  /** Standard errors. */
  readonly z: number;
  readonly stretched: boolean;
  /** How much it counts: by calls, capped, since a busy edge is one edge all the same. */
  readonly weight: number;
}

const samplesMax = 2_000;
const callsMin = 2;
const zMin = 2.5;
const stretchMsMin = 10;
const apartMs = 100;
/** A stretch of this length is half as sure to be what hurts as a long one. */
const smallMs = 20;
const weightMax = 20;

/** The first span of the callee, if its spans arrived. */
const calleeOf = (node: SpanNode): SpanNode | undefined =>
  node.children.find((child) => child.span.resource.service !== node.span.resource.service);

/**
 * Looks for a slow network by the time that is lost between a caller and its callee, which neither spends itself. A service whose
 * network is slow stretches all its edges, in and out; each of its neighbours has only that one stretched edge.
 */
export class NetworkGap {
  readonly #edges = new Map<string, Edge>();

  learn(trace: Trace, when: When): void {
    for (const node of depthFirst(trace.roots)) {
      const callee = calleeOf(node);
      if (callee !== undefined) {
        const gapMs = Math.max(0, node.span.durationMs - callee.span.durationMs);
        if (callee.span.kind !== "consumer") this.#add(trace, node, callee.span.resource.service, when, gapMs);
      } else if (node.children.length === 0 && isDatabaseCall(node.span))
        this.#add(trace, node, "", when, node.span.durationMs);
    }
  }

  #add(trace: Trace, node: SpanNode, callee: string, when: When, gapMs: number): void {
    const caller = node.span.resource.service;
    const name = callee === "" ? operationOf(node.span) : callee;
    const key = `${caller}\n${name}`;
    let edge = this.#edges.get(key);
    if (edge === undefined) {
      edge = { caller, callee, gaps: { before: [], after: [] }, longest: { ref: "", gapMs: -1 } };
      this.#edges.set(key, edge);
    }
    const gaps = edge.gaps[when];
    if (gaps.length < samplesMax) gaps.push(gapMs);
    if (when === "after" && gapMs > edge.longest.gapMs)
      edge.longest = { ref: `trace:${trace.traceId}/span:${node.span.spanId}`, gapMs };
  }

  #stretches(): Stretch[] {
    const found: Stretch[] = [];
    for (const edge of this.#edges.values()) {
      if (edge.gaps.before.length < callsMin || edge.gaps.after.length < callsMin) continue;
      const before = ascending(edge.gaps.before);
      const after = ascending(edge.gaps.after);
      const beforeMs = quantileOf(before, 0.5);
      const afterMs = quantileOf(after, 0.5);
      const z = rankShift(before, after);
      // Of a rare call few gaps are known: then all must lie far above what was seen before.
      const apart = quantileOf(after, 0.25) > Math.max(apartMs, 3 * (before.at(-1) ?? 0));
      const stretched = (z > zMin || apart) && afterMs - beforeMs > Math.max(stretchMsMin, beforeMs);
      found.push({ edge, beforeMs, afterMs, z, stretched, weight: Math.min(weightMax, after.length) });
    }
    return found;
  }

  suspects(): Suspect[] {
    const stretches = this.#stretches();
    const worstMs = Math.max(0, ...stretches.filter((of) => of.stretched).map((of) => of.afterMs - of.beforeMs));
    if (worstMs === 0) return [];
    const weightOf = (of: Stretch): number =>
      of.stretched ? of.weight * Math.min(1, (2 * (of.afterMs - of.beforeMs)) / worstMs) : 0;
    const all = stretches.reduce((sum, of) => sum + weightOf(of), 0);
    // A database that alone is slow is a slow database.
    const between = stretches.filter(({ edge, stretched }) => stretched && edge.callee !== "");
    const services = new Set(between.flatMap(({ edge }) => [edge.caller, edge.callee]));
    return [...services]
      .map((service) => {
        const own = stretches.filter(({ edge }) => edge.caller === service || edge.callee === service);
        const hit = own.reduce((sum, of) => sum + weightOf(of), 0);
        const consistent = (edges: readonly Stretch[]): number =>
          edges.reduce((sum, of) => sum + weightOf(of), 0) /
          Math.max(
            1,
            edges.reduce((sum, of) => sum + of.weight, 0),
          );
        // A delay may be on one way only: all edges in, or all out, are nearly as good as all.
        const oneWay = Math.max(
          consistent(own.filter(({ edge }) => edge.callee === service)),
          consistent(own.filter(({ edge }) => edge.caller === service)),
        );
        return suspectOf(service, own, hit / all, (oneWay + consistent(own)) / 2);
      })
      .sort((a, b) => b.confidence - a.confidence)
      .slice(0, 5);
  }
}

/** `explained`: part of all stretched edges that are this service's. `consistent`: part of its own edges that are stretched. */
const suspectOf = (service: string, own: readonly Stretch[], explained: number, consistent: number): Suspect => {
  const stretched = own.filter((of) => of.stretched).sort((a, b) => b.z - a.z);
  const z = Math.hypot(...stretched.map((of) => of.z));
  const worstMs = Math.max(...stretched.map((of) => of.afterMs - of.beforeMs));
  return {
    service,
    kind: "network",
    confidence: 0.95 * explained * consistent * (1 - Math.exp(-z / 3)) * (worstMs / (worstMs + smallMs)),
    evidence: stretched.slice(0, 6).map(({ edge, beforeMs, afterMs }) => ({
      kind: "span" as const,
      ref: edge.longest.ref,
      says:
        `Between ${edge.caller} and ${edge.callee === "" ? "its database" : edge.callee} ${milliseconds(afterMs)} are lost on the way ` +
        `in the middle, ${milliseconds(beforeMs)} before; ${stretched.length} of ${own.length} of ${service}'s edges are stretched.`,
    })),
  };
};
