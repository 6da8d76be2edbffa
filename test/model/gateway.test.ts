import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { systemClock } from "@omega/shared/clock.ts";
import { createLog } from "@omega/shared/log.ts";
import { modelConfigSchema } from "@omega/shared/model/config.ts";
import { nothingSpent, type Consulted, type Model, type Question } from "@omega/shared/model/model.ts";
import { openModel } from "@omega/shared/model/open-model.ts";
import { SpanStatusCode, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { z } from "zod";
import { ScriptedEndpoint, type Reply } from "./scripted-endpoint.ts";

const answerSchema = z.strictObject({ verdict: z.enum(["yes", "no"]), evidence: z.array(z.string()) });
const right = { verdict: "yes", evidence: ["e1"] };
const says = (content: unknown, more: object = {}): Reply => ({ do: "answer", content, ...more });
const log = createLog("test", "silent");
const spans = new InMemorySpanExporter();

let endpoint: ScriptedEndpoint;
before(async () => {
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }));
  endpoint = await ScriptedEndpoint.start(() => says(right));
});
after(() => endpoint.close());

type Change = Partial<Question<typeof answerSchema>>;

function modelOf(settings: object = {}): Model {
  const config = modelConfigSchema.parse({
    name: "scripted-1",
    baseUrl: endpoint.baseUrl,
    apiKey: "the-key",
    backoffMs: 10,
    deadlineMs: 20_000,
    ...settings,
  });
  const model = openModel(config, { clock: systemClock, log });
  assert.ok(model !== undefined);
  return model;
}

async function ask(model: Model, change: Change = {}): Promise<Consulted<z.infer<typeof answerSchema>>> {
  return await model.ask({
    task: "review",
    prompt: { id: "test", version: 1, text: "Answer in JSON.", sha256: "0".repeat(64) },
    facts: { evidence: [{ id: "e1", says: "errors" }] },
    answer: answerSchema,
    spent: nothingSpent,
    incidentId: "inc-1",
    signal: new AbortController().signal,
    ...change,
  });
}

for (const stream of [false, true]) {
  describe(`the gateway to an endpoint, ${stream ? "streaming" : "whole answers"}`, () => {
    it("gives the answer with what it cost", async () => {
      endpoint.answers(() => says(right));
      const { answer, record } = await ask(modelOf({ stream, prices: { input: 2, output: 10 } }));
      assert.deepEqual(answer, { ok: true, value: right });
      assert.deepEqual(record.usage, { inputTokens: 100, outputTokens: 20, estimated: false, costUsd: 0.0004 });
      assert.equal(record.attempts, 1);
      const [asked] = endpoint.asked;
      assert.equal(asked?.path, "/v1/chat/completions");
      assert.equal(asked.authorization, "Bearer the-key");
      assert.equal(asked.stream, stream);
      assert.deepEqual(Object.keys((asked.schema as { properties: object }).properties), ["verdict", "evidence"]);
    });

    const recovers: [string, Reply][] = [
      ["an error of the server", { do: "refuse", status: 503 }],
      ["a connection that ends in the middle", { do: "cut", content: '{"verdict":' }],
      ["an answer that is no JSON", says("I think it is fine.")],
      ["half an answer", says('{"verdict": "yes", "evid')],
      ["an answer of another shape", says({ verdict: "maybe", evidence: [] })],
      ["an answer with a field too many", says({ ...right, approve: true })],
      ["an empty answer", says("")],
    ];
    for (const [name, first] of recovers) {
      it(`tries again after ${name}`, async () => {
        endpoint.answers((_asked, count) => (count === 1 ? first : says(right)));
        const { answer, record } = await ask(modelOf({ stream }));
        assert.deepEqual(answer, { ok: true, value: right });
        assert.equal(record.attempts, 2);
      });
    }

    const fallsBack: [string, Reply, string, number][] = [
      ["errors only", { do: "refuse", status: 500 }, "model_error", 3],
      ["a key that is refused", { do: "refuse", status: 401 }, "model_refused", 1],
      ["a model that is not there", { do: "refuse", status: 404 }, "model_refused", 1],
      ["no JSON ever", says("no"), "answer_not_json", 3],
      ["the wrong shape ever", says({ verdict: "yes" }), "answer_wrong_shape", 3],
      ["an answer cut at its limit", says('{"verdict": "yes", "evid', { finish: "length" }), "answer_truncated", 1],
    ];
    for (const [name, reply, code, attempts] of fallsBack) {
      it(`fails visibly at ${name}`, async () => {
        endpoint.answers(() => reply);
        const { answer, record } = await ask(modelOf({ stream }));
        assert.equal(answer.ok ? "ok" : answer.failure.code, code);
        assert.equal(record.failure?.code, code);
        assert.equal(record.attempts, attempts);
        assert.equal(endpoint.asked.length, attempts);
      });
    }

    it("gives up at its deadline when the endpoint says nothing", async () => {
      endpoint.answers(() => ({ do: "hang" }));
      const { answer } = await ask(modelOf({ stream, deadlineMs: 300 }));
      assert.equal(answer.ok ? "ok" : answer.failure.code, "deadline_passed");
    });

    it("estimates tokens where the endpoint counts none", async () => {
      endpoint.answers(() => says(right, { usage: null }));
      const { record } = await ask(modelOf({ stream }));
      assert.equal(record.usage.estimated, true);
      assert.ok(record.usage.inputTokens > 0 && record.usage.outputTokens > 0);
    });
  });
}

describe("the gateway", () => {
  it("waits as long as Retry-After says", async () => {
    endpoint.answers((_asked, count) =>
      count === 1 ? { do: "refuse", status: 429, headers: { "retry-after-ms": "700" } } : says(right),
    );
    const began = performance.now();
    const { answer } = await ask(modelOf());
    assert.ok(answer.ok);
    assert.ok(performance.now() - began >= 690, "it did not wait");
  });

  it("does not wait for a Retry-After beyond its deadline", async () => {
    endpoint.answers(() => ({ do: "refuse", status: 429, headers: { "retry-after": "3600" } }));
    const { answer } = await ask(modelOf({ deadlineMs: 500 }));
    assert.equal(answer.ok ? "ok" : answer.failure.code, "deadline_passed");
    assert.equal(endpoint.asked.length, 1);
  });

  it("asks nothing once the incident's budget is spent", async () => {
    endpoint.answers(() => says(right));
    const spendings: [object, object][] = [
      [{ budget: { questions: 2 } }, { questions: 2, tokens: 0, costUsd: 0 }],
      [{ budget: { tokens: 5000 } }, { questions: 1, tokens: 4900, costUsd: 0 }],
      [
        { budget: { costUsd: 0.01 }, prices: { input: 2, output: 10 } },
        { questions: 1, tokens: 0, costUsd: 0.0099 },
      ],
    ];
    for (const [settings, spent] of spendings) {
      const { answer, record } = await ask(modelOf(settings), { spent: spent as Change["spent"] & object });
      assert.equal(answer.ok ? "ok" : answer.failure.code, "budget_spent");
      assert.equal(record.attempts, 0);
    }
    assert.equal(endpoint.asked.length, 0);
  });

  it("lets wrong answers spend no more than the budget", async () => {
    endpoint.answers(() => says("no", { usage: { prompt_tokens: 3000, completion_tokens: 500 } }));
    const { record } = await ask(modelOf({ attemptsMax: 10, budget: { tokens: 8000 } }));
    assert.equal(record.failure?.code, "answer_not_json");
    assert.equal(record.attempts, 2);
  });

  it("leaves an endpoint alone that failed repeatedly, and comes back", async () => {
    endpoint.answers(() => ({ do: "refuse", status: 500 }));
    const model = modelOf({ attemptsMax: 1, breaker: { failures: 2, openMs: 400 } });
    for (let count = 0; count < 4; count += 1) await ask(model);
    assert.equal(endpoint.asked.length, 2);
    const { record } = await ask(model);
    assert.equal(record.failure?.code, "breaker_open");
    endpoint.answers(() => says(right));
    let answered = false;
    while (!answered) {
      await systemClock.sleep(20);
      answered = (await ask(model)).answer.ok;
    }
    assert.ok((await ask(model)).answer.ok);
  });

  it("redacts what looks like a secret, in the question and in the record of the answer", async () => {
    const key = `ghp_${"a1B2".repeat(9)}`;
    endpoint.answers(() => says({ verdict: "yes", evidence: [key] }));
    const { record } = await ask(modelOf(), { facts: { says: `the token was ${key}` } });
    assert.ok(!JSON.stringify(endpoint.asked).includes(key));
    assert.ok(!JSON.stringify(record).includes(key));
  });

  it("tells of each question by a span of the generative AI conventions", async () => {
    spans.reset();
    endpoint.answers(() => says(right));
    await ask(modelOf());
    endpoint.answers(() => ({ do: "refuse", status: 400 }));
    await ask(modelOf());
    const [good, bad] = spans.getFinishedSpans();
    assert.equal(good?.name, "chat scripted-1");
    assert.equal(good.attributes["gen_ai.operation.name"], "chat");
    assert.equal(good.attributes["gen_ai.request.model"], "scripted-1");
    assert.equal(good.attributes["gen_ai.response.model"], "scripted-1");
    assert.equal(good.attributes["gen_ai.usage.input_tokens"], 100);
    assert.equal(good.attributes["gen_ai.usage.output_tokens"], 20);
    assert.deepEqual(good.attributes["gen_ai.response.finish_reasons"], ["stop"]);
    assert.equal(bad?.attributes["error.type"], "model_refused");
    assert.equal(bad.status.code, SpanStatusCode.ERROR);
  });

  it("is not there, and LangChain not loaded, without a model's name", () => {
    assert.equal(openModel(modelConfigSchema.parse({}), { clock: systemClock, log }), undefined);
  });
});
