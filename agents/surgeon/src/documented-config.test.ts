import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { surgeonConfigSchema } from "./config.ts";

for (const page of ["ssh", "webhooks", "remedies"]) {
  it(`the configuration in docs/${page}.md is one that Surgeon takes`, () => {
    const text = readFileSync(fileURLToPath(new URL(`../../../docs/${page}.md`, import.meta.url)), "utf8");
    const example = /```yaml\n([^]*?)```/.exec(text)?.[1];
    assert.ok(example);
    const parsed = surgeonConfigSchema.safeParse({ bus: {}, keys: "keys", ...(parse(example) as object) });
    assert.ok(parsed.success, parsed.error?.message);
  });
}
