import { failed, isEntry, operationOf } from "../telemetry/conventions.ts";
import { endMs } from "../telemetry/model.ts";
import type { Span } from "../telemetry/model.ts";
import { ByOperation } from "./by-operation.ts";

/** How one request to a service went. */
export interface Outcome {
  readonly traceId: string;
  readonly spanId: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly durationMs: number;
  readonly failed: boolean;
  readonly version: string | undefined;
  readonly instance: string | undefined;
  readonly pod?: string | undefined;
}

export interface Operation {
  readonly service: string;
  readonly name: string;
}

/** A request that was not known before. */
export interface Arrival {
  readonly operation: Operation;
  readonly outcome: Outcome;
}

export interface OperationLimits {
  /** Outcomes kept of all operations together; when there are more, none may have more than its equal part. */
  readonly outcomesMax: number;
  readonly servicesMax: number;
  readonly operationsPerServiceMax: number;
  readonly operationsMax: number;
}

export const operationLimits: OperationLimits = {
  outcomesMax: 200_000,
  servicesMax: 500,
  operationsPerServiceMax: 200,
  operationsMax: 2_000,
};

/** Where requests are counted whose names are too many: usually names with an id in them, or somebody who makes them up. */
export const otherOperations = "(other)";
const outcomesPerSeriesMax = 20_000;

class Series implements Operation {
  readonly service: string;
  readonly name: string;
  #outcomes: Outcome[] = [];
  #head = 0;

  constructor(service: string, name: string) {
    this.service = service;
    this.name = name;
  }

  add(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  /** Lets go of the oldest beyond `most`. */
  trim(most: number): void {
    this.#head = Math.max(this.#head, this.#outcomes.length - most);
    this.#compact();
  }

  /** Outcomes arrive nearly in order of their end; one that arrived late only stays a little longer. */
  expire(beforeMs: number): void {
    while (this.#head < this.#outcomes.length && (this.#outcomes[this.#head]?.endMs ?? 0) < beforeMs) this.#head += 1;
    this.#compact();
  }

  #compact(): void {
    if (this.#head < 1024 || this.#head * 2 < this.#outcomes.length) return;
    this.#outcomes = this.#outcomes.slice(this.#head);
    this.#head = 0;
  }

  get size(): number {
    return this.#outcomes.length - this.#head;
  }

  /** Newest first. */
  *newestFirst(): Generator<Outcome> {
    for (let at = this.#outcomes.length - 1; at >= this.#head; at -= 1) {
      const outcome = this.#outcomes[at];
      if (outcome !== undefined) yield outcome;
    }
  }
}

/**
 * The requests that entered each service, by operation: what detection counts, recovery is judged by and versions are compared
 * on. Bounded in services, operations, outcomes and age: names beyond the limits are counted together, so that a flood of them neither
 * fills the memory nor hides a failure.
 */
export class OperationLog {
  readonly #series = new ByOperation<Series>();
  readonly #keepMs: number;
  readonly #limits: OperationLimits;
  #outcomes = 0;

  constructor(keepMs: number, limits: Partial<OperationLimits> = {}) {
    this.#keepMs = keepMs;
    this.#limits = { ...operationLimits, ...limits };
  }

  /** Takes a span that the window had not seen before; returns what it was when it is a request entering a service. */
  add(span: Span): Arrival | undefined {
    if (!isEntry(span)) return undefined;
    const operation = this.#seriesOf(span.resource.service, operationOf(span));
    const { version, instance, pod } = span.resource;
    const outcome: Outcome = {
      traceId: span.traceId,
      spanId: span.spanId,
      startMs: span.startMs,
      endMs: endMs(span),
      durationMs: span.durationMs,
      failed: failed(span),
      version,
      instance,
      pod,
    };
    operation.add(outcome);
    this.#outcomes += 1;
    // A quarter more than the limit, so that trimming is seldom.
    if (this.#outcomes > this.#limits.outcomesMax * 1.25) this.#trim();
    return { operation, outcome };
  }

  #seriesOf(service: string, name: string): Series {
    const known = this.#series.get(service, name);
    if (known !== undefined) return known;
    const { servicesMax, operationsPerServiceMax, operationsMax } = this.#limits;
    const newService = this.#series.operationsOf(service) === 0;
    if (newService && service !== otherOperations && this.#series.services >= servicesMax) {
      return this.#seriesOf(otherOperations, otherOperations);
    }
    const full = this.#series.operationsOf(service) >= operationsPerServiceMax || this.#series.size >= operationsMax;
    if (full && name !== otherOperations) return this.#seriesOf(service, otherOperations);
    const series = new Series(service, name);
    this.#series.set(service, name, series);
    return series;
  }

  #trim(): void {
    const most = Math.max(1, Math.floor(this.#limits.outcomesMax / this.#series.size));
    for (const series of this.#series.values()) series.trim(most);
    this.#count();
  }

  #count(): void {
    this.#outcomes = 0;
    for (const series of this.#series.values()) this.#outcomes += series.size;
  }

  expire(nowMs: number): void {
    for (const series of this.#series.values()) {
      series.trim(outcomesPerSeriesMax);
      series.expire(nowMs - this.#keepMs);
      if (series.size === 0) this.#series.delete(series.service, series.name);
    }
    this.#count();
  }

  operations(): Operation[] {
    return [...this.#series.values()];
  }

  /** Outcomes held of all operations. */
  get size(): number {
    return this.#outcomes;
  }

  /** Requests of one operation that began in [fromMs, toMs), newest first. */
  outcomes(operation: Operation, fromMs: number, toMs = Number.POSITIVE_INFINITY): Outcome[] {
    const found: Outcome[] = [];
    const series = this.#series.get(operation.service, operation.name);
    if (series === undefined) return found;
    for (const outcome of series.newestFirst()) {
      if (outcome.startMs >= fromMs && outcome.startMs < toMs) found.push(outcome);
    }
    return found;
  }
}
