import { z } from "zod";

const milliseconds = (fallback: number) => z.coerce.number().int().min(10).max(600_000).default(fallback);

/** The part `model` of an agent's config file. With an empty name there is no model, and nothing of it is loaded. */
export const modelConfigSchema = z.strictObject({
  name: z
    .string()
    .max(256)
    .default("")
    .describe("As the endpoint knows it, such as `qwen3:8b`. Empty: everything is decided without a model."),
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .default("http://127.0.0.1:11434/v1")
    .describe("Any OpenAI-compatible endpoint (OpenAI, vLLM, Ollama), up to and with its `/v1`."),
  apiKey: z.string().default("").describe("Empty where the endpoint wants none."),
  stream: z
    .boolean()
    .default(false)
    .describe("Ask for the answer piece by piece; some servers end idle connections otherwise."),
  deadlineMs: milliseconds(12_000).describe(
    "All attempts of one question together. What is waiting for the answer goes on without it then.",
  ),
  attemptsMax: z.number().int().min(1).max(10).default(3),
  backoffMs: milliseconds(250),
  outputTokensMax: z.number().int().min(16).max(32_768).default(1200),
  budget: z
    .strictObject({
      questions: z.number().int().min(0).max(1000).default(8),
      tokens: z.number().int().min(0).max(10_000_000).default(60_000),
      costUsd: z.number().min(0).max(10_000).default(0.5).describe("Counts only where prices are set."),
    })
    .prefault({})
    .describe("What one incident may spend, over all processes that ask."),
  prices: z
    .strictObject({ input: z.number().min(0), output: z.number().min(0) })
    .optional()
    .describe("USD for a million tokens; absent: tokens are counted, cost is not."),
  breaker: z
    .strictObject({
      failures: z.number().int().min(1).max(100).default(3).describe("Failed questions in a row that open it."),
      openMs: milliseconds(30_000).describe("How long nothing is asked then."),
    })
    .prefault({}),
  plainWords: z
    .array(z.string().regex(/^[\p{L}]{2,32}$/u))
    .max(1000)
    .default([])
    .describe("Words of this place (service names, domain terms) that telemetry may show to the model as they are."),
});
export type ModelConfig = z.infer<typeof modelConfigSchema>;
