import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Outcome } from "@omega/shared/outcome.ts";
import fc from "fast-check";
import { bindParameters, fillWords, parametersSchema } from "./parameters.ts";
import { sshConfigSchema } from "./ssh-config.ts";

const declared = parametersSchema.parse({
  mode: { type: "enum", values: ["on", "off"] },
  count: { type: "integer", min: -3, max: 10 },
  name: { type: "text", pattern: "[a-z-]+", lengthMax: 8 },
  file: { type: "path", root: "logs" },
});
const good = { mode: "on", count: 3, name: "web", file: "a/b c.log" };
const roots = { logs: "/var/log/app" };

const codeOf = (outcome: Outcome<unknown>): string => (outcome.ok ? "ok" : outcome.failure.code);

describe("parameters of templates", () => {
  it("become text of their types", () => {
    const bound = bindParameters(declared, good, roots);
    assert.deepEqual(bound.ok && { ...bound.value }, {
      mode: "on",
      count: "3",
      name: "web",
      file: "/var/log/app/a/b c.log",
    });
  });

  for (const [name, values] of Object.entries<unknown[]>({
    mode: ["On", "on ", "", 1],
    count: [11, -4, 1.5, Number.NaN, Infinity, "1e1", "01", "-0", " 1", "", "9007199254740993"],
    name: ["", "Web", "web\n", "web\0", "toolongname", "a b", "$(id)", "'", "wéb"],
    file: ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "a\nb", "a\0b", "\ud800"],
  })) {
    it(`refuse ${name} outside of its type`, () => {
      for (const value of values) {
        const outcome = bindParameters(declared, { ...good, [name]: value as string }, roots);
        assert.equal(codeOf(outcome), "bad_parameter", JSON.stringify(value));
        assert.match(outcome.ok ? "" : outcome.failure.message, new RegExp(`'${name}'`));
      }
    });
  }

  it("must be exactly the declared ones", () => {
    const { mode: _mode, ...rest } = good;
    assert.equal(codeOf(bindParameters(declared, rest, roots)), "bad_parameter");
    assert.equal(codeOf(bindParameters(declared, { ...good, more: "x" }, roots)), "bad_parameter");
    assert.equal(codeOf(bindParameters(declared, { ...good, constructor: "x" }, roots)), "bad_parameter");
  });

  it("never become more than one argument, nor an option", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        for (const words of [
          ["run", "{x}"],
          ["run", "--", "{x}"],
          ["run", "--x={x}"],
        ]) {
          const filled = fillWords(words, { x: value });
          if (filled.ok) {
            assert.equal(filled.value.length, words.length);
            const last = filled.value.at(-1) ?? "";
            assert.ok(last === value || last === `--x=${value}`);
          } else assert.ok(value.startsWith("-") && words.length === 2 && words[1] === "{x}");
        }
      }),
      { numRuns: 1000 },
    );
    assert.equal(codeOf(fillWords(["rm", "{x}"], { x: "-rf" })), "leading_dash");
    assert.equal(codeOf(fillWords(["rm", "{x}", "--"], { x: "-rf" })), "leading_dash");
    // A value that looks like a placeholder is a value.
    assert.deepEqual(fillWords(["echo", "{x}"], { x: "{y}", y: "no" }), { ok: true, value: ["echo", "{y}"] });
  });
});

describe("the ssh configuration", () => {
  const command = {
    says: "does it",
    hosts: ["web"],
    params: { file: { type: "path", root: "logs" } },
    check: ["true"],
    before: ["cat", "{file}"],
    run: ["set", "{file}"],
    after: "x",
    undo: ["set", "{file}", "{before}"],
  };
  const base = {
    knownHosts: "known_hosts",
    hosts: { web: { address: "web", user: "omega", identity: "key" } },
    roots: { logs: "/var/log" },
  };
  const disk = { hosts: ["web"], path: "/var/log", names: ["*.log"], olderThanMinutes: 1, quarantine: "/mnt/held" };

  it("takes good templates", () => {
    assert.equal(
      sshConfigSchema.safeParse({ ...base, commands: { it: command }, disks: { logs: disk } }).success,
      true,
    );
  });

  for (const [name, config, place] of [
    ["a host that is not there", { commands: { it: { ...command, hosts: ["db"] } } }, "commands.it.hosts.0"],
    ["an undeclared placeholder", { commands: { it: { ...command, run: ["set", "{what}"] } } }, "commands.it.run"],
    [
      "the state before anywhere but in undo",
      { commands: { it: { ...command, run: ["set", "{before}"] } } },
      "commands.it.run",
    ],
    ["a program by parameter", { commands: { it: { ...command, run: ["{file}"] } } }, "commands.it.run"],
    ["a root that is not there", { roots: {}, commands: { it: command } }, "commands.it.params"],
    ["a command without a way back", { commands: { it: { ...command, undo: undefined } } }, "commands.it.undo"],
    ["hosts without known_hosts", { knownHosts: "" }, "knownHosts"],
    [
      "a quarantine inside of the path",
      { disks: { logs: { ...disk, quarantine: "/var/log/held" } } },
      "disks.logs.quarantine",
    ],
    ["a path in place of a name", { disks: { logs: { ...disk, names: ["../*"] } } }, "disks.logs.names.0"],
    ["a path with '..'", { disks: { logs: { ...disk, path: "/var/../etc" } } }, "disks.logs.path"],
    [
      "an expression that grep reads otherwise",
      { commands: { it: { ...command, params: { file: { type: "text", pattern: "\\d+" } } } } },
      "commands.it.params.file.pattern",
    ],
  ] as const) {
    it(`refuses ${name}, naming the place`, () => {
      const parsed = sshConfigSchema.safeParse({ ...base, ...config });
      assert.ok(!parsed.success);
      assert.ok(
        parsed.error.issues.some(({ path }) => path.join(".") === place),
        JSON.stringify(parsed.error.issues),
      );
    });
  }
});
