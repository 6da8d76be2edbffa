import type { Journey, Step } from "./journeys.ts";

/** The load generator's own account, as a visitor would give it. */
export interface LoadReport {
  seconds: number;
  requests: number;
  failed: number;
  /** 1 when nothing was sent. */
  successRatio: number;
  /** Orders are the requests that matter most, so they are counted apart. */
  orders: { requests: number; failed: number; successRatio: number };
  /** Requests by what came of them: a status, or the code of a connection error. */
  outcomes: Record<string, number>;
  /** Visitors who found the shop full. */
  turnedAway: number;
  latencyMs: { p50: number; p95: number; p99: number; max: number };
}

/** Latencies kept for the percentiles: the last so many, so that a load can run for days. */
const latenciesMax = 20_000;

export class LoadLedger {
  #startedAt = performance.now();
  #requests = 0;
  #failed = 0;
  #orders = 0;
  #ordersFailed = 0;
  #turnedAway = 0;
  #outcomes = new Map<string, number>();
  #latencies: number[] = [];

  note(journey: Journey["name"], step: Step, outcome: number | string, latencyMs: number): void {
    const failed = outcome !== step.expected ? 1 : 0;
    this.#latencies[this.#requests % latenciesMax] = latencyMs;
    this.#requests += 1;
    this.#failed += failed;
    if (journey === "order" && step.path === "/orders") {
      this.#orders += 1;
      this.#ordersFailed += failed;
    }
    this.#outcomes.set(String(outcome), (this.#outcomes.get(String(outcome)) ?? 0) + 1);
  }

  turnedAway(): void {
    this.#turnedAway += 1;
  }

  report(): LoadReport {
    const sorted = this.#latencies.toSorted((left, right) => left - right);
    const quantile = (q: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0);
    return {
      seconds: round((performance.now() - this.#startedAt) / 1_000),
      requests: this.#requests,
      failed: this.#failed,
      successRatio: ratio(this.#requests - this.#failed, this.#requests),
      orders: {
        requests: this.#orders,
        failed: this.#ordersFailed,
        successRatio: ratio(this.#orders - this.#ordersFailed, this.#orders),
      },
      outcomes: Object.fromEntries(this.#outcomes),
      turnedAway: this.#turnedAway,
      latencyMs: { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), max: round(sorted.at(-1) ?? 0) },
    };
  }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 1 : Math.round((part / whole) * 1e5) / 1e5;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
