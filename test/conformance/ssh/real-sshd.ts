import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const sshdPath = "/usr/sbin/sshd";

/** Why there is no sshd to test with, or nothing. */
export function sshdMissing(): string | undefined {
  if (!existsSync(sshdPath)) return `no ${sshdPath}: install openssh-server`;
  if (process.getuid?.() === 0 && !existsSync("/run/sshd")) mkdirSync("/run/sshd", { mode: 0o755 });
  return undefined;
}

/** OpenSSH's server on a free port of this machine, with a host key, a login key and an authorized_keys file of its own. */
export class RealSshd {
  readonly folder: string;
  readonly port: number;
  readonly user = userInfo().username;
  readonly identity: string;
  readonly knownHosts: string;
  readonly #process: ChildProcess;

  private constructor(folder: string, port: number, process: ChildProcess) {
    this.folder = folder;
    this.port = port;
    this.identity = join(folder, "login");
    this.knownHosts = join(folder, "known_hosts");
    this.#process = process;
  }

  /** `keyOptions` stand before the login key, as in `command="…",restrict`; `{folder}` in them is the server's folder. */
  static async start(keyOptions = ""): Promise<RealSshd> {
    const folder = mkdtempSync(join(tmpdir(), "omega-sshd-"));
    for (const name of ["host", "login", "stranger"]) {
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(folder, name)]);
    }
    const login = readFileSync(join(folder, "login.pub"), "utf8");
    const options = keyOptions.replaceAll("{folder}", folder);
    writeFileSync(join(folder, "authorized_keys"), `${options}${options === "" ? "" : " "}${login}`, { mode: 0o600 });
    const port = await freePort();
    const settings = [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${join(folder, "host")}`,
      `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
      `PidFile ${join(folder, "pid")}`,
      "StrictModes no",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "UsePAM no",
      // Nothing of this machine's own login files runs.
      `SetEnv HOME=${folder}`,
      "PermitRootLogin prohibit-password",
      "MaxStartups 100",
      "LogLevel ERROR",
    ];
    writeFileSync(join(folder, "sshd_config"), `${settings.join("\n")}\n`);
    const server = spawn(sshdPath, ["-D", "-e", "-f", join(folder, "sshd_config")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    server.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const sshd = new RealSshd(folder, port, server);
    const giveUpAt = Date.now() + 30_000;
    while (!existsSync(join(folder, "pid"))) {
      if (server.exitCode !== null || Date.now() > giveUpAt) assert.fail(`sshd does not start: ${said}`);
      await delay(20);
    }
    writeFileSync(sshd.knownHosts, `[127.0.0.1]:${port} ${sshd.hostKey()}`);
    return sshd;
  }

  /** Type and key, as a known_hosts line ends. */
  hostKey(name = "host"): string {
    return `${readFileSync(join(this.folder, `${name}.pub`), "utf8")
      .split(" ")
      .slice(0, 2)
      .join(" ")}\n`;
  }

  /** What a host of Surgeon's configuration needs to log in here. */
  host(): { address: string; port: number; user: string; identity: string } {
    return { address: "127.0.0.1", port: this.port, user: this.user, identity: this.identity };
  }

  /** Cuts every session off, as a crashed network does: the servers of the connections die, the commands do not. */
  dropConnections(): void {
    for (const pid of childrenOf(this.#process.pid ?? 0)) {
      for (const below of [pid, ...childrenOf(pid).filter((child) => nameOf(child).startsWith("sshd"))])
        process.kill(below, "SIGKILL");
    }
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#process.once("exit", resolve));
    this.dropConnections();
    this.#process.kill("SIGTERM");
    await gone;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function childrenOf(pid: number): number[] {
  try {
    const list = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return list.split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8");
  } catch {
    return "";
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
