import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { checkPolicies, policyFilesIn, readPolicyFolder } from "./policy-set.ts";
import { SourceText } from "./source-text.ts";

const shipped = policyFilesIn(fileURLToPath(new URL("../../../infra/config/policies", import.meta.url)));

/** `line:column message` of each mistake that the text has when it is the only policy file. */
function mistakesOf(text: string, schema = shipped.schema): string[] {
  const reading = checkPolicies({ schema, policies: [new SourceText("own.cedar", text)] });
  return reading.ok ? [] : reading.mistakes.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

describe("a policy folder", () => {
  it("that Omega ships has no mistake, and its hash is that of what it says", () => {
    const reading = checkPolicies(shipped);
    assert.ok(reading.ok, JSON.stringify(reading));
    const reordered = checkPolicies({ ...shipped, policies: shipped.policies.toReversed() });
    assert.ok(reordered.ok);
    assert.equal(reordered.set.hash, reading.set.hash);
  });

  it("that is not there, or has no schema, is a mistake and no crash", () => {
    const missing = readPolicyFolder("/nowhere/at/all");
    assert.ok(!missing.ok && missing.mistakes[0]?.file === "/nowhere/at/all");
    assert.match(mistakesOf("", [])[0] ?? "", /no \*\.cedarschema file/);
  });

  const reasoned = '@id("a") @reason("é…")';
  const cases: readonly [string, string, readonly RegExp[]][] = [
    [
      "a syntax error",
      `// ünïcode\n${reasoned}\npermit (principal, action resource);`,
      [/^3:27 unexpected token `resource`/],
    ],
    ["two syntax errors", `permit (principal,;\n\nforbid (;`, [/^1:19 unexpected token `;`/, /^3:9 /]],
    [
      "a misspelt attribute, once and with the right name",
      `${reasoned} permit (principal, action, resource) when { context.riks == Risk::"low" };`,
      [/^1:\d+ attribute `riks` .* \(did you mean `risk`\?\)$/],
    ],
    [
      "a value that the attribute never has",
      `${reasoned}\npermit (principal, action, resource)\nwhen { context.risk == Risk::"lwo" };`,
      [/^3:24 .*"lwo".*\(valid entity eids: "low", "medium", "high"\)/],
    ],
    [
      "an unknown action",
      `${reasoned} permit (principal, action == Action::"k8s.scal", resource);`,
      [/unrecognized action.*did you mean `Action::"k8s.scale"`/],
    ],
    [
      "an optional attribute that is taken for granted",
      `${reasoned} permit (principal, action, resource) when { resource.namespace == "shop" };`,
      [/optional attribute `namespace`/],
    ],
    ["a wrong type", `${reasoned} permit (principal, action, resource) when { context.hour < "six" };`, [/^1:/]],
    [
      "a policy that can never apply",
      `${reasoned} permit (principal is Agent, action, resource) when { principal == Person::"ada" };`,
      [/^1:/],
    ],
    [
      "policies without id and without reason",
      `permit (principal, action, resource);\n@id("b")\nforbid (principal, action, resource);`,
      [/^1:1 the policy has no @id/, /^2:1 the policy has no @reason/],
    ],
    [
      "an id that is taken",
      `${reasoned} permit (principal, action, resource);\n${reasoned} forbid (principal, action, resource);`,
      [/^2:1 the id "a" is taken by own\.cedar:1$/],
    ],
    ["an id that is no name", `@id("A b") @reason("x") permit (principal, action, resource);`, [/^1:1 @id "A b": /]],
    ["a template", `${reasoned} permit (principal == ?principal, action, resource);`, [/template/]],
    ["too much text", `${reasoned}${" ".repeat(16_400)}permit (principal, action, resource);`, [/^1:1 @text .*16384/]],
  ];
  for (const [what, text, expected] of cases) {
    it(`with ${what} names the place`, () => {
      const mistakes = mistakesOf(text);
      assert.equal(mistakes.length, expected.length, mistakes.join("\n"));
      for (const [at, pattern] of expected.entries()) assert.match(mistakes[at] ?? "", pattern);
    });
  }

  it("with a mistake in its second schema file names that file", () => {
    const [first, ...rest] = shipped.schema;
    assert.ok(first);
    const broken = new SourceText("more.cedarschema", "\n\nentity Oops");
    const reading = checkPolicies({ schema: [first, ...rest, broken], policies: [] });
    assert.ok(!reading.ok);
    const [mistake] = reading.mistakes;
    assert.equal(mistake?.file, "more.cedarschema", JSON.stringify(mistake));
  });
});
