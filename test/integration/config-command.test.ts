import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { z } from "zod";
import { OmegaUnderTest } from "../e2e/omega.ts";

const shipped = fileURLToPath(new URL("../../infra/config", import.meta.url));
const names = ["scout", "coordinator", "surgeon", "scribe", "console"];

const scratch = mkdtempSync(join(tmpdir(), "omega-config-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** A copy of the shipped files, with one of them changed. */
function changed(name: string, from: string | RegExp, to: string): string {
  const folder = mkdtempSync(join(scratch, "config-"));
  cpSync(shipped, folder, { recursive: true });
  const file = join(folder, name);
  const text = readFileSync(file, "utf8");
  assert.notEqual(text.replace(from, to), text, `${name} holds ${String(from)}`);
  writeFileSync(file, text.replace(from, to));
  return folder;
}

describe("omega config", () => {
  it("check finds the shipped files and policies without a mistake, each read by its own process", async (t) => {
    const { code, stdout, stderr } = await new OmegaUnderTest(t).run("config", "check", "--json");
    assert.equal(code, 0, stderr);
    const answer = z.object({ ok: z.literal(true), files: z.array(z.object({ process: z.string() })) });
    const { files } = answer.parse(JSON.parse(stdout));
    assert.deepEqual(
      files.map((file) => file.process),
      [...names, "policies"],
    );
  });

  it("check names file, line and column of a mistake in any of them, and ends with 78", async (t) => {
    const omega = new OmegaUnderTest(t);
    const folder = changed("surgeon.yaml", "callMs: 10000", "callMs: soon");
    writeFileSync(join(folder, "policies", "alone.cedar"), "permit (principal, action;\n");
    const { code, stdout } = await omega.run("config", "check", folder);
    assert.equal(code, 78);
    assert.match(stdout, /surgeon\.yaml:\d+:3: deadlines\.callMs: .*number/);
    assert.match(stdout, /policies\/alone\.cedar:1:\d+: /);
    assert.match(stdout, /^scout +\S+scout\.yaml +holds$/m);
  });

  it("check says whose file it takes, and that there is none", async (t) => {
    const omega = new OmegaUnderTest(t);
    const unnamed = join(scratch, "mine.yaml");
    writeFileSync(unnamed, "keys: k\n");
    assert.equal((await omega.run("config", "check", unnamed)).code, 64);
    assert.equal((await omega.run("config", "check", join(scratch, "nowhere"))).code, 69);
  });

  it("show --effective tells defaults and the environment's values, and no secret", async (t) => {
    const omega = new OmegaUnderTest(t);
    const shown = await omega.start(["config", "show", "scout", "--effective"], {
      OMEGA_OTLP_PORT: "14318",
      OMEGA_MODEL_KEY: "very-secret-indeed",
    }).ended;
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /^ {2}port: 14318$/m);
    assert.match(shown.stdout, /^ {2}tracesMax: 20000$/m);
    assert.match(shown.stdout, /^ {2}apiKey: "?\[redacted\]"?$/m);
    assert.doesNotMatch(shown.stdout, /very-secret/);
  });

  it("show of a bad file says the mistake instead", async (t) => {
    const folder = changed("scout.yaml", "otlp:", "oltp:");
    const { code, stderr } = await new OmegaUnderTest(t).run(
      "config",
      "show",
      "scout",
      "--config",
      join(folder, "scout.yaml"),
    );
    assert.equal(code, 78);
    assert.match(stderr, /scout\.yaml:\d+:1: unknown key 'oltp'/);
  });
});

describe("the published JSON Schemas", () => {
  for (const name of names) {
    it(`of ${name} accept the shipped file as it is written, and refuse an unknown key and a wrong type`, () => {
      const schema: unknown = JSON.parse(readFileSync(join(shipped, "schemas", `${name}.schema.json`), "utf8"));
      const holds = new Ajv2020({ strict: false, validateFormats: false }).compile(
        z.record(z.string(), z.unknown()).parse(schema),
      );
      const written = z
        .record(z.string(), z.unknown())
        .parse(parse(readFileSync(join(shipped, `${name}.yaml`), "utf8")));
      assert.ok(holds(written), JSON.stringify(holds.errors));
      assert.ok(!holds({ ...written, nonsense: 1 }));
      assert.ok(!holds({ ...written, log: { level: 7 } }));
    });
  }

  it("stand in the first line of each shipped file, where editors look", () => {
    for (const name of names) {
      assert.match(
        readFileSync(join(shipped, `${name}.yaml`), "utf8"),
        new RegExp(`^# yaml-language-server: \\$schema=schemas/${name}\\.schema\\.json\n`),
      );
    }
  });
});
