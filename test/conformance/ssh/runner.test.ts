import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { allowListFor } from "../../../agents/surgeon/src/ssh/allow-list.ts";
import { sshConfigSchema } from "../../../agents/surgeon/src/ssh/ssh-config.ts";
import { singleQuoted } from "../../../agents/surgeon/src/ssh/quoting.ts";

const runner = fileURLToPath(new URL("../../../agents/surgeon/src/ssh/runner.sh", import.meta.url));
const nonce = "0123456789abcdef0123456789abcdef";
const folder = mkdtempSync(join(tmpdir(), "omega-runner-"));
const marked = join(folder, "marked");

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(argv: string[], environment: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile("sh", [runner, ...argv], { env: { ...process.env, ...environment } }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

const config = sshConfigSchema.parse({
  knownHosts: "known_hosts",
  hosts: {
    web: { address: "web", user: "omega", identity: "key" },
    db: { address: "db", user: "omega", identity: "key" },
  },
  roots: { work: folder },
  commands: {
    mark: {
      says: "marks a file",
      hosts: ["web"],
      params: {
        word: { type: "text", pattern: "[a-z. ]+" },
        level: { type: "enum", values: ["a|b", "c"] },
        count: { type: "integer", min: -5, max: 9 },
        file: { type: "path", root: "work" },
      },
      check: ["test", "-d", folder],
      before: ["cat", "--", "{file}"],
      run: ["echo", "run", "--word={word}", "{level}", "--", "{count}", "{file}"],
      after: "{word}",
      undo: ["echo", "undo", "--", "{before}"],
    },
  },
});
writeFileSync(join(folder, "allow"), allowListFor(config, "web"));
writeFileSync(join(folder, "state"), "as it's\n");

/** What sshd hands to the forced command of a key. */
const asked = (words: string[]): Promise<Ended> => original(words.map(singleQuoted).join(" "));
const original = (line: string): Promise<Ended> =>
  run(["--allow", join(folder, "allow")], { SSH_ORIGINAL_COMMAND: line });
const runWords = (...argv: string[]): string[] => ["run", nonce, "30", "0", "", ...argv];

describe("runner.sh", { concurrency: 2 }, () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("refuses what its owner was fenced for, and no other, by the forced command too", async () => {
    const owned = (last: string): string => `${"fedcba9876543210"}${last.repeat(16)}`;
    const echo = (by: string): string[] => ["run", by, "30", "0", "", "echo", "undo", "--", "state"];
    assert.equal((await asked(echo(owned("0")))).code, 0);
    assert.equal((await asked(["fence", owned("1")])).code, 0);
    const late = await asked(echo(owned("2")));
    assert.deepEqual([late.code, late.stderr], [124, `omega-run ${owned("2")} fenced\n`]);
    assert.equal((await asked(echo(nonce))).code, 0);
    rmSync(`/tmp/omega-run-${process.getuid?.()}/fenced-fedcba9876543210`);
  });

  it("kills what outlives its deadline, with nobody connected", async () => {
    const script = `trap "" TERM; echo $$ >${join(folder, "late")}; while :; do sleep 600; done`;
    const { code } = await run(["run", nonce, "1", "0", "", "sh", "-c", script]);
    assert.equal(code, 137);
    const group = Number(readFileSync(join(folder, "late"), "utf8"));
    await until("the whole group is gone", () => !isAlive(-group));
  });

  it("leaves no record and no watch behind", async () => {
    const own = "f".repeat(32);
    assert.equal((await run(["run", own, "77777", "0", "", "sh", "-c", "exit 7"])).code, 7);
    assert.equal(existsSync(`/tmp/omega-run-${process.getuid?.()}/${own}`), false);
    assert.equal((await run(["kill", own])).code, 0);
  });

  it("runs what the list allows, with the guard of the list", async () => {
    const words = ["echo", "run", "--word=a b", "a|b", "--", "-5", join(folder, "state")];
    assert.equal((await asked(runWords(...words))).stdout, `run --word=a b a|b -- -5 ${join(folder, "state")}\n`);
    const guard = ["cat", "--", join(folder, "state")];
    assert.equal((await asked(["run", nonce, "30", "3", "as it's", ...guard, ...words])).code, 0);
    assert.match((await asked(["run", nonce, "30", "3", "else", ...guard, ...words])).stderr, / changed\n/);
    assert.equal((await asked(runWords("echo", "undo", "--", "$(as it's)"))).stdout, "undo -- $(as it's)\n");
  });

  for (const [name, argv] of [
    ["another program", ["touch", marked]],
    ["more words", ["test", "-d", folder, marked]],
    ["fewer words", ["test", "-d"]],
    ["a value outside of its pattern", ["echo", "run", "--word=A", "c", "--", "1", join(folder, "state")]],
    ["part of an enumeration's value", ["echo", "run", "--word=a", "a", "--", "1", join(folder, "state")]],
    ["text for an integer", ["echo", "run", "--word=a", "c", "--", "1e3", join(folder, "state")]],
    ["a path outside of its root", ["cat", "--", `${folder}/../etc/passwd`]],
    ["a path that only begins like its root", ["cat", "--", `${folder}er/x`]],
    ["a guard that is not on the list", undefined],
  ] as const) {
    it(`refuses ${name}`, async () => {
      const words =
        argv === undefined ? ["run", nonce, "30", "2", "", "touch", marked, "test", "-d", folder] : runWords(...argv);
      const { code, stdout, stderr } = await asked(words);
      assert.deepEqual([code, stdout, stderr], [124, "", `omega-run ${nonce} not_allowed\n`]);
      assert.equal(existsSync(marked), false);
    });
  }

  for (const line of [
    `touch ${marked}`,
    `'run' $(touch ${marked})`,
    `'run' '${nonce}' '30' '0' '' 'test' '-d' '${folder}'; touch ${marked}`,
    `'run' '${nonce}'\ntouch ${marked}`,
    `'run' '${nonce}' '30' '0' '' 'test' '-d' '${folder}' 2>${marked}`,
    `'run' "$(touch ${marked})"`,
    `'a'\\''b`,
    "",
  ]) {
    it(`refuses the line ${JSON.stringify(line).slice(0, 60)}`, async () => {
      assert.equal((await original(line)).code, 124);
      assert.equal(existsSync(marked), false);
    });
  }

  it("allows nothing on a host that no template names", () => {
    assert.equal(
      allowListFor(config, "db")
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#")).length,
      0,
    );
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > giveUpAt) assert.fail(`never: ${what}`);
    await delay(20);
  }
}
