import type { PolicyMistake } from "@omega/bus-schemas/vocabulary.ts";

/** A text file with places: Cedar counts UTF-8 bytes from 0, people count lines and characters from 1. */
export class SourceText {
  readonly name: string;
  readonly text: string;
  readonly #utf8: Buffer;

  constructor(name: string, text: string) {
    this.name = name;
    this.text = text;
    this.#utf8 = Buffer.from(text);
  }

  get bytes(): number {
    return this.#utf8.length;
  }

  placeOf(offset: number): { line: number; column: number } {
    const lines = this.#utf8.subarray(0, Math.max(0, offset)).toString().split("\n");
    return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
  }

  mistakeAt(offset: number, message: string): PolicyMistake {
    return { file: this.name, ...this.placeOf(offset), message };
  }
}
