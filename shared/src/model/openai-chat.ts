import { HumanMessage, SystemMessage, type AIMessageChunk } from "@langchain/core/messages";
import { ChatOpenAICompletions } from "@langchain/openai";
import { reasonOf } from "../outcome.ts";
import type { ModelConfig } from "./config.ts";
import type { Chat, ChatRequest, ChatResult } from "./model.ts";

// LangChain reports every prompt to a third party when one of these is set, for whatever reason it is: prompts go to the endpoint only.
for (const name of ["LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2"])
  Reflect.deleteProperty(process.env, name);

/** An OpenAI-compatible endpoint by LangChain. Retries, deadline and the check of the answer are the gateway's. */
export class OpenAiChat implements Chat {
  readonly #config: ModelConfig;

  constructor(config: ModelConfig) {
    this.#config = config;
  }

  async complete(request: ChatRequest): Promise<ChatResult> {
    const messages = [new SystemMessage(request.system), new HumanMessage(request.user)];
    const client = this.#client(request);
    const options = { signal: request.signal };
    try {
      if (!this.#config.stream) return resultOf(await client.invoke(messages, options));
      let whole: AIMessageChunk | undefined;
      for await (const chunk of await client.stream(messages, options)) whole = whole?.concat(chunk) ?? chunk;
      if (whole === undefined)
        return { ok: false, kind: "retryable", code: "model_silent", message: "The stream was empty." };
      return whole.response_metadata["finish_reason"] === undefined
        ? { ok: false, kind: "retryable", code: "stream_cut", message: "The stream ended before the answer did." }
        : resultOf(whole);
    } catch (error) {
      return failureOf(error);
    }
  }

  #client(request: ChatRequest): ChatOpenAICompletions {
    const { name, baseUrl, apiKey } = this.#config;
    return new ChatOpenAICompletions({
      model: name,
      temperature: 0,
      maxTokens: request.outputTokensMax,
      maxRetries: 0,
      // The client refuses an empty one; endpoints that want none ignore it.
      apiKey: apiKey === "" ? "none" : apiKey,
      configuration: { baseURL: baseUrl, fetch: fetchWithFormat(request.answer) },
    });
  }
}

/**
 * Asks for the answer's shape on the wire. Told to LangChain, the format goes through the client's own parser, which throws away an answer
 * that doesn't parse, and what it cost with it.
 */
function fetchWithFormat({ name, schema }: ChatRequest["answer"]): typeof fetch {
  const format = { response_format: { type: "json_schema", json_schema: { name, strict: true, schema } } };
  return async (url, init) => {
    if (typeof init?.body !== "string") return await fetch(url, init);
    return await fetch(url, { ...init, body: JSON.stringify({ ...(JSON.parse(init.body) as object), ...format }) });
  };
}

/** What a message and the sum of its chunks have in common. */
interface Answered {
  readonly text: string;
  readonly id?: string | undefined;
  readonly response_metadata: Readonly<Record<string, unknown>>;
  readonly usage_metadata?: { readonly input_tokens?: number; readonly output_tokens?: number } | undefined;
}

function resultOf(message: Answered): ChatResult {
  const { finish_reason: finish, model_name: responseModel } = message.response_metadata;
  // An endpoint that counts nothing leaves both out, or zero.
  const { input_tokens: inputTokens = 0, output_tokens: outputTokens = 0 } = message.usage_metadata ?? {};
  return {
    ok: true,
    text: message.text,
    finish: typeof finish === "string" ? finish : undefined,
    responseId: message.id,
    responseModel: typeof responseModel === "string" ? responseModel : undefined,
    usage: inputTokens + outputTokens === 0 ? undefined : { inputTokens, outputTokens },
  };
}

/** 408, 409, 425, 429 and 5xx may go well later, as may a connection that failed; any other status is for good. */
function failureOf(error: unknown): ChatResult {
  const status: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "status") : undefined;
  const message = reasonOf(error).slice(0, 1024);
  if (typeof status !== "number") return { ok: false, kind: "retryable", code: "model_unreachable", message };
  const retryAfterMs = retryAfterOf(error);
  if (status === 429) return { ok: false, kind: "retryable", code: "model_rate_limited", message, retryAfterMs };
  if (status >= 500 || status === 408 || status === 409 || status === 425)
    return { ok: false, kind: "retryable", code: "model_error", message, retryAfterMs };
  return { ok: false, kind: "terminal", code: "model_refused", message };
}

/** `Retry-After` in seconds or as a date, or the `retry-after-ms` that some servers send. */
function retryAfterOf(error: unknown): number | undefined {
  const headers: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "headers") : undefined;
  if (!(headers instanceof Headers)) return undefined;
  const ms = Number(headers.get("retry-after-ms") ?? Number.NaN);
  if (Number.isFinite(ms) && ms >= 0) return ms;
  const text = headers.get("retry-after");
  if (text === null) return undefined;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
