import { Agent, get, type ClientRequest, type IncomingMessage } from "node:http";

/** What a page does without its drawing: it holds the feed open and reads the incident's detail and timeline as its tab does. */
export class Visitor {
  /** Frames that the feed brought. */
  frames = 0;
  readonly #origin: string;
  readonly #cookie: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 6 });
  #feed: ClientRequest | undefined;

  constructor(origin: string, cookie: string) {
    this.#origin = origin;
    this.#cookie = cookie;
  }

  async follow(after: number): Promise<void> {
    const response = await this.#answer(`/api/feed?after=${after}`, (request) => (this.#feed = request));
    response.setEncoding("utf8").on("data", (text: string) => {
      this.frames += text.split("event: frame\n").length - 1;
    });
    // Ending is the visitor's own doing, whatever the socket says about it.
    response.on("error", () => undefined);
  }

  /** Reads an answer whole; resolves with its size in bytes. */
  async read(path: string): Promise<number> {
    const response = await this.#answer(path, () => undefined);
    let bytes = 0;
    for await (const chunk of response) bytes += (chunk as Buffer).length;
    return bytes;
  }

  leave(): void {
    this.#feed?.destroy();
    this.#agent.destroy();
  }

  async #answer(path: string, began: (request: ClientRequest) => void): Promise<IncomingMessage> {
    return await new Promise((resolve, reject) => {
      const headers = { cookie: this.#cookie, "accept-encoding": "br, gzip" };
      const request = get(`${this.#origin}${path}`, { headers, agent: this.#agent }, (response) => {
        if (response.statusCode === 200) resolve(response);
        else reject(new Error(`${path} was answered with ${response.statusCode ?? 0}`));
      });
      request.on("error", reject);
      began(request);
    });
  }
}
