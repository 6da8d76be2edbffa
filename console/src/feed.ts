import type { ServerResponse } from "node:http";
import type { Frame } from "./wire.ts";

/** Frames that are kept to catch up with; who is further behind loads the page's state anew. */
const framesKept = 5000;
const beatMs = 5000;
/** How long changes are gathered before the state of the first page goes out. */
const gatherMs = 100;

interface Client {
  readonly response: ServerResponse;
  /** The last sequence that was written to it. */
  seq: number;
  /** Its socket takes no more at present; it is written to again when that has drained. */
  waiting: boolean;
  nowDue: boolean;
}

/**
 * Server-sent events to every open page. All clients read from one list of frames, each at its own place: a slow one holds nothing back and
 * costs no memory, and `Last-Event-ID` names the place to go on from, so that none is lost or doubled.
 */
export class Feed {
  readonly #clients = new Set<Client>();
  readonly #nowText: () => string;
  #frames: { readonly seq: number; readonly text: string }[] = [];
  #floor = 0;
  #epoch = 0;
  #gathering: NodeJS.Timeout | undefined;
  readonly #beat: NodeJS.Timeout;

  /** `nowText` gives the state of the first page as JSON. */
  constructor(nowText: () => string) {
    this.#nowText = nowText;
    this.#beat = setInterval(() => this.changed(), beatMs);
    this.#beat.unref();
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** The place behind which the newest events lie, at most so many. */
  behind(count: number): number {
    const first = this.#frames.at(-count) ?? this.#frames[0];
    return first === undefined ? this.#floor : Math.max(this.#floor, first.seq - 1);
  }

  /** A new event, in order. */
  push(frame: Frame): void {
    const id = `${this.#epoch}:${frame.seq}`;
    this.#frames.push({ seq: frame.seq, text: `id: ${id}\nevent: frame\ndata: ${JSON.stringify(frame)}\n\n` });
    if (this.#frames.length > framesKept * 2) {
      this.#frames = this.#frames.slice(-framesKept);
      this.#floor = (this.#frames[0]?.seq ?? 1) - 1;
    }
    this.changed();
  }

  /** The fold began anew: every page loads everything again. */
  restart(): void {
    this.#epoch += 1;
    this.#frames = [];
    this.#floor = 0;
    for (const client of this.#clients) write(client, "event: reload\ndata: {}\n\n");
    for (const client of this.#clients) client.seq = 0;
  }

  /** What the first page shows is another than before. */
  changed(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      const text = this.#clients.size === 0 ? "" : `event: now\ndata: ${this.#nowText()}\n\n`;
      for (const client of this.#clients) this.#serve(client, text);
    }, gatherMs);
  }

  /** Serves one page until it goes away. `lastEventId` is what the browser saw last, `after` the place of the state that it loaded. */
  add(response: ServerResponse, lastEventId: string | undefined, after: number): void {
    const [epoch, seen] = (lastEventId ?? "").split(":").map(Number);
    const seq = lastEventId === undefined ? after : (seen ?? 0);
    const client: Client = { response, seq, waiting: false, nowDue: false };
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    // A page that saw another life of the fold, or is too far behind, can't be caught up frame by frame.
    const other = lastEventId !== undefined && epoch !== this.#epoch;
    write(client, "retry: 1000\n\n");
    if (other || seq < this.#floor) write(client, "event: reload\ndata: {}\n\n");
    this.#clients.add(client);
    response.on("close", () => this.#clients.delete(client));
    response.on("drain", () => {
      client.waiting = false;
      this.#serve(client, client.nowDue ? `event: now\ndata: ${this.#nowText()}\n\n` : "");
    });
    this.#serve(client, `event: now\ndata: ${this.#nowText()}\n\n`);
  }

  close(): void {
    clearInterval(this.#beat);
    clearTimeout(this.#gathering);
    for (const { response } of this.#clients) response.end();
    this.#clients.clear();
  }

  /** Frames first, so that a page never shows a state that is ahead of its timeline. */
  #serve(client: Client, nowText: string): void {
    if (client.waiting) {
      client.nowDue = true;
      return;
    }
    for (let at = this.#firstBehind(client.seq); at < this.#frames.length && !client.waiting; at += 1) {
      const frame = this.#frames[at];
      if (frame === undefined) break;
      client.seq = frame.seq;
      write(client, frame.text);
    }
    if (client.waiting) {
      client.nowDue = true;
      return;
    }
    client.nowDue = false;
    if (nowText !== "") write(client, nowText);
  }

  /** Index of the first frame behind a sequence; frames rise by sequence. */
  #firstBehind(seq: number): number {
    let low = 0;
    let high = this.#frames.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#frames[middle]?.seq ?? 0) > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function write(client: Client, text: string): void {
  client.waiting = !client.response.write(text);
}
