export type AttributeValue =
  | string
  | number
  | boolean
  | null
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue };

/**
 * The attributes of one span, event, log record, point or resource, in the order they were sent.
 *
 * Kept as one flat array of name, value, name, value: it is several times smaller and quicker to fill than a map, and a span
 * is looked up a handful of times at most. A name sent twice answers with its first value.
 */
export class Attributes {
  static readonly none = new Attributes([]);

  readonly #flat: AttributeValue[];

  /** `flat` alternates name and value and is owned by this object from now on. */
  constructor(flat: AttributeValue[]) {
    this.#flat = flat;
  }

  static of(entries: Readonly<Record<string, AttributeValue>>): Attributes {
    return new Attributes(Object.entries(entries).flatMap(([name, value]) => [name, value]));
  }

  get size(): number {
    return this.#flat.length / 2;
  }

  get(name: string): AttributeValue | undefined {
    const flat = this.#flat;
    for (let at = 0; at < flat.length; at += 2) if (flat[at] === name) return flat[at + 1];
    return undefined;
  }

  /** Characters in values longer than `shortest`: what these attributes hold in memory that they don't share with others. */
  longText(shortest: number): number {
    let characters = 0;
    for (let at = 1; at < this.#flat.length; at += 2) {
      const value = this.#flat[at];
      if (typeof value === "string" && value.length > shortest) characters += value.length;
    }
    return characters;
  }

  /** The first of `names` whose value is a non-empty string. */
  text(...names: string[]): string | undefined {
    for (const name of names) {
      const value = this.get(name);
      if (typeof value === "string" && value !== "") return value;
    }
    return undefined;
  }

  /** The first of `names` whose value is a finite number; numerals sent as text count. */
  number(...names: string[]): number | undefined {
    for (const name of names) {
      const value = this.get(name);
      if (value === undefined || value === null || value === "") continue;
      const number = typeof value === "number" || typeof value === "string" ? Number(value) : Number.NaN;
      if (Number.isFinite(number)) return number;
    }
    return undefined;
  }

  *entries(): Generator<[string, AttributeValue]> {
    for (let at = 0; at < this.#flat.length; at += 2) {
      const name = this.#flat[at];
      if (typeof name === "string") yield [name, this.#flat[at + 1] ?? null];
    }
  }

  toJSON(): Record<string, AttributeValue> {
    return Object.fromEntries(this.entries());
  }
}
