import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { Log } from "@omega/shared/log.ts";
import { reasonOf } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Console } from "./console.ts";
import { answerJson, answerShared, guard, jsonBody, refuse } from "./http-answers.ts";
import type { PageFiles } from "./page-files.ts";
import { windowMsMax } from "./panic-view.ts";
import { actSchema } from "./person-acts.ts";
import type { SharedBody } from "./shared-answers.ts";
import { cookieName, type SignIn } from "./sign-in.ts";
import type { Person } from "./wire.ts";

export interface HttpParts {
  readonly console: Console;
  readonly signIn: SignIn;
  readonly page: PageFiles;
  readonly log: Log;
  /** Where people reach it behind a proxy; empty: where it listens. */
  readonly origin: string;
}

export interface HttpServer {
  readonly origin: string;
  close(): Promise<void>;
}

const rowsMax = 200;
const tokenSchema = z.strictObject({ token: z.string().min(20).max(128) });

/** Listens and answers. Rejects when the port is taken. */
export async function serveHttp(parts: HttpParts, at: { host: string; port: number }): Promise<HttpServer> {
  const server = createServer();
  server.listen(at.port, at.host);
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : at.port;
  const own = `http://${at.host.includes(":") ? `[${at.host}]` : at.host}:${port}`;
  const origin = parts.origin === "" ? own : new URL(parts.origin).origin;
  const origins = new Set([origin, own, ...(at.host === "127.0.0.1" ? [`http://localhost:${port}`] : [])]);
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    new Exchange(parts, origins, request, response).answer().catch((error: unknown) => {
      parts.log.error({ reason: reasonOf(error), path: request.url?.split("?")[0] }, "a request failed");
      if (!response.headersSent) refuse(response, 500, "failed", "The console could not answer; its log says why.");
      else response.destroy();
    });
  });
  return { origin, close: () => closed(server) };
}

async function closed(server: Server): Promise<void> {
  const gone = once(server, "close");
  server.close();
  server.closeAllConnections();
  await gone;
}

/** One request and its answer. */
class Exchange {
  readonly #parts: HttpParts;
  readonly #origins: ReadonlySet<string>;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #url: URL;

  constructor(parts: HttpParts, origins: ReadonlySet<string>, request: IncomingMessage, response: ServerResponse) {
    this.#parts = parts;
    this.#origins = origins;
    this.#request = request;
    this.#response = response;
    this.#url = new URL(request.url ?? "/", "http://console");
  }

  async answer(): Promise<void> {
    guard(this.#response);
    const { method = "GET" } = this.#request;
    const path = this.#url.pathname;
    if (!this.#knownHost()) return this.#refuse(421, "wrong_host", "The console does not answer under this name.");
    if (!path.startsWith("/api/")) {
      if (method !== "GET" && method !== "HEAD") return this.#refuse(405, "method", "Pages are only read.");
      return this.#parts.page.serve(this.#request, this.#response, path);
    }
    if (method !== "GET") {
      // A page of somebody else's can make a browser send a write with the cookie; its Origin gives it away.
      const { origin } = this.#request.headers;
      if (method !== "POST") return this.#refuse(405, "method", "Only GET and POST are answered.");
      if (origin === undefined || !this.#origins.has(origin))
        return this.#refuse(403, "wrong_origin", "This request does not come from the console's own page.");
      if (this.#request.headers["content-type"] !== "application/json")
        return this.#refuse(415, "media_type", "A write is JSON.");
    }
    if (path === "/api/sign-in" && method === "POST") return await this.#redeem();
    const person = this.#parts.signIn.personOf(this.#request);
    if (person === undefined) return this.#refuse(401, "signed_out", "Sign in first.");
    if (method === "POST") return await this.#write(path, person);
    return await this.#read(path, person);
  }

  async #write(path: string, person: Person): Promise<void> {
    if (path === "/api/sign-out") {
      this.#response.setHeader("set-cookie", `${cookieName}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`);
      return answerJson(this.#response, 200, { ok: true });
    }
    if (path !== "/api/acts") return this.#refuse(404, "not_found", "There is nothing here.");
    const act = actSchema.safeParse(await jsonBody(this.#request));
    if (!act.success) return this.#refuse(400, "bad_request", z.prettifyError(act.error));
    const answer = await this.#parts.console.perform(act.data, person);
    this.#parts.log.info({ act: act.data.act, by: person.name, ok: answer.ok }, "a person acted");
    const status = answer.ok ? 200 : answer.code === "role" ? 403 : 409;
    answerJson(this.#response, status, answer);
  }

  async #read(path: string, person: Person): Promise<void> {
    const { console: source } = this.#parts;
    const query = this.#url.searchParams;
    const [, , what = "", id = "", part = ""] = path.split("/").map(decodeURIComponent);
    switch (what) {
      case "me":
        return this.#found(person);
      case "now":
        return this.#found(source.now());
      case "feed":
        return source.feed.add(this.#response, header(this.#request, "last-event-id"), numberIn(query, "after") ?? 0);
      case "incidents":
        return this.#shared(part === "timeline" ? await source.timeline(id) : await source.incident(id));
      case "events":
        return this.#found(await source.event(Number(id)));
      case "panic":
        return this.#found(source.preview(Math.min(windowMsMax, numberIn(query, "windowMs") ?? 300_000)));
      case "knowledge":
        return this.#found(source.knowledge());
      case "settings":
        return this.#found(await source.settings());
      case "audit":
        return await this.#audit(id, part);
      default:
        return this.#refuse(404, "not_found", "There is nothing here.");
    }
  }

  async #audit(id: string, part: string): Promise<void> {
    const { audit } = this.#parts.console;
    const query = this.#url.searchParams;
    const filter = { text: query.get("text") ?? "", incidentId: query.get("incident") ?? "" };
    if (id === "export") return await this.#download(audit.lines(filter), "omega-audit.jsonl");
    if (id === "") {
      const limit = Math.min(rowsMax, numberIn(query, "limit") ?? 100);
      return this.#found(await audit.page({ ...filter, before: numberIn(query, "before"), limit }));
    }
    if (!/^[0-9]{1,15}$/.test(id)) return this.#refuse(404, "not_found", "There is no such entry.");
    const proof = await audit.proof(Number(id));
    if (!proof.ok) return this.#refuse(404, proof.failure.code, proof.failure.message);
    if (part === "") return this.#found(proof.value);
    const file = part === "entry" ? Buffer.from(proof.value.entry, "base64") : Buffer.from(proof.value.proofFile);
    // The names that `omega audit check-proof` looks for.
    const name = `entry-${id}.tlog-proof${part === "entry" ? ".entry" : ""}`;
    await this.#download([file], name);
  }

  async #download(lines: AsyncIterable<string> | Iterable<Buffer>, name: string): Promise<void> {
    this.#response.writeHead(200, {
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="${name}"`,
      "cache-control": "no-store",
    });
    for await (const line of lines) if (!this.#response.write(line)) await once(this.#response, "drain");
    this.#response.end();
  }

  async #redeem(): Promise<void> {
    const body = tokenSchema.safeParse(await jsonBody(this.#request));
    const signedIn = body.success ? this.#parts.signIn.redeem(body.data.token) : undefined;
    if (signedIn === undefined)
      return this.#refuse(401, "bad_link", "This link was used already, has expired, or was never made.");
    const secure = this.#request.headers.origin?.startsWith("https:") === true ? "; Secure" : "";
    this.#response.setHeader(
      "set-cookie",
      `${cookieName}=${signedIn.cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${signedIn.seconds}${secure}`,
    );
    answerJson(this.#response, 200, signedIn.person);
  }

  /** A name of somebody else's that points here (DNS rebinding) is not ours. */
  #knownHost(): boolean {
    const { host = "" } = this.#request.headers;
    return [...this.#origins].some((origin) => new URL(origin).host === host);
  }

  #found(value: unknown): void {
    if (value === undefined) this.#missing();
    else answerJson(this.#response, 200, value);
  }

  #shared(body: SharedBody | undefined): void {
    if (body === undefined) this.#missing();
    else answerShared(this.#request, this.#response, body);
  }

  #missing(): void {
    this.#refuse(404, "not_found", "There is nothing of this name, or not any more.");
  }

  #refuse(status: number, code: string, says: string): void {
    refuse(this.#response, status, code, says);
  }
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

function numberIn(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  const value = Number(text);
  return text === null || !Number.isSafeInteger(value) || value < 0 ? undefined : value;
}
