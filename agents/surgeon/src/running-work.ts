export interface Work {
  readonly step: "execute" | "undo";
  readonly actionId: string;
  /** Work on one target is done one after the other. */
  readonly target: string;
  readonly signal: AbortSignal;
}

/** What this process is doing to the world right now, so that it can be stopped at its next safe point. */
export class RunningWork {
  readonly #executions = new Map<string, AbortController>();
  readonly #tails = new Map<string, Promise<unknown>>();

  async run<T>(work: Work, perform: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController();
    // Known from now on, not from its turn on: what waits must be stoppable too.
    if (work.step === "execute") this.#executions.set(work.actionId, stop);
    const before = this.#tails.get(work.target) ?? Promise.resolve();
    const turn = before.then(() => perform(AbortSignal.any([work.signal, stop.signal])));
    const tail = turn.catch(() => undefined);
    this.#tails.set(work.target, tail);
    try {
      return await turn;
    } finally {
      if (this.#executions.get(work.actionId) === stop) this.#executions.delete(work.actionId);
      if (this.#tails.get(work.target) === tail) this.#tails.delete(work.target);
    }
  }

  /** Stops the execution of one action, if it runs or waits here. */
  stopExecution(actionId: string): void {
    this.#executions.get(actionId)?.abort();
  }

  /** Undos go on: they are what a stop is for. */
  stopAllExecutions(): void {
    for (const stop of this.#executions.values()) stop.abort();
  }
}
