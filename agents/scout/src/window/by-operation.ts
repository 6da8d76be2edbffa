/**
 * A value for each operation of each service. Two maps, one in the other, because both names are strings that many spans share: a key
 * joined from them would be made, hashed and thrown away for every request.
 */
export class ByOperation<Value> {
  readonly #services = new Map<string, Map<string, Value>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get services(): number {
    return this.#services.size;
  }

  operationsOf(service: string): number {
    return this.#services.get(service)?.size ?? 0;
  }

  get(service: string, name: string): Value | undefined {
    return this.#services.get(service)?.get(name);
  }

  set(service: string, name: string, value: Value): void {
    let operations = this.#services.get(service);
    if (operations === undefined) {
      operations = new Map();
      this.#services.set(service, operations);
    }
    if (!operations.has(name)) this.#size += 1;
    operations.set(name, value);
  }

  delete(service: string, name: string): void {
    const operations = this.#services.get(service);
    if (operations?.delete(name) !== true) return;
    this.#size -= 1;
    if (operations.size === 0) this.#services.delete(service);
  }

  *values(): Generator<Value> {
    for (const operations of this.#services.values()) yield* operations.values();
  }
}
