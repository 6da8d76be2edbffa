import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { z } from "zod";
import { readConfig } from "./config-file.ts";

const folder = mkdtempSync(join(tmpdir(), "omega-config-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, "scout.yaml");
const schema = z.strictObject({
  keys: z.string(),
  bus: z.strictObject({ servers: z.array(z.url()) }),
  limits: z.strictObject({ spansMax: z.number().int() }).optional(),
});

function read(text: string, environment: Record<string, string> = {}): string {
  writeFileSync(path, text);
  const config = readConfig(path, schema, environment);
  return config.ok ? JSON.stringify(config.value) : config.failure.message.replaceAll(path, "scout.yaml");
}

describe("readConfig", () => {
  it("reads what fits, with the environment's values", () => {
    const text = 'keys: ${KEYS}\nbus:\n  servers: ["${URL:-nats://127.0.0.1:4222}"]\n';
    assert.equal(read(text, { KEYS: "k" }), '{"keys":"k","bus":{"servers":["nats://127.0.0.1:4222"]}}');
  });

  const mistakes: readonly [string, string, RegExp][] = [
    [
      "an unknown key",
      "keys: k\nbus:\n  servers: []\n  sevrers: []\n",
      /^scout\.yaml:4:3: unknown key 'bus\.sevrers'$/,
    ],
    [
      "a wrong type",
      "keys: k\nbus: { servers: [] }\nlimits:\n  spansMax: many\n",
      /^scout\.yaml:4:3: limits\.spansMax: .*number/,
    ],
    [
      "a wrong list item",
      "keys: k\nbus:\n  servers:\n    - nats://a\n    - 7\n",
      /^scout\.yaml:5:7: bus\.servers\.1: /,
    ],
    ["a missing key", "keys: k\n", /^scout\.yaml:1:1: bus: /],
    ["broken YAML", "keys: k\nbus: [\n", /^scout\.yaml:3:1: /],
    [
      "an unset variable",
      "keys: ${NOWHERE}\nbus: { servers: [] }\n",
      /^scout\.yaml:1:7: the environment variable NOWHERE is not set/,
    ],
  ];
  for (const [what, text, message] of mistakes) {
    it(`names the place of ${what}`, () => assert.match(read(text), message));
  }

  it("reads a number from the environment where one is wanted, and a text where that is", () => {
    const text = "keys: ${KEYS}\nbus: { servers: [] }\nlimits:\n  spansMax: ${SPANS}\n";
    assert.equal(read(text, { KEYS: "7", SPANS: "12" }), '{"keys":"7","bus":{"servers":[]},"limits":{"spansMax":12}}');
    assert.match(read(text, { KEYS: "7", SPANS: "many" }), /^scout\.yaml:4:3: limits\.spansMax: .*number/);
    assert.match(read(text.replace("${SPANS}", "'12'"), { KEYS: "7" }), /^scout\.yaml:4:3: limits\.spansMax: .*number/);
  });

  it("names every mistake of a file at once", () => {
    assert.equal(read("kees: k\nbus: { servers: [7] }\n").split("\n").length, 3);
  });

  it("names a file that is not there", () => {
    const missing = readConfig(join(folder, "none.yaml"), schema, {});
    assert.ok(
      !missing.ok && missing.failure.code === "config_missing" && missing.failure.message.includes("none.yaml"),
    );
  });
});
