import { TailUnit } from "./tail-unit.ts";

export interface SubCriticalSettings {
  /** Points over which the slow scale smooths: what it hears is a shift, what the fast one hears is a jump. */
  readonly smoothing: number;
  /** Points after which an old one counts 1/e in the slow scale's centre. */
  readonly slowMemory: number;
  readonly tailMemory: number;
  readonly tailShare: number;
  readonly stepMax: number;
  /** A score is told only if none of the last so many points reached it: one episode is one alarm. */
  readonly recordPoints: number;
}

export const subCriticalSettings: SubCriticalSettings = {
  smoothing: 30,
  slowMemory: 150,
  tailMemory: 300,
  tailShare: 0.03,
  stepMax: 2,
  recordPoints: 350,
};

/**
 * Tells anomalies of one numeric series that are not yet failures, at O(1) a point: two scales of a TailUnit, one for jumps from point
 * to point and one for shifts of the smoothed series, and a filter that lets only new records through.
 */
export class SubCriticalDetector {
  readonly #settings: SubCriticalSettings;
  readonly #fast: TailUnit;
  readonly #slow: TailUnit;
  #smoothed: number | undefined;
  #seen = 0;
  /** Scores of the last `recordPoints` points that no later one reached, highest and oldest first. */
  #records: { at: number; score: number }[] = [];

  constructor(settings: Partial<SubCriticalSettings> = {}) {
    this.#settings = { ...subCriticalSettings, ...settings };
    const { tailMemory, tailShare, stepMax, slowMemory } = this.#settings;
    this.#fast = new TailUnit({ centreMemory: 1, tailMemory, tailShare, stepMax });
    this.#slow = new TailUnit({ centreMemory: slowMemory, tailMemory, tailShare, stepMax });
  }

  /** The point's score: 0 when it is usual or part of an episode already told. A value that is no number is passed over. */
  next(value: number): number {
    if (!Number.isFinite(value)) return 0;
    this.#seen += 1;
    const smoothed = this.#smoothed ?? value;
    this.#smoothed = smoothed + Math.max(1 / this.#seen, 1 / this.#settings.smoothing) * (value - smoothed);
    const score = Math.max(0, this.#fast.next(value)) + Math.max(0, this.#slow.next(this.#smoothed));
    return this.#isRecord(score) ? score : 0;
  }

  #isRecord(score: number): boolean {
    const records = this.#records;
    if ((records[0]?.at ?? this.#seen) < this.#seen - this.#settings.recordPoints) records.shift();
    const isRecord = score > (records[0]?.score ?? 0);
    while ((records.at(-1)?.score ?? Number.POSITIVE_INFINITY) <= score) records.pop();
    records.push({ at: this.#seen, score });
    return isRecord;
  }
}
