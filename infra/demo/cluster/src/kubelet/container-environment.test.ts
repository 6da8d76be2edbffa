import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { expand } from "./container-environment.ts";

test("$(NAME) is expanded, $$(NAME) is not, and what names nothing stays", () => {
  const env = { HOST: "127.64.0.1", EMPTY: "" };
  assert.equal(expand("http://$(HOST):80/$(EMPTY)", env), "http://127.64.0.1:80/");
  assert.equal(expand("$$(HOST) costs $5, $(NOBODY)", env), "$(HOST) costs $5, $(NOBODY)");
});

test("text without a dollar sign is left as it is", () => {
  fc.assert(fc.property(fc.string(), (text) => text.includes("$") || expand(text, { A: "b" }) === text));
});
