import { serviceAddress } from "./settings.ts";
import { RequestRefused } from "./request-refused.ts";

/** The other service could not be reached, did not answer in time, or answered with a server error. */
export class DownstreamError extends Error {
  override readonly name = "DownstreamError";
}

/** A JSON client of one other service. Answers of 4xx throw `RequestRefused` with the same status. */
export interface Downstream {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  delete(path: string): Promise<void>;
}

/** A client of the Kubernetes Service `service`; each call is given up after `timeoutMs`. */
export function downstream(service: string, timeoutMs: number): Downstream {
  const { host, port } = serviceAddress(service);
  const origin = `http://${host}:${port}`;

  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    const request: RequestInit = { method, signal: AbortSignal.timeout(timeoutMs) };
    if (body !== undefined) {
      request.body = JSON.stringify(body);
      request.headers = { "content-type": "application/json" };
    }
    let answer: Response;
    let text: string;
    try {
      answer = await fetch(origin + path, request);
      text = await answer.text();
    } catch (cause) {
      throw new DownstreamError(`${method} ${path} on ${service}: ${reason(cause, timeoutMs)}`, { cause });
    }
    if (answer.status >= 500) throw new DownstreamError(`${method} ${path} on ${service} answered ${answer.status}`);
    if (answer.status >= 400) throw new RequestRefused(answer.status, text);
    return text === "" ? undefined : JSON.parse(text);
  }

  return {
    get: async <T>(path: string) => (await call("GET", path)) as T,
    post: async <T>(path: string, body: unknown) => (await call("POST", path, body)) as T,
    delete: async (path) => {
      await call("DELETE", path);
    },
  };
}

function reason(cause: unknown, timeoutMs: number): string {
  if (cause instanceof DOMException && cause.name === "TimeoutError") return `no answer within ${timeoutMs} ms`;
  // fetch says only "fetch failed"; what happened to the connection is its cause.
  if (cause instanceof Error && cause.cause instanceof Error) return cause.cause.message;
  return cause instanceof Error ? cause.message : String(cause);
}
