import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { SharedAnswers, type SharedBody } from "./shared-answers.ts";

const jsonOf = (body: SharedBody | undefined): unknown => JSON.parse(body?.plain.toString("utf8") ?? "null");

test("many who ask at once share one answer, and a new revision is a new one", async () => {
  const answers = new SharedAnswers(1_000_000);
  let made = 0;
  const make = (): Promise<unknown> => Promise.resolve({ made: (made += 1) });
  const both = await Promise.all([answers.of("one", 1, make), answers.of("one", 1, make)]);
  assert.deepEqual(both.map(jsonOf), [{ made: 1 }, { made: 1 }]);
  assert.equal(both[0], both[1]);
  assert.deepEqual(jsonOf(await answers.of("one", 2, make)), { made: 2 });
  assert.deepEqual(jsonOf(await answers.of("other", 2, make)), { made: 3 });
  assert.deepEqual(jsonOf(await answers.of("one", 2, make)), { made: 2 });
});

test("a long answer is there compressed, and says the same", async () => {
  const text = "x".repeat(5000);
  const body = await new SharedAnswers(1_000_000).of("long", 1, () => Promise.resolve(text));
  assert.ok(body?.gzip !== undefined && body.gzip.length < body.plain.length);
  assert.deepEqual(gunzipSync(body.gzip), body.plain);
});

test("what was asked for longest ago is let go of when the bytes are spent", async () => {
  const answers = new SharedAnswers(2500);
  const made: string[] = [];
  const ask = async (name: string): Promise<void> => {
    await answers.of(name, 1, () => {
      made.push(name);
      return Promise.resolve("y".repeat(1000));
    });
  };
  for (const name of ["a", "b", "a", "c", "a", "b"]) await ask(name);
  assert.deepEqual(made, ["a", "b", "c", "b"]);
});

test("neither a failure nor nothing is kept", async () => {
  const answers = new SharedAnswers(1_000_000);
  await assert.rejects(
    answers.of("one", 1, () => Promise.reject(new Error("away"))),
    /away/,
  );
  assert.equal(await answers.of("one", 1, () => Promise.resolve(undefined)), undefined);
  assert.deepEqual(jsonOf(await answers.of("one", 1, () => Promise.resolve("there"))), "there");
});
