import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { fail, ok, reasonOf, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { JsonPatch } from "../kubernetes/json-pointer.ts";
import {
  kinds,
  kubernetesObjectSchema,
  objectTitle,
  type KubernetesObject,
  type ObjectRef,
} from "../kubernetes/objects.ts";
import type { KubernetesApi, ListScope, WriteOptions } from "../ports.ts";
import { readConnection, type Connection, type PodAccount } from "./kubeconfig.ts";

const answerBytesMax = 64 * 1024 * 1024;
/** Small pages: a large list is read without ever being in memory as one text. */
const pageSize = 100;
const socketsMax = 16;

const listSchema = z.looseObject({
  metadata: z.looseObject({ continue: z.string().optional() }).prefault({}),
  items: z.array(kubernetesObjectSchema),
});
const statusSchema = z.looseObject({ message: z.string() });

interface Call {
  readonly method: "GET" | "PATCH" | "POST";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly body?: unknown;
  /** What the call is about, for messages. */
  readonly about: string;
}

/**
 * The Kubernetes API over HTTP: the four calls of the port and no more (docs/decisions/0003-surgeon-kubernetes-client.md says why not a
 * library). The kubeconfig is read at the first call, so that Surgeon may start before its cluster.
 */
export class KubernetesClient implements KubernetesApi {
  readonly #kubeconfig: string;
  readonly #context: string | undefined;
  readonly #callDeadlineMs: number;
  readonly #pod: PodAccount | undefined;
  #connection: Connection | undefined;
  #agent: HttpAgent | undefined;

  constructor(options: { kubeconfig: string; context?: string | undefined; callDeadlineMs: number; pod?: PodAccount }) {
    this.#kubeconfig = options.kubeconfig;
    this.#context = options.context;
    this.#callDeadlineMs = options.callDeadlineMs;
    this.#pod = options.pod;
  }

  async get(ref: ObjectRef): Promise<Outcome<KubernetesObject>> {
    const about = `get ${objectTitle(ref)}`;
    return parsed(await this.#send({ method: "GET", path: pathOf(ref), about }), kubernetesObjectSchema, about);
  }

  async list(scope: ListScope): Promise<Outcome<KubernetesObject[]>> {
    const about = `list ${kinds[scope.kind].plural} in ${scope.namespace ?? "all namespaces"}`;
    const labels = Object.entries(scope.labels ?? {}).map(([key, value]) => `${key}=${value}`);
    const items: KubernetesObject[] = [];
    let next: string | undefined;
    do {
      const query = {
        limit: String(pageSize),
        ...(labels.length === 0 ? {} : { labelSelector: labels.join(",") }),
        ...(next === undefined ? {} : { continue: next }),
      };
      const answer = await this.#send({ method: "GET", path: collectionOf(scope.kind, scope.namespace), query, about });
      const page = parsed(answer, listSchema, about);
      if (!page.ok) return page;
      items.push(...page.value.items);
      next = page.value.metadata.continue;
    } while (next !== undefined && next !== "");
    return ok(items);
  }

  async patch(ref: ObjectRef, operations: JsonPatch, options: WriteOptions): Promise<Outcome<KubernetesObject>> {
    const about = `patch ${objectTitle(ref)}`;
    const answer = await this.#send({
      method: "PATCH",
      path: pathOf(ref),
      query: {
        fieldManager: options.fieldManager,
        fieldValidation: "Strict",
        ...(options.dryRun ? { dryRun: "All" } : {}),
      },
      contentType: "application/json-patch+json",
      body: operations,
      about,
    });
    return parsed(answer, kubernetesObjectSchema, about);
  }

  async evict(pod: ObjectRef, uid: string, options: WriteOptions): Promise<Outcome<void>> {
    const answer = await this.#send({
      method: "POST",
      path: `${pathOf(pod)}/eviction`,
      query: { fieldManager: options.fieldManager, ...(options.dryRun ? { dryRun: "All" } : {}) },
      contentType: "application/json",
      body: {
        apiVersion: "policy/v1",
        kind: "Eviction",
        metadata: { name: pod.name, namespace: pod.namespace },
        deleteOptions: { preconditions: { uid }, ...(options.dryRun ? { dryRun: ["All"] } : {}) },
      },
      about: `evict ${objectTitle(pod)}`,
    });
    return answer.ok ? ok() : answer;
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #send(call: Call): Promise<Outcome<unknown>> {
    const reached = this.#reach();
    if (!reached.ok) return reached;
    const { connection, agent } = reached.value;
    const token = await connection.token();
    if (!token.ok) return token;
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const url = new URL(connection.server);
    url.pathname = url.pathname.replace(/\/$/, "") + call.path;
    for (const [key, value] of Object.entries(call.query ?? {})) url.searchParams.set(key, value);
    const answer = await exchange(url, body, {
      method: call.method,
      agent,
      signal: AbortSignal.timeout(this.#callDeadlineMs),
      headers: {
        accept: "application/json",
        "user-agent": "omega-surgeon",
        ...(token.value === undefined ? {} : { authorization: `Bearer ${token.value}` }),
        ...(body === undefined
          ? {}
          : { "content-type": call.contentType, "content-length": String(Buffer.byteLength(body)) }),
      },
    });
    return judged(call, answer);
  }

  #reach(): Outcome<{ connection: Connection; agent: HttpAgent }> {
    if (this.#connection === undefined || this.#agent === undefined) {
      const read = readConnection(this.#kubeconfig, this.#context, this.#pod);
      if (!read.ok) return read;
      const { server, ca, cert, key, serverName, verify } = read.value;
      const shape = { keepAlive: true, maxSockets: socketsMax };
      this.#connection = read.value;
      this.#agent =
        server.protocol === "http:"
          ? new HttpAgent(shape)
          : new HttpsAgent({
              ...shape,
              rejectUnauthorized: verify,
              ...(ca === undefined ? {} : { ca }),
              ...(cert === undefined ? {} : { cert }),
              ...(key === undefined ? {} : { key }),
              ...(serverName === undefined ? {} : { servername: serverName }),
            });
    }
    return ok({ connection: this.#connection, agent: this.#agent });
  }
}

type Answer =
  | { readonly status: number; readonly text: string; readonly retryAfter?: string }
  /** `sent` says whether the server may have seen the request. */
  | { readonly broken: unknown; readonly sent: boolean };

/** Sockets that have carried a request. */
const established = new WeakSet<Socket>();

function exchange(url: URL, body: string | undefined, options: RequestOptions): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  let sent = false;
  const start = url.protocol === "http:" ? httpRequest : httpsRequest;
  const request = start(url, options, (response) => {
    readAll(response).then(
      (text) => resolve({ status: response.statusCode ?? 0, text }),
      (broken: unknown) => resolve({ broken, sent: true }),
    );
  });
  request.on("socket", (socket) => {
    // A new socket can carry nothing before its (TLS) handshake. `reusedSocket` does not tell: it is false for a request that waited for
    // its socket, whose last request may have been somebody else's.
    if (established.has(socket)) sent = true;
    else
      socket.once(url.protocol === "http:" ? "connect" : "secureConnect", () => {
        established.add(socket);
        sent = true;
      });
  });
  request.on("error", (broken) => resolve({ broken, sent }));
  request.end(body);
  return promise;
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > answerBytesMax) throw new Error(`the answer is larger than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Classes an answer by what may be done next. */
function judged(call: Call, answer: Answer): Outcome<unknown> {
  const writes = call.method !== "GET";
  if ("broken" in answer) {
    const reason = `${call.about}: ${reasonOf(answer.broken)}`;
    if (!answer.sent) return fail("retryable", "unreachable", reason);
    return fail(writes ? "unknown" : "retryable", "no_answer", reason);
  }
  const { status, text } = answer;
  const json = jsonOf(text);
  if (status >= 200 && status < 300) {
    if (json !== undefined) return ok(json);
    return fail(writes ? "unknown" : "retryable", "bad_answer", `${call.about}: ${status} without JSON`);
  }
  const said = statusSchema.safeParse(json);
  const message = `${call.about}: ${status}: ${said.success ? said.data.message : text.slice(0, 500)}`.slice(0, 4000);
  if (status === 401) return fail("terminal", "unauthorized", message);
  if (status === 403) return fail("terminal", "forbidden", message);
  if (status === 404) return fail("terminal", "not_found", message);
  if (status === 409) return fail("conflict", "write_conflict", message);
  if (status === 422 || status === 400) return fail("terminal", "invalid", message);
  if (status === 429) return fail("retryable", "too_many_requests", message);
  if (status === 503) return fail("retryable", "unavailable", message);
  // A 500, 502 or 504 may come after the write was stored.
  if (status >= 500) return fail(writes ? "unknown" : "retryable", "server_error", message);
  return fail("terminal", "refused", message);
}

function jsonOf(text: string): unknown {
  try {
    // Who set what is often the larger half of an object: of lists nobody reads it, of single objects it says whose change is in the way.
    if (!/"kind": ?"\w+List"/.test(text.slice(0, 200))) return JSON.parse(text);
    return JSON.parse(text, (key, value: unknown) => (key === "managedFields" ? undefined : value));
  } catch {
    return undefined;
  }
}

function parsed<Schema extends z.ZodType>(
  answer: Outcome<unknown>,
  schema: Schema,
  about: string,
): Outcome<z.output<Schema>> {
  if (!answer.ok) return answer;
  const result = schema.safeParse(answer.value);
  if (result.success) return ok(result.data);
  return fail("terminal", "unreadable_answer", `${about}: ${z.prettifyError(result.error)}`);
}

function collectionOf(kind: ObjectRef["kind"], namespace: string | undefined): string {
  const { group, version, plural, namespaced } = kinds[kind];
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${scope}/${plural}`;
}

function pathOf(ref: ObjectRef): string {
  return `${collectionOf(ref.kind, ref.namespace)}/${encodeURIComponent(ref.name)}`;
}
