import assert from "node:assert/strict";
import { test } from "node:test";
import { readableLine } from "./log-line.ts";
import { paintFor, printable, table, plainPaint } from "@omega/shared/terminal.ts";

test("colour needs a terminal, and NO_COLOR refuses it", () => {
  assert.notEqual(paintFor({ isTTY: true }, {})("good", "x"), "x");
  assert.equal(paintFor({ isTTY: true }, { NO_COLOR: "1" })("good", "x"), "x");
  assert.equal(paintFor({ isTTY: true }, { TERM: "dumb" })("good", "x"), "x");
  assert.equal(paintFor({}, {})("good", "x"), "x");
});

test("columns line up, and nothing trails", () => {
  assert.deepEqual(
    table(
      ["a", "bb"],
      [
        ["one", "x"],
        ["", "yy"],
      ],
      plainPaint,
    ),
    ["a    bb", "one  x", "     yy"],
  );
});

test("long text is cut between characters", () => {
  assert.equal(printable("a\u{1F600}b", 3), "a…");
  assert.equal(printable("abc", 3), "abc");
});

test("a log line of an agent is made readable, any other is left as it is", () => {
  const line = JSON.stringify({
    level: 30,
    time: "2026-11-24T03:00:21.120Z",
    agent: "scout",
    pid: 1,
    msg: "said",
    seq: 120,
  });
  assert.equal(readableLine(line), "03:00:21.120 INFO  said seq=120");
  assert.equal(readableLine("Error: \u001B[31mboom"), "Error: boom");
  assert.equal(readableLine('{"ready":true}'), '{"ready":true}');
});
