import { wilson } from "../detect/binomial.ts";
import { isDatabaseCall, operationOf, peerOf } from "../telemetry/conventions.ts";
import type { SpanNode } from "../telemetry/trace.ts";
import type { CandidateKind, Evidence, Suspect } from "./diagnosis.ts";
import { callKey, entryOf } from "./error-origin.ts";
import type { ErrorOrigin } from "./error-origin.ts";
import { errorSite } from "./error-site.ts";
import type { ErrorSite, Location } from "./error-site.ts";
import { signatureOf } from "./signature.ts";

/** Origins that are the same fault: same service, same kind of error, same place. */
interface Group {
  readonly service: string;
  readonly kind: CandidateKind;
  readonly operation: string;
  readonly sites: { origin: ErrorOrigin; site: ErrorSite }[];
  readonly traceIds: Set<string>;
  /** The callee sent no spans: what is known of it is what its caller saw. */
  readonly unseen: boolean;
}

/** A suspect with what later stages judge it by. */
export interface ErrorSuspect {
  readonly suspect: Suspect;
  readonly traceIds: readonly string[];
  readonly unseen: boolean;
  /** One of the spans where it begins. */
  readonly origin: SpanNode | undefined;
}

/** Which service answers a call, learnt from calls whose callee's spans did arrive. */
export class Callees {
  readonly #services = new Map<string, string>();

  learn(node: SpanNode): void {
    if (node.span.kind !== "client" && node.span.kind !== "producer") return;
    for (const child of node.children) {
      if (child.span.resource.service !== node.span.resource.service) {
        this.#services.set(callKey(node), child.span.resource.service);
        const peer = peerOf(node.span);
        if (peer !== undefined) this.#services.set(peer, child.span.resource.service);
      }
    }
  }

  of(node: SpanNode): string | undefined {
    return this.#services.get(callKey(node)) ?? this.#services.get(peerOf(node.span) ?? "");
  }
}

const isCall = (node: SpanNode): boolean => node.span.kind === "client" || node.span.kind === "producer";

/** The callee did its work, only later than its caller was willing to wait. */
const gaveUpWaiting = (call: SpanNode, callee: SpanNode, site: ErrorSite): boolean =>
  callee.startMs + callee.span.durationMs > call.startMs + call.span.durationMs ||
  /time[d ]?\s?out|abort|deadline/i.test(`${site.errorType ?? ""} ${site.message ?? ""} ${call.span.statusMessage}`);

const groupOf = (origin: ErrorOrigin, site: ErrorSite, callees: Callees): Omit<Group, "sites" | "traceIds"> => {
  const { node } = origin;
  const { service } = node.span.resource;
  const entry = entryOf(node);
  if (isCall(node) && node.children.length === 0) {
    const callee = callees.of(node);
    if (callee !== undefined)
      return { service: callee, kind: "error", operation: operationOf(node.span), unseen: true };
    const away = isDatabaseCall(node.span) || peerOf(node.span) !== undefined;
    if (away) return { service, kind: "dependency", operation: operationOf(node.span), unseen: false };
  }
  const callee = isCall(node) ? node.children.find((child) => child.span.resource.service !== service) : undefined;
  if (callee !== undefined && gaveUpWaiting(node, callee, site)) {
    return {
      service: callee.span.resource.service,
      kind: "latency",
      operation: operationOf(callee.span),
      unseen: false,
    };
  }
  return {
    service,
    kind: site.location === undefined ? "error" : "code",
    operation: operationOf(entry.span),
    unseen: false,
  };
};

export const placeOf = (location: Location | undefined): string | undefined =>
  location?.file === undefined
    ? undefined
    : location.lineStart === undefined
      ? location.file
      : `${location.file}:${location.lineStart}`;

const spanRef = (origin: ErrorOrigin, node: SpanNode): string =>
  `trace:${origin.trace.traceId}/span:${node.span.spanId}`;

const evidenceOf = (group: Group, failing: number): Evidence[] => {
  const first = group.sites.find(({ site }) => site.location !== undefined) ?? group.sites[0];
  if (first === undefined) return [];
  const { origin, site } = first;
  const place = placeOf(site.location);
  const what = site.errorType ?? "the error";
  const where = place === undefined ? `in ${operationOf(origin.node.span)}` : `at ${place}`;
  const began = group.unseen
    ? `${what} when ${origin.node.span.resource.service} called ${group.service}, which sent no span`
    : `${what} thrown ${where}`;
  const evidence: Evidence[] = [
    {
      kind: "span",
      ref: spanRef(origin, site.shownBy),
      says: `${began}; ${group.traceIds.size} of ${failing} failing traces begin to fail here.`,
    },
  ];
  if (site.tracedFile !== undefined && site.tracedFile !== site.location?.file) {
    evidence.push({
      kind: "source",
      ref: `file:${site.tracedFile}`.slice(0, 512),
      says: "The file as the trace names it.",
    });
  }
  const retried = group.sites.filter((seen) => seen.origin.retries > 0);
  if (retried[0] !== undefined) {
    const says = `The call was tried again in ${retried.length} of these traces and failed each time.`;
    evidence.push({ kind: "trace", ref: `trace:${retried[0].origin.trace.traceId}`, says });
  }
  for (const { origin: more, site: shown } of group.sites.slice(1, 6)) {
    const says = shown.message === undefined ? "The same." : shown.message.slice(0, 300);
    evidence.push({ kind: "span", ref: spanRef(more, shown.shownBy), says });
  }
  return evidence;
};

/**
 * Groups origins into suspects. A suspect's confidence is the lower bound of the part of failing traces that it explains, raised
 * by a line of code and lowered when its own spans were not seen. `failing` is the number of failing traces looked at.
 */
export const errorSuspects = (
  origins: readonly ErrorOrigin[],
  failing: number,
  callees: Callees,
  sourceRoots: readonly string[],
): ErrorSuspect[] => {
  const groups = new Map<string, Group>();
  for (const origin of origins) {
    const site = errorSite(origin, sourceRoots);
    const about = groupOf(origin, site, callees);
    const key = [about.service, about.kind, placeOf(site.location) ?? about.operation, site.errorType ?? ""].join("\n");
    const group: Group = groups.get(key) ?? { ...about, sites: [], traceIds: new Set() };
    group.sites.push({ origin, site });
    group.traceIds.add(origin.trace.traceId);
    groups.set(key, group);
  }
  return [...groups.values()].map((group) => {
    const { low } = wilson(group.traceIds.size, failing);
    const site = (group.sites.find((seen) => seen.site.location !== undefined) ?? group.sites[0])?.site;
    const location = group.unseen || group.kind === "latency" ? undefined : site?.location;
    const confidence = location === undefined ? low * (group.unseen ? 0.7 : 1) : 1 - (1 - low) * 0.5;
    const suspect: Suspect = {
      service: group.service,
      kind: group.kind,
      confidence: group.traceIds.size / failing < 0.1 ? low : confidence,
      operation: group.operation,
      ...(site?.errorType === undefined ? {} : { errorType: site.errorType }),
      ...(site?.message === undefined ? {} : { signature: signatureOf(site.message) }),
      ...(location === undefined ? {} : { location }),
      evidence: evidenceOf(group, failing),
    };
    const origin = group.sites[0]?.origin.node;
    return { suspect, traceIds: [...group.traceIds], unseen: group.unseen, origin };
  });
};
