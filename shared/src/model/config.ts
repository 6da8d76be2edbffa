import { z } from "zod";

const milliseconds = (fallback: number) => z.coerce.number().int().min(10).max(600_000).default(fallback);

/** The part `model` of an agent's config file. With an empty name there is no model, and nothing of it is loaded. */
export const modelConfigSchema = z.strictObject({
  /** As the endpoint knows it, such as `qwen3:8b`. Empty: everything is decided without a model. */
  name: z.string().max(256).default(""),
  /** Any OpenAI-compatible endpoint (OpenAI, vLLM, Ollama), up to and with its `/v1`. */
  baseUrl: z.url({ protocol: /^https?$/ }).default("http://127.0.0.1:11434/v1"),
  /** Empty where the endpoint wants none. */
  apiKey: z.string().default(""),
  /** Ask for the answer piece by piece; some servers end idle connections otherwise. */
  stream: z.boolean().default(false),
  /** All attempts of one question together. What is waiting for the answer goes on without it then. */
  deadlineMs: milliseconds(12_000),
  attemptsMax: z.number().int().min(1).max(10).default(3),
  backoffMs: milliseconds(250),
  outputTokensMax: z.number().int().min(16).max(32_768).default(1200),
  /** What one incident may spend, over all processes that ask. */
  budget: z
    .strictObject({
      questions: z.number().int().min(0).max(1000).default(8),
      tokens: z.number().int().min(0).max(10_000_000).default(60_000),
      /** Counts only where prices are set. */
      costUsd: z.number().min(0).max(10_000).default(0.5),
    })
    .prefault({}),
  /** USD for a million tokens; absent: tokens are counted, cost is not. */
  prices: z.strictObject({ input: z.number().min(0), output: z.number().min(0) }).optional(),
  breaker: z
    .strictObject({
      /** Failed questions in a row that open it. */
      failures: z.number().int().min(1).max(100).default(3),
      /** How long nothing is asked then. */
      openMs: milliseconds(30_000),
    })
    .prefault({}),
  /** Words of this place (service names, domain terms) that telemetry may show to the model as they are. */
  plainWords: z
    .array(z.string().regex(/^[\p{L}]{2,32}$/u))
    .max(1000)
    .default([]),
});
export type ModelConfig = z.infer<typeof modelConfigSchema>;
