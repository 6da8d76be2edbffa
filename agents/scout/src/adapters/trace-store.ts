import { fail, ok, reasonOf } from "@omega/shared/outcome.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import { decode } from "../intake/decode.ts";
import type { Harvest } from "../intake/harvest.ts";

/** A store that keeps traces for longer than Scout does. `url` is its query address, such as `http://127.0.0.1:16686`. */
export interface TraceStore {
  readonly kind: "jaeger" | "tempo";
  readonly url: string;
}

const timeoutMs = 10_000;
const bytesMax = 64 * 1024 * 1024;

const paths = {
  jaeger: (id: string) => `/api/v3/traces/${id}`,
  tempo: (id: string) => `/api/v2/traces/${id}`,
};

/**
 * One trace by its id (32 hex digits), by Jaeger's `/api/v3/traces/{id}` (OTLP JSON under `result`) or Tempo's
 * `/api/v2/traces/{id}` (under `trace`, ids in base64). `partial` says that the store had to leave spans out. Failures:
 * `terminal/trace_unknown`, `terminal/trace_unreadable`, `retryable/trace_store_unavailable`.
 */
export const storedTrace = async (
  { kind, url }: TraceStore,
  traceId: string,
): Promise<Outcome<{ readonly harvest: Harvest; readonly partial: boolean }>> => {
  const address = `${url.replace(/\/+$/, "")}${paths[kind](traceId)}`;
  let status: number;
  let text: string;
  try {
    const answer = await fetch(address, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(timeoutMs),
    });
    status = answer.status;
    const limited = await textWithin(answer);
    if (limited === undefined)
      return fail("terminal", "trace_unreadable", `${address}: the trace is larger than ${bytesMax} bytes`);
    text = limited;
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? ` (${reasonOf(error.cause)})` : "";
    return fail("retryable", "trace_store_unavailable", `${address}: ${reasonOf(error)}${cause}`);
  }
  if (status === 404) return fail("terminal", "trace_unknown", `${address}: ${kind} has no such trace`);
  if (status !== 200)
    return fail("retryable", "trace_store_unavailable", `${address}: status ${status} ${text.slice(0, 200)}`);
  return read(kind, text, address);
};

const textWithin = async (answer: Response): Promise<string | undefined> => {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
};

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const read = (
  kind: TraceStore["kind"],
  text: string,
  address: string,
): Outcome<{ readonly harvest: Harvest; readonly partial: boolean }> => {
  const unreadable = (why: string) => fail("terminal", "trace_unreadable", `${address}: ${why}`);
  let answer: unknown;
  try {
    answer = JSON.parse(text, (key, value: unknown) => (idNames.has(key) ? hexId(value) : value));
  } catch (error) {
    return unreadable(`not JSON: ${reasonOf(error)}`);
  }
  const trace = isFields(answer) ? answer[kind === "jaeger" ? "result" : "trace"] : undefined;
  if (!isFields(trace)) return unreadable(`no "${kind === "jaeger" ? "result" : "trace"}" in the answer`);
  const decoded = decode("traces", "json", Buffer.from(JSON.stringify(trace)));
  if (!decoded.ok) return unreadable(decoded.message);
  if (decoded.harvest.spans.length === 0)
    return fail("terminal", "trace_unknown", `${address}: ${kind} has no usable span of it ${decoded.harvest.reason}`);
  return ok({ harvest: decoded.harvest, partial: isFields(answer) && answer["status"] === "PARTIAL" });
};

const idNames = new Set(["traceId", "spanId", "parentSpanId"]);

/** Plain protobuf JSON writes bytes in base64, OTLP JSON in hex: 16 bytes are 24 or 32 characters, 8 bytes 12 or 16. */
const hexId = (value: unknown): unknown =>
  typeof value === "string" && /^(?:[A-Za-z0-9+/]{22}==|[A-Za-z0-9+/]{11}=)$/.test(value)
    ? Buffer.from(value, "base64").toString("hex")
    : value;
