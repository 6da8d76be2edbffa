import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createLog } from "@omega/shared/log.ts";
import { SshClient } from "../../../agents/surgeon/src/adapters/ssh-client.ts";
import type { KubernetesApi, Clients } from "../../../agents/surgeon/src/ports.ts";
import type { RemoteShell } from "../../../agents/surgeon/src/ssh/remote-shell.ts";
import { allowListFor } from "../../../agents/surgeon/src/ssh/allow-list.ts";
import { sshConfigSchema, type SshConfig } from "../../../agents/surgeon/src/ssh/ssh-config.ts";
import type { RealSshd } from "../ssh/real-sshd.ts";
import type { Arranged, Watch } from "./kit.ts";

/** A service script as of old: knows start, stop, restart, status, instance and check, and keeps a real process. */
const serviceScript = `#!/bin/sh
pid=$2/pid
alive() { [ -s "$pid" ] && kill -0 "$(cut -d: -f1 "$pid")" 2>/dev/null; }
stop() { alive && kill -9 "$(cut -d: -f1 "$pid")"; rm -f "$pid"; }
case $1 in
  check) [ -d "$2" ] ;;
  active) alive ;;
  instance) if alive; then cat "$pid"; else echo; fi ;;
  restart) stop; sleep 600 </dev/null >/dev/null 2>&1 & echo "$!:$(date +%s%N)" >"$pid" ;;
  stop) stop ;;
esac
`;

let made = 0;

/** Places on the host of a real sshd that SSH actions change. */
export class SshWorld {
  readonly #sshd: RealSshd;
  readonly #forcedCommand: boolean;
  readonly #script: string;
  readonly #services: string[] = [];
  readonly #clients = new Map<SshConfig, SshClient>();
  /** A folder on a second file system. */
  readonly #otherDisk = mkdtempSync("/dev/shm/omega-quarantine-");

  constructor(sshd: RealSshd, forcedCommand = false) {
    this.#sshd = sshd;
    this.#forcedCommand = forcedCommand;
    this.#script = join(sshd.folder, "service");
    writeFileSync(this.#script, serviceScript, { mode: 0o755 });
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    for (const folder of this.#services) this.script("stop", folder);
    rmSync(this.#otherDisk, { recursive: true, force: true });
  }

  /** A file that holds a mode, and a template that sets it. */
  command(): Arranged {
    const folder = this.#fresh();
    const file = join(folder, "mode");
    writeFileSync(file, "it's slow\n");
    const set = ["sh", "-c", '[ "$1" = -- ] && printf "%s\\n" "$2" >"$3"', "set-mode"];
    const config = this.config({
      roots: { work: this.#sshd.folder },
      commands: {
        "set-mode": {
          says: "sets the mode",
          hosts: ["here"],
          params: { mode: { type: "text", pattern: "[ -~]+" }, file: { type: "path", root: "work" } },
          check: ["test", "-w", "{file}"],
          before: ["cat", "--", "{file}"],
          run: [...set, "--", "{mode}", "{file}"],
          after: "{mode}",
          undo: [...set, "--", "{before}", "{file}"],
        },
      },
    });
    const values = { mode: `$(touch ${folder}/x); "fast" 'er' -`, file: file.slice(this.#sshd.folder.length + 1) };
    return {
      params: { host: "here", template: "set-mode", values },
      clients: (watch) => this.clients(config, watch),
      world: () => Promise.resolve(readFileSync(file, "utf8")),
      foreignChange: () => Promise.resolve(writeFileSync(file, "somebody else's\n")),
    };
  }

  /** A service that runs, or does not. */
  service(running: boolean): Arranged {
    const folder = this.#fresh();
    const call = (verb: string): string[] => [this.#script, verb, folder];
    const config = this.config({
      services: {
        shop: {
          hosts: ["here"],
          check: call("check"),
          active: call("active"),
          instance: call("instance"),
          restart: call("restart"),
          stop: call("stop"),
        },
      },
    });
    this.#services.push(folder);
    if (running) this.script("restart", folder);
    return {
      params: { host: "here", service: "shop" },
      clients: (watch) => this.clients(config, watch),
      // The run that ended does not come back: what is restored is whether there is one.
      world: () => Promise.resolve({ active: existsSync(join(folder, "pid")) }),
      foreignChange: () => Promise.resolve(this.script("stop", folder)),
    };
  }

  /** A folder with old and new files of several names. */
  disk(): Arranged {
    const folder = this.#fresh();
    const logs = join(folder, "logs");
    mkdirSync(join(logs, "deep er"), { recursive: true });
    const old = ["a.log", "deep er/it's $(b).log", "-rf.log"];
    for (const name of [...old, "keep.txt"]) {
      writeFileSync(join(logs, name), name.repeat(1000), { mode: 0o640 });
      utimesSync(join(logs, name), 1_700_000_000.25, 1_700_000_000.25);
    }
    writeFileSync(join(logs, "new.log"), "new");
    const quarantine = join(this.#otherDisk, String(made));
    mkdirSync(quarantine);
    const config = this.config({
      disks: { logs: { hosts: ["here"], path: logs, names: ["*.log"], olderThanMinutes: 60, quarantine } },
    });
    return {
      params: { host: "here", disk: "logs" },
      clients: (watch) => this.clients(config, watch),
      world: () => Promise.resolve({ logs: contentsOf(logs), quarantine: contentsOf(quarantine) }),
      foreignChange: () => Promise.resolve(writeFileSync(join(logs, "deep er", "it's $(b).log"), "a new one")),
    };
  }

  /** With a forced command, the host gets the list of what this configuration may run, and nothing else runs. */
  config(more: object): SshConfig {
    const host = { ...this.#sshd.host(), forcedCommand: this.#forcedCommand };
    const config = sshConfigSchema.parse({ knownHosts: this.#sshd.knownHosts, hosts: { here: host }, ...more });
    if (this.#forcedCommand) appendFileSync(join(this.#sshd.folder, "allow"), allowListFor(config, "here"));
    return config;
  }

  clients(config: SshConfig, watch: Watch): Clients {
    const real = this.#clients.get(config) ?? new SshClient(config, createLog("conformance", "fatal"));
    this.#clients.set(config, real);
    const shell: RemoteShell = {
      run: (command, signal) => watch.call(command.effect === "change", () => real.run(command, signal)),
    };
    return {
      kubernetes: noKubernetes,
      ssh: { config, shell },
      webhooks: { config: { targets: {} }, http: { send: refuse } },
    };
  }

  script(verb: string, folder: string): void {
    const done = spawnSync(this.#script, [verb, folder], { stdio: "ignore" });
    if (done.status !== 0) throw new Error(`${verb} of the service script failed`);
  }

  #fresh(): string {
    made += 1;
    const folder = join(this.#sshd.folder, `place-${made}`);
    mkdirSync(folder);
    return folder;
  }
}

const refuse = (): never => {
  throw new Error("an SSH action uses nothing but SSH");
};
export const noKubernetes: KubernetesApi = { get: refuse, list: refuse, patch: refuse, evict: refuse };

/** Content, mode and time of every file below a folder. */
export function contentsOf(folder: string): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mode, mtimeMs, uid, gid } = statSync(path);
    found[path.slice(folder.length)] = {
      text: readFileSync(path, "utf8"),
      mode,
      uid,
      gid,
      mtimeMs: Math.floor(mtimeMs),
    };
  }
  return found;
}
