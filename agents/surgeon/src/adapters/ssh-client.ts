import { createHash, randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { Log } from "@omega/shared/log.ts";
import { fail, ok, reasonOf, type Outcome } from "@omega/shared/outcome.ts";
import type { Client } from "ssh2";
import { KnownHosts } from "../ssh/known-hosts.ts";
import { shellLine, singleQuoted } from "../ssh/quoting.ts";
import type { RemoteCommand, RemoteResult, RemoteShell } from "../ssh/remote-shell.ts";
import type { SshConfig, SshHost } from "../ssh/ssh-config.ts";
import { converse, openConnection, type Ended } from "./ssh-connection.ts";

/** The host ends what nobody came to kill this long after the deadline. */
const watchSlackMs = 10_000;
const killMs = 10_000;

const runnerText = readFileSync(new URL("../ssh/runner.sh", import.meta.url), "utf8");

interface Request {
  readonly name: string;
  readonly host: SshHost;
  readonly nonce: string;
  readonly effect: RemoteCommand["effect"];
}

interface IdleConnection {
  readonly client: Client;
  /** Takes it out of the idle ones. */
  leave(): void;
}

/** A connection that ended its command well serves the next one, if that comes soon. */
const idleMs = 5000;

/**
 * Runs commands over SSH, one at a time on a connection. Only public-key login with the configured identity; no
 * agent, pty or forwarding. Each command runs under `runner.sh`, which gives it a process group and a deadline of the host's own.
 */
export class SshClient implements RemoteShell {
  readonly #config: SshConfig;
  readonly #log: Log;
  readonly #idle = new Map<string, readonly IdleConnection[]>();

  constructor(config: SshConfig, log: Log) {
    this.#config = config;
    this.#log = log;
  }

  async run(command: RemoteCommand, signal: AbortSignal): Promise<Outcome<RemoteResult>> {
    const host = Object.hasOwn(this.#config.hosts, command.host) ? this.#config.hosts[command.host] : undefined;
    if (host === undefined)
      return fail("terminal", "host_not_configured", `No SSH host '${command.host}' is configured.`);
    const nonce = nonceOf(command.owner);
    const limitMs = command.deadlineMs ?? host.runMs;
    const { guard } = command;
    const words = ["run", nonce, String(Math.ceil((limitMs + watchSlackMs) / 1000)), String(guard?.argv.length ?? 0)];
    const line = lineFor(host, [...words, guard?.expected ?? "", ...(guard?.argv ?? []), ...command.argv]);
    if (!line.ok) return line;
    const request = { name: command.host, host, nonce, effect: command.effect };
    const connected = await this.#connect(request, signal);
    if (!connected.ok) return connected;
    const deadline = AbortSignal.timeout(limitMs);
    const ended = await converse(connected.value, line.value, AbortSignal.any([signal, deadline]));
    const killed = ended.how === "stopped" ? await this.#kill(request, connected.value) : false;
    if (ended.how === "exited") this.#keep(command.host, connected.value);
    else connected.value.destroy();
    return judged(request, ended, deadline.aborted ? `after ${limitMs} ms` : undefined, killed);
  }

  async fence(name: string, owner: string, signal: AbortSignal): Promise<Outcome<void>> {
    const host = Object.hasOwn(this.#config.hosts, name) ? this.#config.hosts[name] : undefined;
    if (host === undefined) return fail("terminal", "host_not_configured", `No SSH host '${name}' is configured.`);
    const nonce = nonceOf(owner);
    const line = lineFor(host, ["fence", nonce]);
    if (!line.ok) return line;
    const request = { name, host, nonce, effect: "look" } as const;
    const connected = await this.#connect(request, signal);
    if (!connected.ok) return connected;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(killMs)]);
    const ended = await converse(connected.value, line.value, limit);
    if (ended.how === "exited") this.#keep(name, connected.value);
    else connected.value.destroy();
    const result = judged(request, ended, `within ${killMs} ms`, false);
    if (!result.ok) return result;
    const { exitCode, stderr } = result.value;
    if (exitCode === 0) return ok();
    return fail("retryable", "not_fenced", `${name} could not be told to refuse it: ${stderr.text.slice(0, 500)}`);
  }

  close(): void {
    for (const idle of [...this.#idle.values()].flat()) {
      idle.leave();
      idle.client.destroy();
    }
  }

  #keep(host: string, client: Client): void {
    const leave = (): void => {
      client.removeListener("close", leave);
      clearTimeout(timer);
      this.#idle.set(
        host,
        (this.#idle.get(host) ?? []).filter((one) => one.client !== client),
      );
    };
    const timer = setTimeout(() => {
      leave();
      client.destroy();
    }, idleMs).unref();
    client.once("close", leave);
    this.#idle.set(host, [...(this.#idle.get(host) ?? []), { client, leave }]);
  }

  /** Ends the process group of a running command by a second channel, or by a new connection where the first is dead. */
  async #kill(request: Request, open: Client): Promise<boolean> {
    const line = lineFor(request.host, ["kill", request.nonce]);
    if (!line.ok) return false;
    const limit = AbortSignal.timeout(killMs);
    const first = await converse(open, line.value, limit);
    if (first.how === "exited") return first.code === 0;
    const again = await this.#connect(request, limit);
    if (!again.ok) return false;
    try {
      const second = await converse(again.value, line.value, limit);
      const killed = second.how === "exited" && second.code === 0;
      if (!killed) this.#log.warn({ host: request.name, nonce: request.nonce }, "a remote command could not be killed");
      return killed;
    } finally {
      again.value.destroy();
    }
  }

  async #connect({ name, host }: Request, signal: AbortSignal): Promise<Outcome<Client>> {
    const kept = this.#idle.get(name)?.[0];
    if (kept !== undefined) {
      kept.leave();
      return ok(kept.client);
    }
    const { knownHosts } = this.#config;
    let keys: Outcome<KnownHosts>;
    try {
      keys = KnownHosts.parse(readFileSync(knownHosts, "utf8"), knownHosts);
    } catch (error) {
      return fail("terminal", "known_hosts_unreadable", `${knownHosts}: ${reasonOf(error)}`);
    }
    if (!keys.ok) return keys;
    const identity = readIdentity(host.identity);
    return identity.ok
      ? await openConnection({ name, host, knownHosts: keys.value, identity: identity.value }, signal)
      : identity;
  }
}

/** The first half names the owner, so that the host knows it without being told anything of it. */
function nonceOf(owner: string | undefined): string {
  if (owner === undefined) return randomBytes(16).toString("hex");
  return createHash("sha256").update(owner).digest("hex").slice(0, 16) + randomBytes(8).toString("hex");
}

/** The host's login shell reads the line; with a forced command the same words go to the runner installed there. */
function lineFor(host: SshHost, words: readonly string[]): Outcome<string> {
  const line = shellLine(words);
  if (!line.ok || host.forcedCommand) return line;
  return ok(`exec sh -c ${singleQuoted(runnerText)} omega-run ${line.value}`);
}

/** A private key that others can read is no identity, as for ssh(1). */
function readIdentity(path: string): Outcome<Buffer> {
  try {
    if ((statSync(path).mode & 0o077) !== 0) {
      return fail("terminal", "identity_unusable", `${path}: others may read this private key; set its mode to 0600.`);
    }
    return ok(readFileSync(path));
  } catch (error) {
    return fail("terminal", "identity_unusable", `${path}: ${reasonOf(error)}`);
  }
}

function judged(request: Request, ended: Ended, late: string | undefined, killed: boolean): Outcome<RemoteResult> {
  const doubt = request.effect === "look" ? "retryable" : "unknown";
  const { name } = request;
  switch (ended.how) {
    case "refused":
      return fail("retryable", "busy", `${name} opened no channel: ${ended.reason}`);
    case "lost":
      return fail(
        doubt,
        "connection_lost",
        `The connection to ${name} was lost while the command ran; its deadline there stands.`,
      );
    case "stopped": {
      const fate = killed ? "its process group was killed" : "it could not be killed; its deadline there stands";
      if (late === undefined) return fail(doubt, "stopped", `The command on ${name} was stopped: ${fate}.`);
      return fail(doubt, "deadline_passed", `The command on ${name} did not end ${late}: ${fate}.`);
    }
    case "exited": {
      const { code: exitCode, stdout, stderr } = ended;
      if (exitCode === notRun) {
        const said = new RegExp(`^omega-run (?:${request.nonce}|none) ([a-z_]+)$`, "m").exec(stderr.text)?.[1];
        if (said !== undefined) return notRunBecause(name, said);
      }
      return ok({ exitCode, stdout, stderr });
    }
  }
}

/** The runner's exit status when it ran nothing. */
const notRun = 124;

function notRunBecause(name: string, said: string): Outcome<never> {
  switch (said) {
    case "changed":
      return fail("conflict", "changed", `The state on ${name} is no longer as it was looked at.`);
    case "guard_failed":
      return fail("terminal", "guard_failed", `The command that looks at the state failed on ${name}.`);
    case "fenced":
      return fail("unknown", "taken_back", `${name} begins nothing more of an action that was taken back.`);
    case "not_allowed":
      return fail("terminal", "not_allowed", `The forced command of ${name} does not allow this command.`);
    default:
      return fail("terminal", "runner_refused", `The runner on ${name} refused: ${said}.`);
  }
}
