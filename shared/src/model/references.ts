import { readFileSync } from "node:fs";
import { redactText } from "../redact.ts";

/**
 * Text that an outsider could have written (error messages, log lines, span names, paths, annotations, documents), made fit for a model:
 * only words of a fixed list that the trade uses for failures stay; every run of anything else becomes a numbered reference. The list
 * holds no word by which one could tell a reader what to do, so an instruction does not survive, in whatever language or encoding. The
 * same text is the same reference, so that the model sees what belongs together; what a reference stands for never leaves the process.
 */
export class References {
  readonly #known: ReadonlySet<string>;
  readonly #byText = new Map<string, string>();
  readonly #texts: string[] = [];

  /** `more`: words of this place that the operator declared plain. */
  constructor(more: Iterable<string> = []) {
    this.#known = new Set([...plainWords, ...[...more].map((word) => word.toLowerCase())]);
  }

  /** The text as a model may see it. */
  of(text: string, max = 240): string {
    let shown = "";
    let hidden = "";
    const reveal = (): void => {
      const before = edges.exec(hidden)?.[0] ?? "";
      const rest = hidden.slice(before.length);
      const core = rest.replace(trailing, "");
      const after = rest.slice(core.length);
      shown += `${blank(before)}${core === "" ? "" : this.#referenceTo(core)}${blank(after)}`;
      hidden = "";
    };
    for (const [token] of redactText(text.slice(0, readMax)).matchAll(tokens)) {
      if (shown.length > max) break;
      if (isBetween(token) && hidden === "") shown += blank(token);
      else if (this.#isPlain(token)) {
        reveal();
        shown += token;
      } else hidden += token;
    }
    reveal();
    return shown.length <= max ? shown : `${shown.slice(0, max).replace(/‹[^›]*$/, "")}…`;
  }

  /** An operation such as `POST /charges`: the verbs of HTTP are orders to a reader anywhere else. */
  ofOperation(name: string): string {
    const [, method, path] = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\/.*)$/s.exec(name) ?? [];
    return method === undefined ? this.of(name, 120) : `${method} ${this.of(path ?? "", 120)}`;
  }

  /** A model's sentence with what its references stand for put back; unknown references stay as they are. */
  restore(text: string): string {
    return text.replace(/‹r(\d{1,5})›/g, (whole, number: string) => this.#texts[Number(number) - 1] ?? whole);
  }

  #isPlain(token: string): boolean {
    if (/^\d{1,9}$/.test(token)) return true;
    // camelCase, snake_case and ABCWord are several words.
    const words = token.replaceAll(/([\p{Ll}\d])(\p{Lu})|(\p{Lu})(?=\p{Lu}\p{Ll})/gu, "$1$3 $2").split(/[\s_]+/);
    return words.length <= 6 && words.every((word) => this.#known.has(word.toLowerCase().replace(/\d{1,3}$/, "")));
  }

  #referenceTo(text: string): string {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    this.#texts.push(text);
    const reference = `‹r${this.#texts.length}›`;
    this.#byText.set(text, reference);
    return reference;
  }
}

/** Longer texts are cut before anything is made of them. */
const readMax = 4096;
const tokens = /[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu;
const plainWords: readonly string[] = readFileSync(new URL("plain-words.txt", import.meta.url), "utf8")
  .split(/\s+/)
  .filter((word) => word !== "");

/** Marks around a hidden run belong to the sentence; those inside it to what is hidden. */
const edges = /^[\s.,:;()'"/<>=*%+[\]{}-]+/;
const trailing = /[\s.,:;()'"/<>=*%+[\]{}-]+$/;

/** What stands between words and may be shown when the words around it are. */
function isBetween(token: string): boolean {
  return /^(\s+|[.,:;()'"/<>=*%+[\]{}-])$/.test(token);
}

/** No line of its own for anybody's text. */
function blank(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
