import type { DataOf } from "@omega/bus-schemas/catalogue.ts";
import type { ModelUsage } from "@omega/bus-schemas/vocabulary.ts";
import type { z } from "zod";
import type { Outcome } from "../outcome.ts";
import type { Prompt } from "./prompt.ts";

/** What was said of a question, as it goes to the stream: replay reads it there and asks nobody. */
export type Consultation = DataOf<"model.consulted">;

/** What an incident has spent on models so far, as the stream tells it. */
export interface Spent {
  readonly questions: number;
  readonly tokens: number;
  readonly costUsd: number;
}

export const nothingSpent: Spent = { questions: 0, tokens: 0, costUsd: 0 };

export interface Question<Answer extends z.ZodType> {
  readonly task: Consultation["task"];
  readonly prompt: Prompt;
  /** Goes to the model as JSON. Whatever an outsider could have written is in it as references (references.ts). */
  readonly facts: unknown;
  /** The only answers that count. */
  readonly answer: Answer;
  readonly spent: Spent;
  readonly incidentId: string;
  readonly traceparent?: string | undefined;
  readonly signal: AbortSignal;
}

/** `record` is there whatever happened: without an answer it says why. */
export interface Consulted<T> {
  readonly answer: Outcome<T>;
  readonly record: Consultation;
}

/** A model behind a gateway that keeps deadline and budget. It never rejects and never takes longer than its deadline. */
export interface Model {
  readonly name: string;
  readonly deadlineMs: number;
  ask<Answer extends z.ZodType>(question: Question<Answer>): Promise<Consulted<z.output<Answer>>>;
}

export function spentAfter(spent: Spent, usage: ModelUsage): Spent {
  return {
    questions: spent.questions + 1,
    tokens: spent.tokens + usage.inputTokens + usage.outputTokens,
    costUsd: spent.costUsd + (usage.costUsd ?? 0),
  };
}

export const noUsage: ModelUsage = { inputTokens: 0, outputTokens: 0, estimated: false };

/** The usage of two questions together. */
export function usageOf(one: ModelUsage, other: ModelUsage): ModelUsage {
  const cost = one.costUsd === undefined ? other.costUsd : one.costUsd + (other.costUsd ?? 0);
  return {
    inputTokens: one.inputTokens + other.inputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    estimated: one.estimated || other.estimated,
    ...(cost === undefined ? {} : { costUsd: cost }),
  };
}

/** One exchange with the endpoint; what speaks its protocol implements it. */
export interface Chat {
  complete(request: ChatRequest): Promise<ChatResult>;
}

export interface ChatRequest {
  readonly system: string;
  readonly user: string;
  /** Name and JSON Schema of the answer. */
  readonly answer: { readonly name: string; readonly schema: Readonly<Record<string, unknown>> };
  readonly outputTokensMax: number;
  readonly signal: AbortSignal;
}

export type ChatResult =
  | {
      readonly ok: true;
      readonly text: string;
      /** `length` when the answer was cut at its limit. */
      readonly finish: string | undefined;
      readonly responseId: string | undefined;
      readonly responseModel: string | undefined;
      readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | undefined;
    }
  | {
      readonly ok: false;
      readonly kind: "retryable" | "terminal";
      readonly code: string;
      readonly message: string;
      readonly retryAfterMs?: number | undefined;
    };
