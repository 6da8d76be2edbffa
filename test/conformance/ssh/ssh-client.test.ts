import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createLog } from "@omega/shared/log.ts";
import type { Outcome } from "@omega/shared/outcome.ts";
import fc from "fast-check";
import { SshClient } from "../../../agents/surgeon/src/adapters/ssh-client.ts";
import type { RemoteCommand, RemoteResult } from "../../../agents/surgeon/src/ssh/remote-shell.ts";
import { sshConfigSchema } from "../../../agents/surgeon/src/ssh/ssh-config.ts";
import { RealSshd, sshdMissing } from "./real-sshd.ts";

const missing = sshdMissing();
const log = createLog("ssh-test", "fatal");
const forever = new AbortController().signal;

if (missing !== undefined) it("runs commands on a real sshd", { skip: missing }, () => undefined);
else {
  const sshd = await RealSshd.start();
  const at = (name: string): string => join(sshd.folder, name);

  /** A client of this sshd under the name `here`, with other settings of the host and another known_hosts text if given. */
  function client(host: object = {}, knownHosts?: string): SshClient {
    let file = sshd.knownHosts;
    if (knownHosts !== undefined) {
      file = at(`known_hosts-${randomBytes(4).toString("hex")}`);
      writeFileSync(file, knownHosts);
    }
    return new SshClient(
      sshConfigSchema.parse({ knownHosts: file, hosts: { here: { ...sshd.host(), ...host } } }),
      log,
    );
  }

  const run = (argv: string[], more: Partial<RemoteCommand> = {}, by = client()): Promise<Outcome<RemoteResult>> =>
    by.run({ host: "here", argv, effect: "change", ...more }, forever);

  describe("commands on a real sshd", { concurrency: 2 }, () => {
    after(() => sshd.stop());

    it("gives exit status and both outputs", async () => {
      const { exitCode, stdout, stderr } = value(await run(["sh", "-c", "echo out; echo err >&2; exit 3"]));
      assert.deepEqual([exitCode, stdout.text, stderr.text], [3, "out\n", "err\n"]);
    });

    it("gives the exit status of what is not there, and of what was killed", async () => {
      assert.equal(value(await run([at("nowhere")])).exitCode, 127);
      assert.equal(value(await run(["sh", "-c", "kill -9 $$"])).exitCode, 137);
    });

    it("has neither a terminal nor an input", async () => {
      const { exitCode, stdout } = value(await run(["sh", "-c", "tty; cat; exit 0"]));
      assert.deepEqual([exitCode, stdout.text], [0, "not a tty\n"]);
    });

    for (const [name, lines, code] of [
      ["another key", () => `[127.0.0.1]:${sshd.port} ${sshd.hostKey("stranger")}`, "host_key_mismatch"],
      ["no key", () => "", "host_key_unknown"],
      ["the key of another port", () => `127.0.0.1 ${sshd.hostKey()}`, "host_key_unknown"],
      ["an excluded name", () => `*,!\\[127.0.0.1]:${sshd.port},![127.0.0.1]:* ${sshd.hostKey()}`, "host_key_unknown"],
      ["the revoked key", () => `[127.0.0.1]:* ${sshd.hostKey()}@revoked * ${sshd.hostKey()}`, "host_key_revoked"],
      ["a certificate authority only", () => `@cert-authority * ${sshd.hostKey()}`, "host_key_unknown"],
      ["a broken line", () => `# fine\nwhat is this\n`, "known_hosts_unreadable"],
    ] as const) {
      it(`refuses a host when known_hosts has ${name}`, async () => {
        const mark = at(`mark-${code}-${name.length}`);
        const outcome = await run(["touch", mark], {}, client({}, lines()));
        assert.deepEqual(failureOf(outcome), ["terminal", code]);
        assert.equal(existsSync(mark), false);
      });
    }

    it("finds hashed names and patterns", async () => {
      const salt = randomBytes(20);
      const hash = createHmac("sha1", salt).update(`[127.0.0.1]:${sshd.port}`).digest("base64");
      for (const names of [`|1|${salt.toString("base64")}|${hash}`, `other,[127.0.0.?]:${sshd.port}`]) {
        assert.equal(value(await run(["true"], {}, client({}, `${names} ${sshd.hostKey()}`))).exitCode, 0);
      }
    });

    it("says that nothing was sent when nobody listens", async () => {
      const outcome = await run(["true"], {}, client({ port: 1 }, `[127.0.0.1]:1 ${sshd.hostKey()}`));
      assert.deepEqual(failureOf(outcome), ["retryable", "unreachable"]);
    });

    it("gives up on a server that says nothing", async () => {
      const mute = createServer((socket) => socket.on("error", () => undefined));
      await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
      const { port } = mute.address() as AddressInfo;
      const outcome = await run(
        ["true"],
        {},
        client({ port, connectMs: 300 }, `[127.0.0.1]:${port} ${sshd.hostKey()}`),
      );
      mute.close();
      assert.deepEqual(failureOf(outcome), ["retryable", "unreachable"]);
    });

    it("is terminal when the login is refused or the key is readable by others", async () => {
      assert.deepEqual(failureOf(await run(["true"], {}, client({ identity: at("stranger") }))), [
        "terminal",
        "login_refused",
      ]);
      writeFileSync(at("open"), readFileSync(sshd.identity), { mode: 0o600 });
      chmodSync(at("open"), 0o644);
      assert.deepEqual(failureOf(await run(["true"], {}, client({ identity: at("open") }))), [
        "terminal",
        "identity_unusable",
      ]);
    });

    it("kills the whole process group at the deadline, whatever ignores a polite request", async () => {
      const script = `trap "" TERM; (sleep 600; true) & echo $! > ${at("child")}; echo $$ > ${at("leader")}; while :; do sleep 600; done`;
      const outcome = await run(["sh", "-c", script], { deadlineMs: 1500 });
      assert.deepEqual(failureOf(outcome), ["unknown", "deadline_passed"]);
      assert.match(messageOf(outcome), /process group was killed/);
      for (const name of ["leader", "child"])
        assert.equal(isAlive(Number(readFileSync(at(name), "utf8"))), false, name);
    });

    it("kills it too when the caller stops; a look that hung may be asked again", async () => {
      const stop = new AbortController();
      const running = client().run(
        { host: "here", argv: ["sh", "-c", `echo $$ > ${at("stopped")}; exec sleep 600`], effect: "look" },
        stop.signal,
      );
      await until("the command runs", () => existsSync(at("stopped")) && readFileSync(at("stopped"), "utf8") !== "");
      stop.abort();
      assert.deepEqual(failureOf(await running), ["retryable", "stopped"]);
      assert.equal(isAlive(Number(readFileSync(at("stopped"), "utf8"))), false);
    });

    it("keeps head and tail of a flood and hashes all of it", async () => {
      const { stdout } = value(await run(["sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x; echo the end"]));
      assert.equal(stdout.bytes, 5_000_008);
      assert.ok(stdout.text.length < 263_000, String(stdout.text.length));
      assert.match(stdout.text, /^x{1000}[^]*bytes left out[^]*x{1000}the end\n$/);
      const whole = `${"x".repeat(5_000_000)}the end\n`;
      assert.equal(stdout.sha256, createHash("sha256").update(whole).digest("hex"));
    });

    it("kills a flood that never ends", async () => {
      const outcome = await run(["sh", "-c", `echo $$ > ${at("flood")}; exec yes`], { deadlineMs: 1500 });
      assert.deepEqual(failureOf(outcome), ["unknown", "deadline_passed"]);
      assert.equal(isAlive(Number(readFileSync(at("flood"), "utf8"))), false);
    });

    it("does not wait for a daemon that keeps the output open", async () => {
      const { exitCode } = value(await run(["sh", "-c", `sleep 600 & echo $! > ${at("daemon")}; exit 0`]));
      const daemon = Number(readFileSync(at("daemon"), "utf8"));
      assert.deepEqual([exitCode, isAlive(daemon)], [0, true]);
      process.kill(daemon, "SIGKILL");
    });

    it("runs a command only while its guard prints the expected line", async () => {
      writeFileSync(at("state"), "it's old\n");
      const guard = { argv: ["cat", at("state")], expected: "it's old" };
      value(await run(["sh", "-c", `echo new > ${at("state")}`], { guard }));
      assert.deepEqual(failureOf(await run(["touch", at("guarded")], { guard })), ["conflict", "changed"]);
      const failing = { argv: ["false"], expected: "" };
      assert.deepEqual(failureOf(await run(["touch", at("guarded")], { guard: failing })), [
        "terminal",
        "guard_failed",
      ]);
      assert.equal(existsSync(at("guarded")), false);
      assert.equal(value(await run(["sh", "-c", "exit 124"])).exitCode, 124);
    });

    it("passes 1,000 random hostile arguments through the login shell unchanged", async () => {
      const nasty = [
        "'",
        '"',
        "`",
        "$(touch x)",
        "${IFS}",
        "\\",
        ";",
        "&",
        "|",
        ">",
        "*",
        "~",
        "!",
        "--",
        "-rf",
        "\t",
        "\u0007",
        "é",
        "\u{1f4a5}",
        " ",
        "#",
        "'\\''",
        "omega-run",
      ];
      const piece = fc.oneof(fc.constantFrom(...nasty), fc.string({ unit: "binary", maxLength: 8 }));
      const argument = fc
        .array(piece, { maxLength: 8 })
        .map((pieces) => pieces.join(""))
        .filter((text) => !/[\0\n\r\u0085\u2028\u2029]/.test(text) && text.isWellFormed());
      const all = fc.sample(argument, { numRuns: 1000, seed: 20_261_124 });
      for (let from = 0; from < all.length; from += 250) {
        const batch = all.slice(from, from + 250);
        const { stdout } = value(
          await run([
            process.execPath,
            "-e",
            "process.stdout.write(JSON.stringify(process.argv.slice(1)))",
            "--",
            ...batch,
          ]),
        );
        assert.deepEqual(JSON.parse(stdout.text), batch);
      }
    });

    it("refuses what no argument may hold, before anything is sent", async () => {
      for (const hostile of ["a\0b", "a\nb", "a\rb", "a\u2028b", "\ud800"]) {
        assert.deepEqual(
          failureOf(await run(["echo", hostile])),
          ["terminal", "argument_refused"],
          JSON.stringify(hostile),
        );
      }
      assert.deepEqual(failureOf(await run(["echo", "x".repeat(130_000)])), ["terminal", "command_too_long"]);
    });
  });

  describe("an action that is taken back while its Surgeon may wake up late", () => {
    it("is ended on the host, and nothing of it begins there any more; others go on", async () => {
      const own = await RealSshd.start();
      try {
        const config = sshConfigSchema.parse({ knownHosts: own.knownHosts, hosts: { here: own.host() } });
        const [late, rescuer] = [new SshClient(config, log), new SshClient(config, log)];
        const [owner, other] = [`act-${randomBytes(8).toString("hex")}`, `act-${randomBytes(8).toString("hex")}`];
        const [pidFile, marked] = [join(own.folder, "running"), join(own.folder, "marked")];
        const hangs = ["sh", "-c", `trap "" TERM; echo $$ > ${pidFile}; while :; do sleep 600; done`];
        const running = late.run({ host: "here", argv: hangs, effect: "change", owner }, forever);
        await until("the command runs", () => existsSync(pidFile) && readFileSync(pidFile, "utf8") !== "");
        assert.deepEqual(await rescuer.fence("here", owner, forever), { ok: true, value: undefined });
        assert.equal(isAlive(Number(readFileSync(pidFile, "utf8"))), false, "it is ended before undo looks");
        assert.equal(value(await running).exitCode, 137);
        const mark = { host: "here", argv: ["touch", marked], effect: "change" } as const;
        assert.deepEqual(failureOf(await late.run({ ...mark, owner }, forever)), ["unknown", "taken_back"]);
        assert.equal(existsSync(marked), false);
        // Undo's own commands have no owner.
        assert.equal(value(await rescuer.run(mark, forever)).exitCode, 0);
        assert.equal(value(await late.run({ ...mark, owner: other }, forever)).exitCode, 0);
        for (const client of [late, rescuer]) client.close();
      } finally {
        await own.stop();
      }
    });
  });

  describe("a connection lost in mid-command", () => {
    it("leaves the outcome unknown, and the host keeps the deadline itself", async () => {
      const own = await RealSshd.start();
      try {
        const config = sshConfigSchema.parse({ knownHosts: own.knownHosts, hosts: { here: own.host() } });
        const pidFile = join(own.folder, "running");
        const running = new SshClient(config, log).run(
          {
            host: "here",
            argv: ["sh", "-c", `echo $$ > ${pidFile}; exec sleep 600`],
            effect: "change",
            deadlineMs: 100_000,
          },
          forever,
        );
        await until("the command runs", () => existsSync(pidFile) && readFileSync(pidFile, "utf8") !== "");
        own.dropConnections();
        assert.deepEqual(failureOf(await running), ["unknown", "connection_lost"]);
        process.kill(-Number(readFileSync(pidFile, "utf8")), "SIGKILL");
      } finally {
        await own.stop();
      }
    });
  });
}

function value<T>(outcome: Outcome<T>): T {
  assert.ok(outcome.ok, outcome.ok ? "" : `${outcome.failure.code}: ${outcome.failure.message}`);
  return outcome.value;
}

function failureOf(outcome: Outcome<unknown>): [string, string] | "ok" {
  return outcome.ok ? "ok" : [outcome.failure.kind, outcome.failure.code];
}

function messageOf(outcome: Outcome<unknown>): string {
  return outcome.ok ? "" : outcome.failure.message;
}

/** A zombie is dead: only its parent has not looked yet. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
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
