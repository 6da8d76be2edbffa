import { codeOf } from "../telemetry/conventions.ts";
import type { LogRecord } from "../telemetry/model.ts";
import { signatureOf } from "./signature.ts";

/** A log statement in source code, as far as its records tell: all records that it wrote share one key. */
export interface Statement {
  readonly key: string;
  /** The text with what varies replaced by `<*>`, at most 160 characters. */
  readonly text: string;
  readonly file?: string;
  readonly line?: number;
  readonly function?: string;
  /** It reports an error, as far as its first record's severity tells. */
  readonly error: boolean;
}

const errorSeverity = 17;

interface Template {
  readonly tokens: string[];
  readonly key: string;
}

const reportsError = (log: LogRecord): boolean =>
  log.severity >= errorSeverity || (log.severity === 0 && /\b(?:ERROR|FATAL)\b/.test(bodyText(log).slice(0, 200)));

const tokensMax = 48;
const templatesMax = 2_000;
/** Part of the tokens that two records of one statement share at least; Drain's usual threshold lies between 0.4 and 0.6. */
const similarity = 0.6;

/** Prefixes that loggers put before the message: time, level, ids. They vary, or say nothing about the statement. */
const prefixes = /\b(?:TraceID|SpanID|trace_?id|span_?id)\s*[:=]\s*\S+|^\s*\[?\d[\d:.,TZ+-]*\]?/gi;

const bodyText = (log: LogRecord): string => (typeof log.body === "string" ? log.body : JSON.stringify(log.body));

/**
 * Tells which statement wrote a log record. Where the record names its line, that is the answer; otherwise records are grouped by
 * text with a one-level Drain (He et al., ICWS 2017): same service, same number of tokens, most tokens equal. Bounded: beyond
 * `templatesMax` texts of one length share a statement.
 */
export class Statements {
  readonly #byShape = new Map<string, Template[]>();
  readonly #known = new Map<string, Statement>();
  #templates = 0;

  of(log: LogRecord): Statement {
    const { service } = log.resource;
    const code = codeOf(log.attributes);
    if (code?.line !== undefined && Number.isInteger(code.line) && code.line > 0) {
      const key = `${service}\n${code.file}:${code.line}`;
      const known = this.#known.get(key);
      if (known !== undefined) return known;
      const statement: Statement = {
        key,
        text: textOf(log),
        error: reportsError(log),
        file: code.file,
        line: code.line,
        ...(code.function === undefined ? {} : { function: code.function }),
      };
      this.#known.set(key, statement);
      return statement;
    }
    const key = this.#templateOf(service, textOf(log));
    const known = this.#known.get(key) ?? { key, text: textOf(log), error: reportsError(log) };
    this.#known.set(key, known);
    return known;
  }

  #templateOf(service: string, text: string): string {
    const tokens = text.split(" ").slice(0, tokensMax);
    const shape = `${service}\n${tokens.length}`;
    const templates = this.#byShape.get(shape) ?? [];
    this.#byShape.set(shape, templates);
    let best: Template | undefined;
    let bestScore = similarity;
    for (const template of templates) {
      let same = 0;
      for (const [at, token] of tokens.entries()) if (template.tokens[at] === token) same += 1;
      if (same / tokens.length < bestScore) continue;
      best = template;
      bestScore = same / tokens.length;
    }
    if (best !== undefined) return best.key;
    if (this.#templates >= templatesMax) return shape;
    this.#templates += 1;
    const key = `${shape}\n${text}`;
    templates.push({ tokens, key });
    return key;
  }
}

const textOf = (log: LogRecord): string =>
  signatureOf(bodyText(log).slice(0, 600).replaceAll(prefixes, " ").trim()).replaceAll(/\s+/g, " ").slice(0, 160);
