import type { Finding, Standing, TraceSource } from "./finding.ts";
import { percent } from "./signal.ts";
import type { Tuning } from "./tuning.ts";

export interface BurnRateSettings {
  readonly enabled: boolean;
  /** The part of a service's requests that is promised to succeed (the SLO), over thirty days. */
  readonly objective: number;
  /** Fewer failures in the long window than this are too few to speak of. */
  readonly failuresMin: number;
}

export const burnRateSettings: BurnRateSettings = { enabled: true, objective: 0.995, failuresMin: 10 };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const budgetDays = 30;
const servicesMax = 600;

/** Pairs of windows (The Site Reliability Workbook, chapter 5, "Alerting on SLOs", table 5-8). */
export const burnWindows = [
  { factor: 14.4, longMs: hourMs, shortMs: 5 * minuteMs, severity: "critical" },
  { factor: 6, longMs: 6 * hourMs, shortMs: 30 * minuteMs, severity: "critical" },
  { factor: 1, longMs: 72 * hourMs, shortMs: 6 * hourMs, severity: "warning" },
] as const;

/** Requests and failures by slots of time, as far back as there are slots. */
class CountRing {
  readonly #slotMs: number;
  readonly #requests: Uint32Array;
  readonly #failures: Uint32Array;
  #newest = 0;

  constructor(slotMs: number, spanMs: number) {
    this.#slotMs = slotMs;
    const slots = Math.ceil(spanMs / slotMs) + 1;
    this.#requests = new Uint32Array(slots);
    this.#failures = new Uint32Array(slots);
  }

  add(nowMs: number, requests: number, failures: number): void {
    const slot = Math.floor(nowMs / this.#slotMs);
    const slots = this.#requests.length;
    for (let at = Math.max(this.#newest + 1, slot - slots + 1); at <= slot; at += 1) {
      this.#requests[at % slots] = 0;
      this.#failures[at % slots] = 0;
    }
    this.#newest = Math.max(this.#newest, slot);
    this.#requests[slot % slots] = (this.#requests[slot % slots] ?? 0) + requests;
    this.#failures[slot % slots] = (this.#failures[slot % slots] ?? 0) + failures;
  }

  sum(fromMs: number, nowMs: number): { requests: number; failures: number } {
    const slots = this.#requests.length;
    const last = Math.min(this.#newest, Math.floor(nowMs / this.#slotMs));
    const first = Math.max(Math.floor(fromMs / this.#slotMs) + 1, this.#newest - slots + 1);
    const sum = { requests: 0, failures: 0 };
    for (let at = first; at <= last; at += 1) {
      sum.requests += this.#requests[at % slots] ?? 0;
      sum.failures += this.#failures[at % slots] ?? 0;
    }
    return sum;
  }
}

interface ServiceCounts {
  readonly sinceMs: number;
  readonly minutes: CountRing;
  readonly tens: CountRing;
}

interface Burn {
  readonly rate: number;
  readonly requests: number;
  readonly failures: number;
}

const durationText = (ms: number): string =>
  ms >= 72 * hourMs ? `${ms / (24 * hourMs)} d` : ms >= hourMs ? `${ms / hourMs} h` : `${ms / minuteMs} min`;

/**
 * How fast each service spends its error budget, in two windows at once: the long one says that it matters, the short one that it
 * goes on. The time before this process began counts as free of failures, so that a restart never makes three failures look like a
 * month's. Keeps about 7 KiB a service.
 */
export class BurnRates {
  readonly #tuning: Tuning;
  readonly #traces: TraceSource;
  readonly #services = new Map<string, ServiceCounts>();

  constructor(tuning: Tuning, traces: TraceSource) {
    this.#tuning = tuning;
    this.#traces = traces;
  }

  add(service: string, requests: number, failures: number, nowMs: number): void {
    let counts = this.#services.get(service);
    if (counts === undefined) {
      counts = {
        sinceMs: nowMs,
        minutes: new CountRing(minuteMs, 6 * hourMs),
        tens: new CountRing(10 * minuteMs, 72 * hourMs),
      };
    }
    // The least lately seen leaves first: names that somebody makes up must not fill the memory.
    this.#services.delete(service);
    this.#services.set(service, counts);
    if (this.#services.size > servicesMax) {
      const [oldest] = this.#services.keys();
      if (oldest !== undefined) this.#services.delete(oldest);
    }
    counts.minutes.add(nowMs, requests, failures);
    counts.tens.add(nowMs, requests, failures);
  }

  #burn(counts: ServiceCounts, budget: number, windowMs: number, nowMs: number): Burn {
    const ring = windowMs > 6 * hourMs ? counts.tens : counts.minutes;
    const { requests, failures } = ring.sum(nowMs - windowMs, nowMs);
    const seen = Math.min(1, Math.max(minuteMs, nowMs - counts.sinceMs) / windowMs);
    return { rate: requests === 0 ? 0 : ((failures / requests) * seen) / budget, requests, failures };
  }

  *findings(nowMs: number): Generator<Finding> {
    for (const [service, counts] of this.#services) {
      const { enabled, objective, failuresMin } = this.#tuning.of(service).burnRate;
      if (!enabled) continue;
      const budget = Math.max(1e-9, 1 - objective);
      for (const { factor, longMs, shortMs, severity } of burnWindows) {
        const long = this.#burn(counts, budget, longMs, nowMs);
        if (long.rate < factor || long.failures < failuresMin) continue;
        const short = this.#burn(counts, budget, shortMs, nowMs);
        if (short.rate < factor) continue;
        const goneInMs = (budgetDays * 24 * hourMs) / long.rate;
        const rate = Number(long.rate.toPrecision(3));
        yield {
          key: `burn-rate\n${service}`,
          stage: severity === "critical" ? "soon" : "early",
          service,
          operation: "all requests",
          kind: "burn-rate",
          severity,
          sinceMs: Math.max(counts.sinceMs, nowMs - longMs),
          says:
            `${service} spends its error budget ${rate} times too fast: ${long.failures} of ${long.requests} requests failed in the ` +
            `last ${durationText(longMs)} and ${short.failures} of ${short.requests} in the last ${durationText(shortMs)}, where ` +
            `${percent(budget)} may fail; at this pace the budget of ${budgetDays} days is gone in ${Number((goneInMs / hourMs / 24).toPrecision(2))} days.`,
          confidence: 0.99,
          measures: [
            { name: "burn-rate", unit: "1", value: rate, baseline: factor },
            { name: "error-ratio-long", unit: "1", value: long.failures / long.requests, baseline: budget },
            { name: "requests", unit: "{request}", value: long.requests },
          ],
          // The pages of the workbook are for what hurts users now; the ticket is early.
          leadTimeMs: severity === "critical" ? 0 : goneInMs,
          traceIds: this.#traces.failing(service, nowMs - shortMs),
        };
        break;
      }
    }
  }

  /** An episode is over when five minutes of requests stay within what the pair allows. */
  standing(service: string, factor: number, nowMs: number): Standing {
    const counts = this.#services.get(service);
    const [{ shortMs }] = burnWindows;
    if (counts === undefined || nowMs - counts.sinceMs < shortMs) return { now: "unseen" };
    const budget = Math.max(1e-9, 1 - this.#tuning.of(service).burnRate.objective);
    const { rate, requests, failures } = this.#burn(counts, budget, shortMs, nowMs);
    if (requests === 0) return { now: "unseen" };
    if (rate >= factor / 2) return { now: "on" };
    return {
      now: "over",
      says: `${failures} of ${requests} requests to ${service} failed in the last ${durationText(shortMs)}; its error budget is spent ${Number(rate.toPrecision(2))} times as fast as allowed.`,
    };
  }
}
