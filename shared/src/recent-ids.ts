const idsMax = 100_000;

/**
 * Remembers the last 100,000 event ids. The server forgets an id after its duplicate window, so folds check for themselves; a repeat
 * that comes later than so many events does not happen short of somebody replaying the stream into itself.
 */
export class RecentIds {
  readonly #ids = new Set<string>();

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** False where the id was there already. */
  add(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > idsMax) {
      const [oldest] = this.#ids;
      if (oldest !== undefined) this.#ids.delete(oldest);
    }
    return true;
  }
}
