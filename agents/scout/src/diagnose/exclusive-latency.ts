import { isDatabaseCall, operationOf, peerOf } from "../telemetry/conventions.ts";
import type { SpanNode } from "../telemetry/trace.ts";

/** Own time of spans on the critical path of one request, in milliseconds: they add up to the request's duration. */
export const criticalPath = (root: SpanNode): Map<SpanNode, number> => {
  const own = new Map<SpanNode, number>();
  const waiting: { node: SpanNode; untilMs: number }[] = [{ node: root, untilMs: root.startMs + root.span.durationMs }];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const { node } = at;
    let untilMs = at.untilMs;
    let ownMs = 0;
    const lastFirst = node.children
      .filter((child) => child.span.kind !== "consumer")
      .toSorted((a, b) => b.startMs + b.span.durationMs - (a.startMs + a.span.durationMs));
    for (const child of lastFirst) {
      if (untilMs <= node.startMs) break;
      if (child.startMs >= untilMs) continue;
      const childEndMs = Math.min(child.startMs + child.span.durationMs, untilMs);
      ownMs += untilMs - childEndMs;
      waiting.push({ node: child, untilMs: childEndMs });
      untilMs = Math.max(child.startMs, node.startMs);
    }
    own.set(node, ownMs + Math.max(0, untilMs - node.startMs));
  }
  return own;
};

interface Part {
  /** The requests that this part is of: those of one operation are compared with each other only, so the traffic's mix is no shift. */
  readonly entry: Entry;
  readonly service: string;
  readonly operation: string;
  readonly kind: "latency" | "dependency" | "network";
  readonly peer: string | undefined;
  readonly before: { sum: number; squares: number };
  readonly after: { sum: number; squares: number };
  /** The span with the longest own time after the onset. */
  longest: { node: SpanNode; traceId: string; ownMs: number } | undefined;
}

export interface LatencyShift extends Omit<Part, "entry" | "before" | "after"> {
  /** Mean own time per request, before and after the onset. */
  readonly beforeMs: number;
  readonly afterMs: number;
  /** Part of the whole slow-down that is this one's. */
  readonly share: number;
  /** Standard errors between the two means. */
  readonly z: number;
}

interface Entry {
  before: number;
  after: number;
}

const kindOf = (node: SpanNode): Part["kind"] => {
  const { service } = node.span.resource;
  if (node.span.kind !== "producer" && node.children.some((child) => child.span.resource.service !== service))
    return isDatabaseCall(node.span) ? "dependency" : "network";
  if (node.span.kind !== "client" && node.span.kind !== "producer") return "latency";
  return node.children.length === 0 || isDatabaseCall(node.span) ? "dependency" : "network";
};

const requestsMin = 10;

/** Compares where requests spend their time before and after an onset. */
export class LatencyContrast {
  readonly #parts = new Map<string, Part>();
  readonly #entries = new Map<string, Entry>();

  add(traceId: string, root: SpanNode, when: "before" | "after"): void {
    const name = `${root.span.resource.service}\n${operationOf(root.span)}`;
    const entry = this.#entries.get(name) ?? { before: 0, after: 0 };
    this.#entries.set(name, entry);
    entry[when] += 1;
    const perPart = new Map<Part, number>();
    for (const [node, ownMs] of criticalPath(root)) {
      const part = this.#partOf(node, entry, name);
      perPart.set(part, (perPart.get(part) ?? 0) + ownMs);
      if (when === "after" && ownMs > (part.longest?.ownMs ?? -1)) part.longest = { node, traceId, ownMs };
    }
    for (const [part, ownMs] of perPart) {
      part[when].sum += ownMs;
      part[when].squares += ownMs * ownMs;
    }
  }

  #partOf(node: SpanNode, entry: Entry, entryName: string): Part {
    const kind = kindOf(node);
    const { service } = node.span.resource;
    const operation = operationOf(node.span);
    const peer = kind === "latency" ? undefined : peerOf(node.span);
    const key = `${entryName}\n${service}\n${operation}\n${kind}\n${peer ?? ""}`;
    let part = this.#parts.get(key);
    if (part === undefined) {
      part = {
        entry,
        service,
        operation,
        kind,
        peer,
        before: { sum: 0, squares: 0 },
        after: { sum: 0, squares: 0 },
        longest: undefined,
      };
      this.#parts.set(key, part);
    }
    return part;
  }

  /** Part of the requests since the onset that have enough like them before it. */
  comparable(): number {
    let all = 0;
    let known = 0;
    for (const { before, after } of this.#entries.values()) {
      all += after;
      if (before >= requestsMin && after >= requestsMin) known += after;
    }
    return all === 0 ? 0 : known / all;
  }

  /** What became slower beyond chance, largest part first. Operations with fewer than `requestsMin` requests on a side say nothing. */
  shifts(): LatencyShift[] {
    const found: LatencyShift[] = [];
    let slowdownMs = 0;
    for (const { entry, before, after, ...part } of this.#parts.values()) {
      if (entry.before < requestsMin || entry.after < requestsMin) continue;
      const then = moment(before, entry.before);
      const now = moment(after, entry.after);
      if (now.mean <= then.mean) continue;
      const lostMs = (now.mean - then.mean) * entry.after;
      slowdownMs += lostMs;
      const z = (now.mean - then.mean) / Math.sqrt(then.variance + now.variance + 1e-6);
      found.push({ ...part, beforeMs: then.mean, afterMs: now.mean, share: lostMs, z });
    }
    return found
      .map((shift) => ({ ...shift, share: shift.share / slowdownMs }))
      .filter((shift) => shift.z > 4 && shift.afterMs - shift.beforeMs > Math.max(5, 0.5 * shift.beforeMs))
      .sort((a, b) => b.share - a.share);
  }
}

/** Mean of a part's own time per request, and the variance of that mean. */
const moment = ({ sum, squares }: Part["before"], n: number): { mean: number; variance: number } => ({
  mean: sum / n,
  variance: Math.max(0, squares / n - (sum / n) ** 2) / n,
});
