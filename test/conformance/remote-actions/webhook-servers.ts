import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What a server answers; `drop` closes the connection instead, after whatever was done. */
export type Answer =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: unknown }
  | "drop";

/** An HTTP server on a free port of 127.0.0.1 that keeps what it received. */
export class SmallServer {
  readonly received: Received[] = [];
  readonly #server: Server;

  constructor(answer: (request: Received, response: ServerResponse) => Answer | undefined) {
    this.#server = createServer((request, response) => {
      const at = Date.now();
      void readBody(request).then((body) => {
        const url = new URL(request.url ?? "/", "http://server");
        const { method = "", headers } = request;
        const received = { method, path: url.pathname, query: url.searchParams, headers, body, at };
        this.received.push(received);
        const said = answer(received, response);
        if (said === undefined) return;
        if (said === "drop") response.destroy();
        else {
          response.writeHead(said.status, { "content-type": "application/json", ...said.headers });
          response.end(said.body === undefined ? "" : JSON.stringify(said.body));
        }
      });
    });
  }

  async listen(host = "127.0.0.1"): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, host, resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** Each look at a run brings it one step on. */
const looksUntilDone = 2;

interface Run {
  readonly id: number;
  readonly inputs: Record<string, string>;
  looks: number;
}

/** GitHub's REST API as far as workflow runs go; an `old` one does not know `return_run_details`. */
export function gitHub(options: { old?: boolean; token: string; conclusion?: string }): {
  server: SmallServer;
  runs: Run[];
} {
  const runs: Run[] = [];
  const view = (run: Run): object => {
    run.looks += 1;
    const completed = run.looks > looksUntilDone;
    const state = completed
      ? { status: "completed", conclusion: options.conclusion ?? "success" }
      : { status: "queued", conclusion: null };
    return {
      id: run.id,
      name: "Roll back",
      display_title: `Roll back ${run.inputs["omega_action_id"]}`,
      html_url: "",
      ...state,
    };
  };
  const workflow = "/repos/acme/shop/actions/workflows/rollback.yml";
  const server = new SmallServer(({ method, path, headers, body }) => {
    if (headers.authorization !== `Bearer ${options.token}`)
      return { status: 401, body: { message: "Bad credentials" } };
    if (path === workflow) return { status: 200, body: { id: 7, state: "active" } };
    if (path === `${workflow}/runs`)
      return { status: 200, body: { total_count: runs.length, workflow_runs: runs.map(view).toReversed() } };
    const one = runs.find(({ id }) => path === `/repos/acme/shop/actions/runs/${id}`);
    if (one !== undefined) return { status: 200, body: view(one) };
    if (method !== "POST" || path !== `${workflow}/dispatches`) return { status: 404, body: { message: "Not Found" } };
    const asked = JSON.parse(body) as { ref: string; inputs: Record<string, string>; return_run_details?: boolean };
    if (options.old === true && asked.return_run_details !== undefined) {
      return { status: 422, body: { message: 'Invalid request. "return_run_details" is not a permitted key.' } };
    }
    const run = { id: 1000 + runs.length, inputs: asked.inputs, looks: 0 };
    runs.push(run);
    if (asked.return_run_details !== true) return { status: 204 };
    return { status: 200, body: { workflow_run_id: run.id, run_url: "https://elsewhere.example/run", html_url: "" } };
  });
  return { server, runs };
}

/** Jenkins: queue, builds and, if `crumbs`, the protection that asks for one within its session. */
export function jenkins(options: { crumbs: boolean; result?: string }): { server: SmallServer; runs: Run[] } {
  const runs: Run[] = [];
  const carried = (run: Run): object[] => [
    {},
    { parameters: Object.entries(run.inputs).map(([name, value]) => ({ name, value })) },
  ];
  const isQueued = (run: Run): boolean => run.looks < looksUntilDone;
  const build = (run: Run): object => ({
    number: run.id,
    building: run.looks < looksUntilDone + 2,
    result: run.looks < looksUntilDone + 2 ? null : (options.result ?? "SUCCESS"),
    actions: carried(run),
  });
  const server = new SmallServer(({ method, path, headers, body }) => {
    for (const run of runs) if (method === "GET") run.looks += 1;
    if (path === "/crumbIssuer/api/json") {
      const cookie = { "set-cookie": "JSESSIONID.1a=session-7; Path=/; HttpOnly" };
      return { status: 200, headers: cookie, body: { crumb: "c0ffee", crumbRequestField: "Jenkins-Crumb" } };
    }
    if (path === "/queue/api/json") {
      const items = runs.filter(isQueued).map((run) => ({ id: run.id, why: "waits", actions: carried(run) }));
      return { status: 200, body: { items } };
    }
    const item = runs.find(({ id }) => path === `/queue/item/${id}/api/json`);
    if (item !== undefined) {
      return {
        status: 200,
        body: { id: item.id, why: null, ...(isQueued(item) ? {} : { executable: { number: item.id } }) },
      };
    }
    const one = runs.find(({ id }) => path === `/job/shop/job/restart/${id}/api/json`);
    if (one !== undefined) return { status: 200, body: build(one) };
    if (path === "/job/shop/job/restart/api/json") {
      const parameterDefinitions = [{ name: "OMEGA_ACTION_ID" }, { name: "service" }];
      const builds = runs.filter((run) => !isQueued(run)).map(build);
      return { status: 200, body: { buildable: true, property: [{}, { parameterDefinitions }], builds } };
    }
    if (method !== "POST" || path !== "/job/shop/job/restart/buildWithParameters") return { status: 404 };
    if (options.crumbs && (headers["jenkins-crumb"] !== "c0ffee" || headers.cookie !== "JSESSIONID.1a=session-7")) {
      return { status: 403, body: { message: "No valid crumb was included in the request" } };
    }
    const run = { id: 500 + runs.length, inputs: Object.fromEntries(new URLSearchParams(body)), looks: 0 };
    runs.push(run);
    return { status: 201, headers: { location: `http://jenkins.internal/queue/item/${run.id}/` } };
  });
  return { server, runs };
}

/** A receiver of Standard Webhooks that keeps what is signed well, and tells what became of it. */
export function receiver(secret: string): { server: SmallServer; runs: Run[] } {
  const runs: Run[] = [];
  const server = new SmallServer(({ method, path, headers, body }) => {
    const id = path.split("/").at(-1) ?? "";
    if (method === "GET") {
      const run = runs.find(({ inputs }) => inputs["id"] === id);
      if (run === undefined) return { status: 404 };
      run.looks += 1;
      return { status: 200, body: { state: run.looks > looksUntilDone ? "done" : "pending" } };
    }
    try {
      new Webhook(secret).verify(body, headers as Record<string, string>);
    } catch (error) {
      return { status: 400, body: { message: String(error) } };
    }
    const { data } = JSON.parse(body) as { data: { inputs: Record<string, string> } };
    runs.push({ id: runs.length, inputs: { ...data.inputs, id: String(headers["webhook-id"]) }, looks: 0 });
    return { status: 202, body: {} };
  });
  return { server, runs };
}

interface Flag {
  enabled: boolean | string;
  note: string;
  version: number;
}

/** A store of feature flags with ETags, or without. */
export function flags(options: { etags: boolean }): { server: SmallServer; flags: Map<string, Flag> } {
  const kept = new Map<string, Flag>();
  const server = new SmallServer(({ method, path, headers, body }) => {
    const flag = kept.get(path.split("/").at(-1) ?? "");
    if (flag === undefined) return { status: 404 };
    const etag = `"v${flag.version}"`;
    if (method !== "GET") {
      if (options.etags && headers["if-match"] !== etag) return { status: 412 };
      Object.assign(flag, JSON.parse(body), { version: flag.version + 1 });
    }
    const { version: _version, ...view } = flag;
    return { status: 200, headers: options.etags ? { etag: `"v${flag.version}"` } : {}, body: view };
  });
  return { server, flags: kept };
}
