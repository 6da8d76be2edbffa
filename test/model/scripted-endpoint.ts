import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What a scripted endpoint does with one request. */
export type Reply =
  | {
      readonly do: "answer";
      /** An object is sent as JSON; a text as it is. */
      readonly content: unknown;
      readonly finish?: string;
      /** `null`: the endpoint counts no tokens. */
      readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
    }
  | {
      readonly do: "refuse";
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  /** Takes the request and says nothing, until the client goes. */
  | { readonly do: "hang" }
  /** Says the beginning of an answer and ends the connection. */
  | { readonly do: "cut"; readonly content: string };

export interface AskedOfModel {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly task: string;
  readonly system: string;
  readonly user: string;
  readonly stream: boolean;
  readonly schema: unknown;
}

interface Body {
  messages: { role: string; content: string }[];
  stream?: boolean;
  response_format?: { json_schema?: { name?: string; schema?: unknown } };
}

/** A real HTTP server that speaks the OpenAI chat protocol, streaming and not, and answers by a script: what it says is labelled scripted. */
export class ScriptedEndpoint {
  readonly asked: AskedOfModel[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #script: (asked: AskedOfModel, count: number) => Reply;

  private constructor(script: (asked: AskedOfModel, count: number) => Reply) {
    this.#script = script;
    this.#server = createServer((request, response) => void this.#take(request, response));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(script: (asked: AskedOfModel, count: number) => Reply): Promise<ScriptedEndpoint> {
    const endpoint = new ScriptedEndpoint(script);
    await new Promise<void>((resolve) => endpoint.#server.listen(0, "127.0.0.1", resolve));
    return endpoint;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  answers(script: (asked: AskedOfModel, count: number) => Reply): void {
    this.#script = script;
    this.asked.length = 0;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Body;
    const said = (role: string): string => body.messages.find((message) => message.role === role)?.content ?? "";
    const asked: AskedOfModel = {
      path: request.url ?? "",
      authorization: request.headers.authorization,
      task: body.response_format?.json_schema?.name ?? "",
      system: said("system"),
      user: said("user"),
      stream: body.stream === true,
      schema: body.response_format?.json_schema?.schema,
    };
    this.asked.push(asked);
    const reply = this.#script(asked, this.asked.length);
    if (reply.do === "refuse") {
      response.writeHead(reply.status, { "content-type": "application/json", ...reply.headers });
      response.end(reply.body ?? JSON.stringify({ error: { message: "scripted", type: "scripted" } }));
    } else if (reply.do === "answer") {
      if (asked.stream) this.#streamed(response, reply);
      else this.#whole(response, reply);
    } else if (reply.do === "cut") {
      response.writeHead(200, { "content-type": asked.stream ? "text/event-stream" : "application/json" });
      response.write(asked.stream ? event(chunkOf({ role: "assistant", content: reply.content })) : '{"id":"chatcmpl-');
      setImmediate(() => response.destroy());
    }
  }

  #whole(response: ServerResponse, { content, finish = "stop", usage }: Extract<Reply, { do: "answer" }>): void {
    response.writeHead(200, { "content-type": "application/json" });
    const message = { role: "assistant", content: textOf(content), refusal: null };
    const counted = usage === null ? {} : { usage: totalled(usage) };
    const choices = [{ index: 0, message, finish_reason: finish, logprobs: null }];
    response.end(JSON.stringify({ ...head, object: "chat.completion", choices, ...counted }));
  }

  #streamed(response: ServerResponse, { content, finish = "stop", usage }: Extract<Reply, { do: "answer" }>): void {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const text = textOf(content);
    for (let at = 0; at < text.length; at += 7)
      response.write(event(chunkOf({ role: "assistant", content: text.slice(at, at + 7) })));
    response.write(event(chunkOf({}, finish)));
    if (usage !== null)
      response.write(event({ ...head, object: "chat.completion.chunk", choices: [], usage: totalled(usage) }));
    response.end("data: [DONE]\n\n");
  }
}

const head = { id: "chatcmpl-scripted", created: 1_795_489_200, model: "scripted-1" };

function textOf(content: unknown): string {
  return typeof content === "string" ? content : JSON.stringify(content);
}

function totalled(usage = { prompt_tokens: 100, completion_tokens: 20 }): object {
  return { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens };
}

function chunkOf(delta: object, finish: string | null = null): object {
  return {
    ...head,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }],
  };
}

function event(body: object): string {
  return `data: ${JSON.stringify(body)}\n\n`;
}
