import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { readLog } from "./container-log.ts";
import type { PodRecord, PodRecords } from "./pod-record.ts";
import type { ServingCertificate } from "./serving-certificate.ts";

/**
 * The kubelet's endpoint: `/containerLogs/<namespace>/<pod>/<container>` as the API server asks for it, and `/healthz`.
 */
export class LogServer {
  readonly #server: Server;
  readonly #records: PodRecords;
  readonly #find: (namespace: string, pod: string) => PodRecord | undefined;

  constructor(
    certificate: ServingCertificate,
    records: PodRecords,
    find: (namespace: string, pod: string) => PodRecord | undefined,
  ) {
    this.#records = records;
    this.#find = find;
    this.#server = createServer(certificate, (request, response) => void this.#answer(request, response));
  }

  /** Listens on loopback only: whoever reaches it may read logs, as there is no token review here. Answers the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", (error) =>
        reject(new Error(`cannot listen on ${host}:${port} for the API server: ${error.message}`)),
      );
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "https://kubelet");
    const [kind, namespace = "", pod = "", container = ""] = url.pathname.split("/").slice(1).map(decodeURIComponent);
    if (kind === "healthz") return void response.end("ok");
    if (request.method !== "GET" || kind !== "containerLogs") return refuse(response, 404, "404 page not found");
    const record = this.#find(namespace, pod);
    if (record === undefined) return refuse(response, 404, `pod "${pod}" not found in namespace "${namespace}"`);
    const state = record.containers[container];
    if (state === undefined) return refuse(response, 404, `container "${container}" not found in pod "${pod}"`);
    const attempt = attemptOf(state, url.searchParams.get("previous") === "true");
    if (typeof attempt === "string") {
      return refuse(response, 400, attempt.replace("%", `container "${container}" in pod "${pod}"`));
    }
    const file = this.#records.logFile(record.uid, container, attempt);
    const tailLines = wholeNumber(url, "tailLines");
    const since = sinceMs(url);
    const hungUp = new AbortController();
    response.once("close", () => hungUp.abort());
    response.writeHead(200, { "content-type": "text/plain" });
    response.flushHeaders();
    const query = {
      follow: url.searchParams.get("follow") === "true",
      timestamps: url.searchParams.get("timestamps") === "true",
      ...(tailLines === undefined ? {} : { tailLines }),
      ...(since === undefined ? {} : { sinceMs: since }),
    };
    const ended = (): boolean => state.attempt !== attempt || state.state.running === undefined;
    const limited = limit(readLog(file, query, ended, hungUp.signal), wholeNumber(url, "limitBytes"));
    await pipeline(limited, response).catch(() => undefined); // The reader hung up.
  }
}

/** Which run's log is meant, or why there is none. */
function attemptOf(record: PodRecord["containers"][string], previous: boolean): number | string {
  const { attempt, state, last } = record;
  if (previous) {
    if (attempt === undefined || last === undefined) return "previous terminated % not found";
    // While it waits to be restarted, what ended last is the newest run.
    return state.waiting === undefined ? Math.max(0, attempt - 1) : attempt;
  }
  if (attempt !== undefined) return attempt;
  return `% is waiting to start: ${state.waiting?.reason ?? "ContainerCreating"}`;
}

function sinceMs(url: URL): number | undefined {
  const seconds = wholeNumber(url, "sinceSeconds");
  if (seconds !== undefined) return Date.now() - seconds * 1000;
  const time = Date.parse(url.searchParams.get("sinceTime") ?? "");
  return Number.isNaN(time) ? undefined : time;
}

function wholeNumber(url: URL, name: string): number | undefined {
  const text = url.searchParams.get(name);
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}

async function* limit(pieces: AsyncGenerator<Buffer>, bytes: number | undefined): AsyncGenerator<Buffer> {
  let left = bytes ?? Infinity;
  for await (const piece of pieces) {
    yield piece.subarray(0, left);
    left -= piece.length;
    if (left <= 0) return;
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { "content-type": "text/plain" }).end(`${message}\n`);
}
