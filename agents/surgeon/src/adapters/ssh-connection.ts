import { fail, ok, reasonOf, type Outcome } from "@omega/shared/outcome.ts";
import type { Client, ClientChannel, ServerHostKeyAlgorithm } from "ssh2";
import { CappedOutput, type Output } from "../ssh/capped-output.ts";
import type { KnownHosts } from "../ssh/known-hosts.ts";
import type { SshHost } from "../ssh/ssh-config.ts";

/** A daemon that the command started may keep its output open; what matters is that the command ended. */
const closeGraceMs = 1000;

export interface ConnectionSetting {
  readonly name: string;
  readonly host: SshHost;
  readonly knownHosts: KnownHosts;
  readonly identity: Buffer;
}

/** Logs in on a host whose key is pinned. A failure here means that nothing was run. */
export async function openConnection(setting: ConnectionSetting, signal: AbortSignal): Promise<Outcome<Client>> {
  const { name, host, knownHosts, identity } = setting;
  const { address, port, user, connectMs } = host;
  const known = knownHosts.keyTypes(address, port);
  if (known.length === 0)
    return fail("terminal", "host_key_unknown", `No host key is pinned for ${name} (${address} port ${port}).`);
  // Loaded at the first connection: a Surgeon without hosts does not pay its memory.
  const { default: ssh2 } = await import("ssh2");
  const key = ssh2.utils.parseKey(identity);
  if (key instanceof Error) return fail("terminal", "identity_unusable", `${host.identity}: ${key.message}`);
  const { promise, resolve } = Promise.withResolvers<Outcome<Client>>();
  const client = new ssh2.Client();
  let judgement: Outcome<void> = ok();
  const giveUp = (): void => resolve(fail("retryable", "unreachable", `${name}: stopped before the login.`));
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();
  client.on("ready", () => resolve(ok(client)));
  // This listener stays: an error after the login ends the channels, which tell of it themselves.
  client.on("error", (error: Error & { level?: string }) => {
    if (!judgement.ok) resolve(judgement);
    else if (error.level === "client-authentication")
      resolve(fail("terminal", "login_refused", `${name} refused the key of ${user}.`));
    else resolve(fail("retryable", "unreachable", `${name}: ${reasonOf(error)}`));
  });
  client.on("close", () =>
    resolve(judgement.ok ? fail("retryable", "unreachable", `${name} closed the connection.`) : judgement),
  );
  try {
    client.connect({
      host: address,
      port,
      username: user,
      privateKey: identity,
      authHandler: ["publickey"],
      readyTimeout: connectMs,
      keepaliveInterval: 5000,
      keepaliveCountMax: 3,
      agentForward: false,
      algorithms: { serverHostKey: pinnedFirst(known) },
      hostVerifier: (shown: Buffer): boolean => {
        judgement = knownHosts.judge(address, port, shown);
        return judgement.ok;
      },
    });
  } catch (error) {
    resolve(fail("terminal", "connection_refused_here", `${name}: ${reasonOf(error)}`));
  }
  const opened = await promise;
  signal.removeEventListener("abort", giveUp);
  if (!opened.ok) client.destroy();
  return opened;
}

const signatureTypes: readonly ServerHostKeyAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];

/** Asks for a key of a pinned type first; of another type it will be a mismatch that can be told with its fingerprint. */
function pinnedFirst(known: readonly string[]): ServerHostKeyAlgorithm[] {
  const isPinned = (type: string): boolean => known.includes(type.startsWith("rsa-") ? "ssh-rsa" : type);
  return [...signatureTypes.filter(isPinned), ...signatureTypes.filter((type) => !isPinned(type))];
}

export type Ended =
  | { readonly how: "exited"; readonly code: number; readonly stdout: Output; readonly stderr: Output }
  /** No channel: nothing was run. */
  | { readonly how: "refused"; readonly reason: string }
  | { readonly how: "lost" }
  | { readonly how: "stopped" };

/** Runs one line in a channel of its own until it ends, the connection is lost or `stop` aborts (which kills nothing there). */
export async function converse(client: Client, line: string, stop: AbortSignal): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const onStop = (): void => resolve({ how: "stopped" });
  const onLost = (): void => resolve({ how: "lost" });
  stop.addEventListener("abort", onStop, { once: true });
  client.once("close", onLost);
  if (stop.aborted) onStop();
  else {
    try {
      client.exec(line, { pty: false }, (error, channel) => {
        if (error === undefined) follow(channel, resolve);
        // Only an answer of the server proves that nothing was run; without one the request may have arrived.
        else if ("reason" in error || error.message === "Unable to exec")
          resolve({ how: "refused", reason: reasonOf(error) });
        else resolve({ how: "lost" });
      });
    } catch {
      // ssh2 throws when the connection is gone already.
      resolve({ how: "refused", reason: "the connection is gone" });
    }
  }
  const ended = await promise;
  stop.removeEventListener("abort", onStop);
  client.removeListener("close", onLost);
  return ended;
}

function follow(channel: ClientChannel, resolve: (ended: Ended) => void): void {
  const stdout = new CappedOutput();
  const stderr = new CappedOutput();
  let exitCode: number | undefined;
  let over = false;
  const finish = (): void => {
    if (over) return;
    over = true;
    // A channel that closes without an exit status was cut off, or its runner was killed by a signal.
    if (exitCode === undefined) resolve({ how: "lost" });
    else resolve({ how: "exited", code: exitCode, stdout: stdout.end(), stderr: stderr.end() });
  };
  channel.on("data", (chunk: Buffer) => over || stdout.add(chunk));
  channel.stderr.on("data", (chunk: Buffer) => over || stderr.add(chunk));
  channel.on("exit", (code: number | null) => {
    if (code === null) return;
    exitCode = code;
    setTimeout(finish, closeGraceMs).unref();
  });
  channel.on("close", finish);
  channel.end();
}
