// A queue of keys to look at again. A key is in it once however often it is named, and is worked on after the current turn, so that one burst of
// changes is one look.

export class WorkQueue {
  readonly #work: (key: string) => void;
  readonly #onError: (key: string, error: unknown) => void;
  readonly #ready = new Set<string>();
  readonly #timers = new Map<string, { timer: NodeJS.Timeout; at: number }>();
  readonly #failures = new Map<string, number>();
  #immediate: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(work: (key: string) => void, onError: (key: string, error: unknown) => void) {
    this.#work = work;
    this.#onError = onError;
  }

  add(key: string): void {
    if (this.#closed) return;
    this.#ready.add(key);
    this.#immediate ??= setImmediate(() => this.#run());
  }

  /** Looks again after a while; of several such calls the earliest holds. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return;
    const at = Date.now() + Math.max(0, delayMs);
    const waiting = this.#timers.get(key);
    if (waiting !== undefined && waiting.at <= at) return;
    clearTimeout(waiting?.timer);
    const timer = setTimeout(
      () => {
        this.#timers.delete(key);
        this.add(key);
      },
      Math.min(delayMs, 2 ** 31 - 1),
    );
    timer.unref();
    this.#timers.set(key, { timer, at });
  }

  #run(): void {
    this.#immediate = undefined;
    const keys = [...this.#ready];
    this.#ready.clear();
    for (const key of keys) {
      try {
        this.#work(key);
        this.#failures.delete(key);
      } catch (error) {
        // One object that fails must not stop the others; it is tried again, ever less often.
        const failures = (this.#failures.get(key) ?? 0) + 1;
        this.#failures.set(key, failures);
        this.#onError(key, error);
        this.addAfter(key, Math.min(30_000, 50 * 2 ** Math.min(failures, 10)));
      }
    }
  }

  close(): void {
    this.#closed = true;
    clearImmediate(this.#immediate);
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
