import type { ModelUsage } from "@omega/bus-schemas/vocabulary.ts";
import { SpanStatusCode, type Span } from "@opentelemetry/api";
import { z } from "zod";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { fail, ok, type Failure, type Outcome } from "../outcome.ts";
import { redactText } from "../redact.ts";
import { inSpan } from "../telemetry.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";
import type { ModelConfig } from "./config.ts";
import { noUsage, usageOf } from "./model.ts";
import type { Chat, ChatRequest, ChatResult, Consulted, Model, Question } from "./model.ts";

/** A token of English or JSON is about four characters; three is on the safe side for a budget. */
const charactersPerToken = 3;
const backoffMsMax = 8_000;
const askedMax = 131_072;
const answeredMax = 65_536;

/** What became of the attempts of one question. */
interface Exchange<T> {
  answer: Outcome<T>;
  answered: string | undefined;
  usage: ModelUsage;
  attempts: number;
  last: Extract<ChatResult, { ok: true }> | undefined;
}

/**
 * The one way to a model. It keeps to a deadline over all attempts and to the incident's budget, tries again what may work later, leaves
 * an endpoint alone that is down, and takes no answer that isn't of the asked shape. Whatever goes wrong is a failure that says so.
 */
export class ModelGateway implements Model {
  readonly name: string;
  readonly deadlineMs: number;
  readonly #config: ModelConfig;
  readonly #chat: Chat;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #breaker: CircuitBreaker;

  constructor(config: ModelConfig, around: { readonly chat: Chat; readonly clock: Clock; readonly log: Log }) {
    this.name = config.name;
    this.deadlineMs = config.deadlineMs;
    this.#config = config;
    this.#chat = around.chat;
    this.#clock = around.clock;
    this.#log = around.log;
    this.#breaker = new CircuitBreaker(config.breaker);
  }

  async ask<Answer extends z.ZodType>(question: Question<Answer>): Promise<Consulted<z.output<Answer>>> {
    const began = this.#clock.now();
    const user = redactText(JSON.stringify(question.facts));
    const exchange = await inSpan(
      `chat ${this.name}`,
      { kind: "client", parent: question.traceparent, attributes: this.#attributes(question) },
      (_traceparent, span) => this.#guarded(question, user, span),
    );
    const { answer, answered, usage, attempts } = exchange;
    if (!answer.ok)
      this.#log.warn(
        { task: question.task, incidentId: question.incidentId, failure: answer.failure },
        "no answer of the model",
      );
    const { id, version, sha256 } = question.prompt;
    return {
      answer,
      record: {
        task: question.task,
        model: this.name,
        prompt: { id, version, sha256 },
        asked: user.slice(0, askedMax),
        ...(answered === undefined ? {} : { answered: redactText(answered).slice(0, answeredMax) }),
        ...(answer.ok ? {} : { failure: answer.failure }),
        usage,
        attempts,
        tookMs: Math.max(0, this.#clock.now() - began),
      },
    };
  }

  async #guarded<Answer extends z.ZodType>(
    question: Question<Answer>,
    user: string,
    span: Span,
  ): Promise<Exchange<z.output<Answer>>> {
    const refused = this.#overBudget(question, user, noUsage);
    if (refused !== undefined) return ended(refused, span);
    if (user.length > askedMax) {
      return ended(fail("terminal", "question_too_long", `The facts take ${user.length} characters.`), span);
    }
    if (!this.#breaker.admits(this.#clock.now())) {
      return ended(
        fail("retryable", "breaker_open", `${this.name} failed repeatedly and is left alone for a while.`),
        span,
      );
    }
    const exchange = await this.#withinDeadline(question, user);
    // A caller that was stopped says nothing about the endpoint.
    if (question.signal.aborted) this.#breaker.withdrawn();
    else if (exchange.answer.ok) this.#breaker.succeeded();
    else this.#breaker.failed(this.#clock.now());
    return told(exchange, span);
  }

  async #withinDeadline<Answer extends z.ZodType>(
    question: Question<Answer>,
    user: string,
  ): Promise<Exchange<z.output<Answer>>> {
    const running: Exchange<z.output<Answer>> = {
      answer: fail("retryable", "deadline_passed", `${this.name} gave no answer in ${this.deadlineMs} ms.`),
      answered: undefined,
      usage: noUsage,
      attempts: 0,
      last: undefined,
    };
    const over = new AbortController();
    const late = new AbortController();
    const timer = this.#clock.sleep(this.deadlineMs, over.signal).then(() => late.abort());
    const signal = AbortSignal.any([question.signal, late.signal]);
    // Raced, because what speaks to the endpoint may be slow to notice that nobody waits any more.
    const cut = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    if (!signal.aborted) await Promise.race([this.#attempt(question, user, signal, running), cut]);
    // A copy: what an attempt does after this moment changes `running` only.
    const exchange = { ...running };
    if (question.signal.aborted)
      exchange.answer = fail("retryable", "stopping", "Nobody waits for the answer any more.");
    over.abort();
    await timer;
    return exchange;
  }

  /** Attempts until one is right or nothing more may be tried; `exchange` is what is known at any moment. */
  async #attempt<Answer extends z.ZodType>(
    question: Question<Answer>,
    user: string,
    signal: AbortSignal,
    exchange: Exchange<z.output<Answer>>,
  ): Promise<void> {
    const request: ChatRequest = {
      system: question.prompt.text,
      user,
      answer: { name: question.task, schema: z.toJSONSchema(question.answer) },
      outputTokensMax: this.#config.outputTokensMax,
      signal,
    };
    for (;;) {
      exchange.attempts += 1;
      const result = await this.#chat.complete(request);
      if (signal.aborted) return;
      let failure: Failure & { retryAfterMs?: number | undefined };
      if (result.ok) {
        exchange.last = result;
        exchange.answered = result.text;
        exchange.usage = usageOf(exchange.usage, this.#priced(result, request));
        const answer = answerOf(result, question.answer);
        if (answer.ok) {
          exchange.answer = answer;
          return;
        }
        ({ failure } = answer);
      } else {
        failure = { kind: result.kind, code: result.code, message: result.message, retryAfterMs: result.retryAfterMs };
      }
      const overBudget = this.#overBudget(question, user, exchange.usage);
      const last =
        failure.kind !== "retryable" || exchange.attempts >= this.#config.attemptsMax || overBudget !== undefined;
      const { retryAfterMs, ...plain } = failure;
      if (last) {
        exchange.answer = { ok: false, failure: plain };
        return;
      }
      const backoffMs = Math.min(backoffMsMax, this.#config.backoffMs * 2 ** (exchange.attempts - 1));
      await this.#clock.sleep(Math.max(backoffMs, retryAfterMs ?? 0), signal);
      if (signal.aborted) return;
    }
  }

  /** Why the next attempt would go over the incident's budget, with what it would cost at most. */
  #overBudget(
    { spent, prompt }: Pick<Question<z.ZodType>, "spent" | "prompt">,
    user: string,
    now: ModelUsage,
  ): { readonly ok: false; readonly failure: Failure } | undefined {
    const { budget, prices, outputTokensMax } = this.#config;
    const input = Math.ceil((prompt.text.length + user.length) / charactersPerToken);
    const tokens = spent.tokens + now.inputTokens + now.outputTokens + input + outputTokensMax;
    const over = (says: string) => fail("terminal", "budget_spent", says);
    if (spent.questions >= budget.questions) return over(`The incident has asked its ${budget.questions} questions.`);
    if (tokens > budget.tokens) return over(`The next question could go over the incident's ${budget.tokens} tokens.`);
    if (prices === undefined) return undefined;
    const cost = spent.costUsd + (now.costUsd ?? 0) + costOf(prices, input, outputTokensMax);
    return cost > budget.costUsd
      ? over(`The next question could go over the incident's ${budget.costUsd} USD.`)
      : undefined;
  }

  #priced({ usage, text }: Extract<ChatResult, { ok: true }>, request: ChatRequest): ModelUsage {
    const inputTokens =
      usage?.inputTokens ?? Math.ceil((request.system.length + request.user.length) / charactersPerToken);
    const outputTokens = usage?.outputTokens ?? Math.ceil(text.length / charactersPerToken);
    const { prices } = this.#config;
    const costUsd = prices === undefined ? {} : { costUsd: costOf(prices, inputTokens, outputTokens) };
    return { inputTokens, outputTokens, estimated: usage === undefined, ...costUsd };
  }

  /** By the OpenTelemetry semantic conventions for generative AI; prompts and answers are on the stream, not on spans. */
  #attributes({ prompt, task, incidentId }: Question<z.ZodType>): Record<string, string | number> {
    const { hostname, port, protocol } = new URL(this.#config.baseUrl);
    return {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": this.name,
      "gen_ai.request.max_tokens": this.#config.outputTokensMax,
      "gen_ai.output.type": "json",
      "server.address": hostname,
      "server.port": Number(port === "" ? (protocol === "https:" ? 443 : 80) : port),
      "omega.incident.id": incidentId,
      "omega.model.task": task,
      "omega.prompt.version": `${prompt.id}.v${prompt.version}`,
    };
  }
}

function costOf(prices: { readonly input: number; readonly output: number }, input: number, output: number): number {
  return (input * prices.input + output * prices.output) / 1_000_000;
}

/** Failures: `answer_truncated`, `answer_empty`, `answer_not_json`, `answer_wrong_shape`; all but the first may go well another time. */
function answerOf<Answer extends z.ZodType>(
  result: Extract<ChatResult, { ok: true }>,
  schema: Answer,
): Outcome<z.output<Answer>> {
  if (result.finish === "length")
    return fail("terminal", "answer_truncated", "The answer was cut at its limit of tokens.");
  if (result.text.trim() === "")
    return fail("retryable", "answer_empty", `The answer is empty (${result.finish ?? "no reason given"}).`);
  let json: unknown;
  try {
    json = JSON.parse(unfenced(result.text));
  } catch {
    return fail("retryable", "answer_not_json", "The answer is not JSON.");
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return ok(parsed.data);
  const places = parsed.error.issues.slice(0, 5).map(({ path, code }) => `${path.join(".") || "the whole"}: ${code}`);
  return fail(
    "retryable",
    "answer_wrong_shape",
    `The answer is not of the asked shape: ${places.join("; ")}.`.slice(0, 1024),
  );
}

/** Smaller models put a Markdown fence around what they were told to give bare. */
function unfenced(text: string): string {
  return /^\s*```(?:json)?\s*\n([\s\S]*?)\n?\s*```\s*$/.exec(text)?.[1] ?? text;
}

function ended<T>(refused: Outcome<T>, span: Span): Exchange<T> {
  return told({ answer: refused, answered: undefined, usage: noUsage, attempts: 0, last: undefined }, span);
}

function told<T>(exchange: Exchange<T>, span: Span): Exchange<T> {
  const { answer, usage, last, attempts } = exchange;
  span.setAttributes({
    "gen_ai.usage.input_tokens": usage.inputTokens,
    "gen_ai.usage.output_tokens": usage.outputTokens,
    "omega.model.attempts": attempts,
    ...(last?.responseId === undefined ? {} : { "gen_ai.response.id": last.responseId }),
    ...(last?.responseModel === undefined ? {} : { "gen_ai.response.model": last.responseModel }),
    ...(last?.finish === undefined ? {} : { "gen_ai.response.finish_reasons": [last.finish] }),
  });
  if (!answer.ok) {
    span.setAttribute("error.type", answer.failure.code);
    span.setStatus({ code: SpanStatusCode.ERROR, message: answer.failure.code });
  }
  return exchange;
}
