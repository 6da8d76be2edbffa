import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { createInterface } from "node:readline";
import type { Connection } from "./kubeconfig.ts";

/** What the API server said. `status` 0 means that nothing was heard: the request may or may not have arrived. */
export type Answer<T> =
  | { ok: true; status: number; value: T }
  | { ok: false; status: number; reason: string; message: string };

export type PatchKind = "strategic-merge-patch" | "merge-patch";

/** One line of a watch. */
export interface WatchLine {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: unknown;
}

const requestTimeoutMs = 15_000;

/** The few verbs the kubelet needs, over kept-alive connections. Paths are absolute API paths. */
export class ApiClient {
  readonly #connection: Connection;
  readonly #agent: http.Agent;
  readonly #transport: typeof http | typeof https;

  constructor(connection: Connection) {
    this.#connection = connection;
    const secure = connection.server.protocol === "https:";
    this.#transport = secure ? https : http;
    this.#agent = secure
      ? new https.Agent({ keepAlive: true, maxSockets: 8, ...connection.tls })
      : new http.Agent({ keepAlive: true, maxSockets: 8 });
  }

  get<T>(path: string): Promise<Answer<T>> {
    return this.#call("GET", path);
  }

  create<T>(path: string, body: unknown): Promise<Answer<T>> {
    return this.#call("POST", path, body);
  }

  replace<T>(path: string, body: unknown): Promise<Answer<T>> {
    return this.#call("PUT", path, body);
  }

  patch<T>(path: string, body: unknown, kind: PatchKind): Promise<Answer<T>> {
    return this.#call("PATCH", path, body, `application/${kind}+json`);
  }

  delete<T>(path: string, body: unknown): Promise<Answer<T>> {
    return this.#call("DELETE", path, body);
  }

  /**
   * Streams a watch until the server ends it, the signal aborts, or the connection breaks. Answers ok at a clean end;
   * every line has been given to `onLine` by then.
   */
  async watch(path: string, signal: AbortSignal, onLine: (line: WatchLine) => void): Promise<Answer<void>> {
    try {
      const response = await this.#send("GET", path, undefined, "", signal, false);
      if (response.statusCode !== 200) return failed(response.statusCode ?? 0, await textOf(response));
      const lines = createInterface({ input: response, crlfDelay: Infinity });
      // A connection that breaks leaves half a line as the last one.
      let half = false;
      lines.on("line", (text) => {
        const line = parseLine(text);
        if (line === undefined) half ||= text !== "";
        else onLine(line);
      });
      // A connection that breaks mid-stream raises `aborted`, which readline shows as a plain close: ask the response
      // itself.
      await once(lines, "close");
      if (response.complete && !half) return { ok: true, status: 200, value: undefined };
      return { ok: false, status: 0, reason: "Disconnected", message: "the watch connection broke" };
    } catch (error) {
      return unheard(error);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #call<T>(method: string, path: string, body?: unknown, type = "application/json"): Promise<Answer<T>> {
    try {
      const signal = AbortSignal.timeout(requestTimeoutMs);
      const response = await this.#send(method, path, body, type, signal, true);
      const text = await textOf(response);
      const status = response.statusCode ?? 0;
      if (status < 200 || status > 299) return failed(status, text);
      return { ok: true, status, value: JSON.parse(text) };
    } catch (error) {
      return unheard(error);
    }
  }

  async #send(
    method: string,
    path: string,
    body: unknown,
    type: string,
    signal: AbortSignal,
    pooled: boolean,
  ): Promise<IncomingMessage> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const { server, tls, headers } = this.#connection;
    const request = this.#transport.request({
      ...tls,
      protocol: server.protocol,
      hostname: server.hostname.replace(/^\[|\]$/g, ""),
      port: server.port,
      path: server.pathname.replace(/\/$/, "") + path,
      method,
      signal,
      // A watch holds its connection for minutes, so it does not take one from the pool.
      agent: pooled ? this.#agent : false,
      headers: {
        accept: "application/json",
        "user-agent": "omega-kubelet",
        ...(payload === undefined ? {} : { "content-type": type, "content-length": payload.length }),
        ...(await headers()),
      },
    });
    const answered: Promise<unknown[]> = once(request, "response");
    request.end(payload);
    const [response] = await answered;
    if (!(response instanceof http.IncomingMessage)) throw new Error("no response");
    response.on("error", () => undefined); // An aborted body also ends the reader above; nobody else is listening.
    return response;
  }
}

function parseLine(text: string): WatchLine | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

function failed<T>(status: number, text: string): Answer<T> {
  try {
    const parsed: { reason?: string; message?: string } = JSON.parse(text);
    return { ok: false, status, reason: parsed.reason ?? "", message: parsed.message ?? text.slice(0, 300) };
  } catch {
    return { ok: false, status, reason: "", message: text.slice(0, 300) };
  }
}

function unheard<T>(error: unknown): Answer<T> {
  return {
    ok: false,
    status: 0,
    reason: "Unreachable",
    message: error instanceof Error ? error.message : String(error),
  };
}
