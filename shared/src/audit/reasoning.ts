import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Candidate, Change, Evidence, RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import { canonicalHash } from "../canonical-json.ts";
import { duration, percent, quantity } from "../durations.ts";
import { placeOf, targetName } from "../timeline.ts";

/** An event with its place in the audit log; `leaf` is the entry's hash in the tree, hex. */
export interface LoggedEvent {
  readonly index: number;
  readonly leaf: string;
  readonly event: OmegaEvent;
}

/** What a claim rests on: another entry of the log by its hash, or something outside by reference and the hash of what was said of it. */
export type Support =
  | { readonly kind: "entry"; readonly index: number; readonly sha256: string; readonly says: string }
  | { readonly kind: Evidence["kind"] | "plan"; readonly ref: string; readonly sha256: string; readonly says: string };

/** One statement, the entry in which it was made and signed, and what it rests on. Without any evidence it is only an assertion. */
export interface Claim {
  readonly says: string;
  readonly by: string;
  readonly index: number;
  readonly leaf: string;
  readonly evidence: readonly Support[];
  readonly detail: readonly string[];
  readonly changes?: readonly Change[];
}

export interface Chapter {
  readonly title: string;
  readonly claims: readonly Claim[];
}

type Saying = Omit<Claim, "by" | "index" | "leaf" | "detail" | "evidence"> &
  Partial<Pick<Claim, "detail" | "evidence">>;

/**
 * The reasoning of an incident as its events tell it: what was seen, concluded, remembered, weighed, allowed, done and verified.
 * `log` is everything up to now in log order, since signals and memories stand outside of the incident.
 */
export function reasoningOf(incidentId: string, log: readonly LoggedEvent[]): Chapter[] {
  const chain = new Chain(incidentId, log);
  return [
    { title: "What was seen", claims: chain.seen() },
    { title: "What was concluded", claims: chain.concluded() },
    { title: "What was remembered", claims: chain.remembered() },
    { title: "What was weighed", claims: chain.weighed() },
    { title: "What policy said", claims: chain.policy() },
    { title: "Who approved", claims: chain.approved() },
    { title: "What was done", claims: chain.done() },
    { title: "How it was verified", claims: chain.verified() },
    { title: "How it ended", claims: chain.ended() },
  ];
}

class Chain {
  readonly #log: readonly LoggedEvent[];
  readonly #own: readonly LoggedEvent[];

  constructor(incidentId: string, log: readonly LoggedEvent[]) {
    this.#log = log;
    this.#own = log.filter(({ event }) => event.incidentid === incidentId);
  }

  seen(): Claim[] {
    const ids = new Set(this.#own.map(({ event }) => event.causationid));
    return this.#log.flatMap((at) => {
      const { event } = at;
      if (event.type !== "signal.detected" || !ids.has(event.id)) return [];
      const { data } = event;
      const traces = data.traceIds.map((id) => outside("trace", `trace:${id}`, `shows it at ${data.operation}`));
      const measures = data.measures.map(({ name, value, unit, baseline }) =>
        outside(
          "metric",
          `metric:${data.service}/${name}`,
          `${name} ${quantity(value, unit)}${baseline === undefined ? "" : `, baseline ${quantity(baseline, unit)}`}`,
        ),
      );
      const error = [data.errorType, data.signature].filter((part) => part !== undefined).join(": ");
      const detail = [`confidence ${percent(data.confidence)}`, ...(error === "" ? [] : [error])];
      return [claim(at, { says: data.says, evidence: [...measures, ...traces], detail })];
    });
  }

  concluded(): Claim[] {
    return this.#of("diagnosis.reached").flatMap((at) => {
      const { verdict, says, candidates, traceIds, model, tookMs } = at.event.data;
      const whole = claim(at, {
        says: `${verdict}: ${says}`,
        evidence: traceIds.map((id) => outside("trace", `trace:${id}`, "was looked at")),
        detail: [`${duration(tookMs)}, ${model === undefined ? "without a model" : `second opinion of ${model}`}`],
      });
      return [whole, ...candidates.map((candidate) => claim(at, hypothesis(candidate)))];
    });
  }

  remembered(): Claim[] {
    return this.#of("memory.recalled").flatMap((at) => {
      const { says, matches } = at.event.data;
      if (matches.length === 0) {
        const asked = this.#causeOf(at).map((symptom) => entryOf(symptom, "the symptom that was looked up"));
        return [claim(at, { says, evidence: asked })];
      }
      return matches.map((match) => {
        const stored = this.#log.findLast(
          ({ event, index }) =>
            event.type === "memory.stored" && event.incidentid === match.incidentId && index < at.index,
        );
        return claim(at, {
          says: `${match.incidentId} is like it (similarity ${match.similarity.toFixed(2)}): ${match.rootCause}`,
          evidence: stored === undefined ? [] : [entryOf(stored, "what was remembered then")],
          detail: match.fixes.map(
            ({ actionType, target, outcome }) => `${actionType} on ${targetName(target)}: ${outcome}`,
          ),
        });
      });
    });
  }

  weighed(): Claim[] {
    return this.#of("remediation.proposed").flatMap((at) => [
      ...at.event.data.options.map((option, rank) => claim(at, weighing(option, rank + 1))),
      ...at.event.data.refused.map(({ actionType, reason }) =>
        claim(at, { says: `not ${actionType}: ${reason}`, evidence: this.#requestBefore(at) }),
      ),
    ]);
  }

  policy(): Claim[] {
    return this.#own.flatMap((at) => {
      const { event } = at;
      if (
        event.type !== "remediation.authorized" &&
        event.type !== "remediation.denied" &&
        event.type !== "approval.requested"
      )
        return [];
      const verdict = {
        "remediation.authorized": "allowed",
        "remediation.denied": "denied",
        "approval.requested": "a person must decide on",
      }[event.type];
      const by = event.type === "approval.requested" ? "policy" : `${event.data.by.kind} ${event.data.by.name}`;
      return [
        claim(at, {
          says: `${by}: ${verdict} ${this.#named(event.data.planHash)}`,
          evidence: this.#planEvidence(event.data.planHash),
          detail: event.data.reasons,
        }),
      ];
    });
  }

  approved(): Claim[] {
    return this.#own.flatMap((at) => {
      const { event } = at;
      if (event.type !== "approval.granted" && event.type !== "approval.denied") return [];
      const { by, planHash, comment } = event.data;
      const asked = this.#own.filter(
        ({ event: other }) => other.type === "approval.requested" && other.data.planHash === planHash,
      );
      return [
        claim(at, {
          says: `${by} ${event.type === "approval.granted" ? "approved" : "denied"} ${this.#named(planHash)}`,
          evidence: asked.map((request) => entryOf(request, "the question, for the same plan")),
          detail: comment === undefined ? [] : [comment],
        }),
      ];
    });
  }

  done(): Claim[] {
    return this.#own.flatMap((at) => {
      const { event } = at;
      if (event.type === "action.started") {
        const option = this.#option(event.data.planHash);
        const matches = canonicalHash(event.data.plan) === event.data.planHash;
        return [
          claim(at, {
            says: `${event.data.actionType} on ${targetName(event.data.target)} was started`,
            evidence: matches ? this.#planEvidence(event.data.planHash) : [],
            detail: [matches ? `plan ${event.data.planHash}` : "the plan is not the one that its hash names"],
            ...(option === undefined ? {} : { changes: option.changes }),
          }),
        ];
      }
      const ended = endOfAction(event);
      if (ended === undefined) return [];
      const start = this.#own.findLast(
        ({ event: other, index }) =>
          index < at.index &&
          (other.type === "action.started" || other.type === "undo.started" || other.type === "undo.ordered") &&
          other.data.actionId === ended.actionId,
      );
      return [
        claim(at, {
          says: ended.says,
          evidence: start === undefined ? [] : [entryOf(start, "the intent, on record before")],
        }),
      ];
    });
  }

  verified(): Claim[] {
    return this.#own.flatMap((at) => {
      const { event } = at;
      if (
        event.type !== "recovery.confirmed" &&
        event.type !== "recovery.failed" &&
        event.type !== "recovery.inconclusive"
      )
        return [];
      return [
        claim(at, {
          says: `${event.type.split(".")[1] ?? ""}: ${event.data.says}`,
          evidence: event.data.measurements.map(({ at: time, verdict, requests, failures }) =>
            outside("metric", `measurement:${time}`, `${verdict}, ${failures} of ${requests} requests failed`),
          ),
        }),
      ];
    });
  }

  ended(): Claim[] {
    return this.#own.flatMap((at) => {
      const { event } = at;
      if (event.type === "incident.resolved") {
        const { outcome, says, resolveMs, actionId } = event.data;
        const proof = this.#own.filter(
          ({ event: other }) => other.type === "recovery.confirmed" && other.data.actionId === actionId,
        );
        const cause = proof.length > 0 ? proof : this.#causeOf(at);
        return [
          claim(at, {
            says: `${outcome}: ${says}`,
            evidence: cause.map((entry) => entryOf(entry, "what decided it")),
            detail: [`over after ${duration(resolveMs)}`],
          }),
        ];
      }
      if (event.type !== "incident.escalated") return [];
      return [
        claim(at, {
          says: `given to a person (${event.data.reason}): ${event.data.says}`,
          evidence: this.#causeOf(at).map((entry) => entryOf(entry, "what decided it")),
        }),
      ];
    });
  }

  #of<Type extends OmegaEvent["type"]>(type: Type): (Omit<LoggedEvent, "event"> & { readonly event: EventOf<Type> })[] {
    return this.#own.filter(
      (at): at is LoggedEvent & { event: Extract<OmegaEvent, EventOf<Type>> } => at.event.type === type,
    );
  }

  #requestBefore({ index }: Pick<LoggedEvent, "index">): Support[] {
    const request = this.#of("remediation.requested").findLast((other) => other.index < index);
    return request === undefined ? [] : [entryOf(request, "the cause that it was asked to remedy")];
  }

  #causeOf({ event }: Pick<LoggedEvent, "event">): LoggedEvent[] {
    return this.#log.filter((other) => other.event.id === event.causationid);
  }

  #option(planHash: string): RepairOption | undefined {
    return this.#of("remediation.proposed")
      .flatMap(({ event }) => event.data.options)
      .findLast((option) => option.planHash === planHash);
  }

  #named(planHash: string): string {
    const option = this.#option(planHash);
    return option === undefined ? `plan ${planHash}` : `${option.actionType} on ${targetName(option.target)}`;
  }

  /** The proposal that holds exactly this plan. */
  #planEvidence(planHash: string): Support[] {
    const proposal = this.#of("remediation.proposed").find(({ event }) =>
      event.data.options.some((option) => option.planHash === planHash && canonicalHash(option.plan) === planHash),
    );
    return proposal === undefined ? [] : [entryOf(proposal, `proposes the plan ${planHash.slice(0, 12)}…`)];
  }
}

function hypothesis(candidate: Candidate): Saying {
  const { rank, service, kind, confidence, operation, version, healthyVersion, location, evidence } = candidate;
  const place = placeOf(location);
  const versions =
    version === undefined ? "" : ` ${version}${healthyVersion === undefined ? "" : ` (healthy: ${healthyVersion})`}`;
  return {
    says: `hypothesis ${rank}, ${percent(confidence)}: ${kind} in ${service}${versions}${operation === undefined ? "" : `, ${operation}`}${place === undefined ? "" : `, ${place}`}`,
    evidence: evidence.map(({ kind: what, ref, says }) => outside(what, ref, says)),
  };
}

function weighing(option: RepairOption, rank: number): Saying {
  const { actionType, target, plan, planHash, dryRun, risk, reversible, blastRadius, reasons, warnings } = option;
  const isOwn = canonicalHash(plan) === planHash;
  return {
    says: `option ${rank}: ${actionType} on ${targetName(target)}, ${risk} risk, undo ${reversible}`,
    // A dry run that could not be made is no evidence, and a plan that its hash does not name is none either.
    evidence:
      isOwn && dryRun !== "impossible"
        ? [{ kind: "plan", ref: `plan:${planHash}`, sha256: planHash, says: `dry run ${dryRun}` }]
        : [],
    detail: [
      blastRadius.says,
      ...reasons.map((reason) => `because ${reason}`),
      ...warnings.map((text) => `but ${text}`),
    ],
  };
}

function endOfAction(event: OmegaEvent): { actionId: string; says: string } | undefined {
  switch (event.type) {
    case "action.succeeded":
    case "undo.done":
      return { actionId: event.data.actionId, says: `${event.type}: ${event.data.says}` };
    case "action.failed":
    case "action.conflicted":
    case "action.outcome-unknown":
    case "undo.failed":
    case "undo.conflicted":
      return { actionId: event.data.actionId, says: `${event.type}: ${event.data.failure.message}` };
    default:
      return undefined;
  }
}

function claim({ index, leaf, event }: LoggedEvent, saying: Saying): Claim {
  const by = event.keyid;
  return { evidence: [], detail: [], ...saying, by, index, leaf };
}

function entryOf({ index, leaf }: Pick<LoggedEvent, "index" | "leaf">, says: string): Support {
  return { kind: "entry", index, sha256: leaf, says };
}

/** The hash is of what was said of it; the thing itself is found by its reference. */
function outside(kind: Evidence["kind"], ref: string, says: string): Support {
  return { kind, ref, says, sha256: canonicalHash({ kind, ref, says }) };
}
