/**
 * Spares an endpoint that is down, and whoever waits for it: after so many failures in a row nothing is asked for a while; then one
 * question is let through, and its answer closes or opens it again.
 */
export class CircuitBreaker {
  readonly #failuresMax: number;
  readonly #openMs: number;
  #failures = 0;
  #openUntil = 0;
  #probing = false;

  constructor({ failures, openMs }: { readonly failures: number; readonly openMs: number }) {
    this.#failuresMax = failures;
    this.#openMs = openMs;
  }

  /** Whether a question may be asked now; whoever is let through tells how it went. */
  admits(now: number): boolean {
    if (this.#failures < this.#failuresMax) return true;
    if (now < this.#openUntil || this.#probing) return false;
    this.#probing = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#probing = false;
  }

  failed(now: number): void {
    this.#failures += 1;
    this.#probing = false;
    if (this.#failures >= this.#failuresMax) this.#openUntil = now + this.#openMs;
  }

  /** The one who was let through never asked, for a reason of its own. */
  withdrawn(): void {
    this.#probing = false;
  }
}
