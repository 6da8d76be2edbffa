export interface TailUnitSettings {
  /** Points after which an old one counts 1/e: the memory of the centre. 1 takes the last point as the centre. */
  readonly centreMemory: number;
  /** The same for the typical distance from the centre and for the tail's threshold. */
  readonly tailMemory: number;
  /** The part of the distances that lies beyond the tail's threshold. */
  readonly tailShare: number;
  /** No step of the centre is larger than this many typical distances, so that a spike hardly moves it. */
  readonly stepMax: number;
}

/** Points before anything can be said. */
const warmup = 10;
/** A distance counts as at most this many times the largest step of the centre when the typical one is learnt. */
const distanceStepsMax = 4;
/** An excess counts as at most this many times the scale when the scale is learnt. */
const excessScalesMax = 20;
/** The quantile moves faster than the mean does, because each of its steps is one bit of news. */
const quantileSpeed = 3;
const scaleSpeed = 0.25;
/** The part of the typical distance that a scale is never below: a tail seen twice has no scale of its own yet. */
const scaleFloor = 0.3;

/**
 * How far out in its own tail a point lies, at O(1) a point and without looking ahead. An EWMA follows the centre with clipped steps;
 * a running quantile (stochastic approximation, Robbins and Monro 1951) follows the threshold that the distance from the centre seldom
 * passes; the mean of what passes it is the scale of an exponential tail, the middle case of the extreme-value family (Pickands
 * 1975; Siffer et al., KDD 2017). The score is the excess in units of that scale, so that it means the same for every series.
 */
export class TailUnit {
  readonly #settings: TailUnitSettings;
  #seen = 0;
  #centre = 0;
  #typical = 0;
  #threshold = 0;
  #scale = 0;

  constructor(settings: TailUnitSettings) {
    this.#settings = settings;
  }

  /** Scores the point by what was known before it, then learns from it. Zero and less is within the usual. */
  next(value: number): number {
    if (this.#seen === 0) this.#centre = value;
    this.#seen += 1;
    const distance = Math.abs(value - this.#centre);
    // A series without noise has no scale: a thousandth of its level is then taken for one.
    const least = 1e-3 * Math.abs(this.#centre) + 1e-9;
    const unit = this.#scale + scaleFloor * this.#typical + least;
    const score = this.#seen <= warmup ? 0 : (distance - this.#threshold) / unit;
    this.#learn(value, distance, least);
    return score;
  }

  #learn(value: number, distance: number, least: number): void {
    const { centreMemory, tailMemory, tailShare, stepMax } = this.#settings;
    // Early points weigh more: the memory is filled while the start is forgotten.
    const centreWeight = Math.max(1 / this.#seen, 1 / centreMemory);
    const tailWeight = Math.max(1 / this.#seen, 1 / tailMemory);
    const clip = this.#seen <= warmup ? distance : stepMax * (this.#typical + least);
    this.#centre += centreWeight * Math.sign(value - this.#centre) * Math.min(distance, clip);
    this.#typical += tailWeight * (Math.min(distance, distanceStepsMax * clip) - this.#typical);
    const step = quantileSpeed * tailWeight * Math.max(this.#typical, least);
    this.#threshold += distance > this.#threshold ? step * (1 - tailShare) : -step * tailShare;
    this.#threshold = Math.max(0, this.#threshold);
    if (distance <= this.#threshold) return;
    const excess = Math.min(distance - this.#threshold, excessScalesMax * (this.#scale + this.#typical + least));
    // Of tailShare of the points only: to keep the same memory in time each one weighs more.
    const scaleWeight = Math.min(1, Math.max((scaleSpeed * tailWeight) / tailShare, 1 / this.#seen));
    this.#scale += scaleWeight * (excess - this.#scale);
  }
}
