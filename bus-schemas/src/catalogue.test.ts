import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { catalogue, definitionOf } from "./catalogue.ts";
import { defineEvent } from "./define-event.ts";
import {
  authorizationFile,
  authorizationPath,
  eventsDocument,
  goldenFolder,
  goldenName,
  sampleOf,
} from "./generate.ts";
import { parseEvent } from "./parse-event.ts";
import { z } from "zod";

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

describe("the event catalogue", () => {
  it("names every event of the architecture", () => {
    const named =
      "signal.detected incident.opened diagnosis.reached memory.recalled remediation.requested remediation.proposed remediation.authorized remediation.denied approval.requested approval.granted action.ordered action.started action.succeeded action.failed action.conflicted action.outcome-unknown verification.requested recovery.confirmed recovery.failed recovery.inconclusive incident.resolved undo.ordered undo.done incident.escalated memory.stored postmortem.written control.panic-pressed control.frozen control.resumed";
    for (const type of named.split(" ")) assert.ok(definitionOf(type), type);
  });

  it("has a golden sample of every current version", () => {
    const present = new Set(readdirSync(goldenFolder));
    for (const definition of catalogue) assert.ok(present.has(goldenName(definition)), goldenName(definition));
  });

  for (const file of readdirSync(goldenFolder)) {
    it(`parses ${file} for ever`, () => {
      const parsed = parseEvent(readFileSync(join(goldenFolder, file)));
      assert.deepEqual(parsed.ok ? "ok" : parsed.failure, "ok");
    });
  }

  it("is what docs/events.md says", () => {
    const document = readFileSync(join(goldenFolder, "../../docs/events.md"), "utf8");
    assert.equal(document, eventsDocument(), "run `npm run generate`");
  });

  it("is what infra/nats/authorization.conf permits", () => {
    assert.equal(readFileSync(authorizationPath, "utf8"), authorizationFile(), "run `npm run generate`");
  });

  it("refuses a version without the upcasters that lead to it", () => {
    assert.throws(
      () =>
        defineEvent({
          type: "a.b",
          says: "",
          scope: "control",
          version: 2,
          saidBy: ["scout"],
          schema: z.null(),
          example: null,
        }),
      /a\.b is at version 2 but has no upcaster from version 1/,
    );
  });
});

describe("parseEvent", () => {
  const sample = (): Record<string, unknown> => {
    const definition = definitionOf("action.ordered");
    assert.ok(definition);
    return structuredClone({ ...sampleOf(definition) });
  };
  const cases: readonly [string, (event: Record<string, unknown>) => unknown, string, RegExp][] = [
    ["text that is no JSON", () => "{", "not_json", /not UTF-8 JSON/],
    ["an unknown type", (event) => ({ ...event, type: "action.orderd" }), "unknown_event_type", /'action\.orderd'/],
    ["an unknown envelope field", (event) => ({ ...event, extra: 1 }), "bad_envelope", /extra/],
    [
      "an unknown payload field",
      (event) => ({ ...event, data: { ...(event["data"] as object), extra: 1 } }),
      "bad_payload",
      /data.*extra/,
    ],
    [
      "a wrong payload field",
      (event) => ({ ...event, data: { ...(event["data"] as object), fence: "7" } }),
      "bad_payload",
      /data\.fence/,
    ],
    ["a newer version", (event) => ({ ...event, dataversion: 99 }), "unknown_version", /99/],
    [
      "an incident event of no incident",
      (event) => ({ ...event, incidentid: undefined }),
      "bad_envelope",
      /incidentid/,
    ],
  ];
  for (const [name, spoil, code, message] of cases) {
    it(`refuses ${name} and names the place`, () => {
      const spoiled = spoil(sample());
      const parsed = parseEvent(typeof spoiled === "string" ? new TextEncoder().encode(spoiled) : encode(spoiled));
      assert.ok(!parsed.ok);
      assert.equal(parsed.failure.code, code);
      assert.match(parsed.failure.message, message);
    });
  }

  it("brings old versions up to the current one, step by step", () => {
    const definition = defineEvent({
      type: "agent.started",
      says: "",
      scope: "agent",
      version: 3,
      saidBy: ["scout"],
      schema: z.strictObject({ agent: z.string(), startedAtMs: z.number() }),
      example: { agent: "scout", startedAtMs: 1000 },
      upcasters: {
        1: (data) => ({ agent: data, startedAtSeconds: 1 }),
        2: (data) => {
          const { agent, startedAtSeconds } = z.object({ agent: z.string(), startedAtSeconds: z.number() }).parse(data);
          return { agent, startedAtMs: startedAtSeconds * 1000 };
        },
      },
    });
    const find = (type: string) => (type === definition.type ? definition : undefined);
    const read = (dataversion: number, data: unknown) =>
      parseEvent(encode({ ...sampleOf(definition), dataversion, data }), find);
    const current = read(3, { agent: "scout", startedAtMs: 1000 });
    assert.ok(current.ok);
    for (const old of [read(1, "scout"), read(2, { agent: "scout", startedAtSeconds: 1 })]) {
      assert.ok(old.ok, JSON.stringify(old));
      assert.deepEqual(old.event.data, current.event.data);
      assert.notEqual(old.original.dataversion, 3, "the envelope stays as it was signed");
    }
    const newer = read(4, {});
    assert.equal(newer.ok ? "" : newer.failure.code, "unknown_version");
  });

  it("refuses bytes that are not UTF-8", () => {
    const parsed = parseEvent(new Uint8Array([0xff, 0xfe]));
    assert.equal(parsed.ok ? "" : parsed.failure.code, "not_json");
  });
});
