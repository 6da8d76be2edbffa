import { failed, isEntry, operationOf } from "../telemetry/conventions.ts";
import { endMs } from "../telemetry/model.ts";
import type { Span } from "../telemetry/model.ts";

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
}

export interface Operation {
  readonly service: string;
  readonly name: string;
}

export const operationKey = (service: string, name: string): string => `${service}\n${name}`;

const outcomesMax = 20_000;
const operationsMax = 2_000;

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
    if (this.#outcomes.length - this.#head > outcomesMax) this.#head += 1;
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
 * on. Bounded in operations, in outcomes per operation and in age.
 */
export class OperationLog {
  readonly #series = new Map<string, Series>();
  readonly #keepMs: number;

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  /** Takes a span that the window had not seen before; returns its operation when it is a request entering a service. */
  add(span: Span): Operation | undefined {
    if (!isEntry(span)) return undefined;
    const name = operationOf(span);
    const key = operationKey(span.resource.service, name);
    let series = this.#series.get(key);
    if (series === undefined) {
      // What explodes is a name with an id in it: beyond the limit such requests are kept as traces but counted nowhere.
      if (this.#series.size >= operationsMax) return undefined;
      series = new Series(span.resource.service, name);
      this.#series.set(key, series);
    }
    const { version, instance } = span.resource;
    series.add({
      traceId: span.traceId,
      spanId: span.spanId,
      startMs: span.startMs,
      endMs: endMs(span),
      durationMs: span.durationMs,
      failed: failed(span),
      version,
      instance,
    });
    return series;
  }

  expire(nowMs: number): void {
    for (const [key, series] of this.#series) {
      series.expire(nowMs - this.#keepMs);
      if (series.size === 0) this.#series.delete(key);
    }
  }

  operations(): Operation[] {
    return [...this.#series.values()];
  }

  /** Requests of one operation that began in [fromMs, toMs), newest first. */
  outcomes(operation: Operation, fromMs: number, toMs = Number.POSITIVE_INFINITY): Outcome[] {
    const found: Outcome[] = [];
    const series = this.#series.get(operationKey(operation.service, operation.name));
    if (series === undefined) return found;
    for (const outcome of series.newestFirst()) {
      if (outcome.startMs >= fromMs && outcome.startMs < toMs) found.push(outcome);
    }
    return found;
  }
}
