import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { test, type TestContext } from "node:test";
import { Feed } from "./feed.ts";
import type { Frame } from "./wire.ts";

const frame = (seq: number): Frame => ({
  seq,
  storedAt: seq,
  id: `e${seq}`,
  type: "agent.started",
  actor: "scout",
  told: [],
});

/** A browser's end of the feed. `full` is how many writes its socket takes before it has to drain. */
class Browser extends EventEmitter {
  readonly got: string[] = [];
  room: number;

  constructor(room = Number.POSITIVE_INFINITY) {
    super();
    this.room = room;
  }

  writeHead(): void {
    this.got.length = 0;
  }

  write(text: string): boolean {
    this.got.push(text);
    this.room -= 1;
    return this.room > 0;
  }

  end(): void {
    this.emit("close");
  }

  get ids(): string[] {
    return this.got.flatMap((text) => /^id: (.+)$/m.exec(text)?.[1] ?? []);
  }

  get response(): ServerResponse {
    return this as unknown as ServerResponse;
  }
}

function feedOf(t: TestContext, count: number): Feed {
  const feed = new Feed(() => "{}");
  t.after(() => feed.close());
  for (let seq = 1; seq <= count; seq += 1) feed.push(frame(seq));
  return feed;
}

test("goes on behind what the browser saw last, by its own word or by the state that it loaded", (t) => {
  const feed = feedOf(t, 5);
  const again = new Browser();
  feed.add(again.response, "0:3", 1);
  assert.deepEqual(again.ids, ["0:4", "0:5"]);
  const fresh = new Browser();
  feed.add(fresh.response, undefined, 4);
  assert.deepEqual(fresh.ids, ["0:5"]);
});

test("a socket that is full gets the rest in order once it has drained, each frame once", (t) => {
  const feed = feedOf(t, 20);
  const slow = new Browser(4);
  feed.add(slow.response, undefined, 0);
  assert.equal(slow.ids.length, 3);
  for (let round = 0; round < 10; round += 1) {
    slow.room = 4;
    slow.emit("drain");
  }
  assert.deepEqual(
    slow.ids,
    Array.from({ length: 20 }, (_, index) => `0:${index + 1}`),
  );
});

test("who is too far behind, or saw another life of the fold, loads everything again", (t) => {
  const feed = feedOf(t, 15_000);
  const far = new Browser();
  feed.add(far.response, "0:1", 0);
  assert.ok(far.got.some((text) => text.startsWith("event: reload")));
  feed.restart();
  feed.push(frame(1));
  const other = new Browser();
  feed.add(other.response, "0:14999", 0);
  assert.ok(other.got.some((text) => text.startsWith("event: reload")));
});
