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
import type { JsonObject } from "../../../agents/surgeon/src/kubernetes/json-pointer.ts";
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

/** When the files were made that are not old, in seconds since 1970. */
const newSince = Math.floor(Date.now() / 1000);
let made = 0;

/** A place with what others than Omega may do to it. Everything of its own is told apart from what lies beside it. */
export interface SshPlace extends Arranged {
  readonly params: JsonObject;
  /** What Surgeon's `ssh` configuration must hold, beside the hosts. */
  readonly templates: SshTemplates;
  /** A file with a line for each time that its command ran, in milliseconds since the epoch; only of commands that note it. */
  readonly ranAt?: string;
  /** Somebody changes something beside what the action sets. */
  readonly otherChange: () => void;
  readonly beside: () => unknown;
  readonly remove: () => void;
  /** As it was arranged, and not the same. */
  readonly recreate: () => void;
}

export type SshTemplates = Readonly<Partial<Record<"roots" | "commands" | "services" | "disks", object>>>;

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
    for (const folder of this.#services) if (existsSync(folder)) this.script("stop", folder);
    rmSync(this.#otherDisk, { recursive: true, force: true });
  }

  /** A file that holds a mode, and a template that sets it. */
  command(): SshPlace {
    const folder = this.#fresh();
    const file = join(folder, "mode");
    const arrange = (): void => writeFileSync(file, "it's slow\n");
    arrange();
    const ranAt = join(folder, "ran-at");
    const name = `set-mode-${made}`;
    const set = [
      "sh",
      "-c",
      '[ "$1" = -- ] && date +%s%3N >>"${3%/*}/ran-at" && printf "%s\\n" "$2" >"$3"',
      "set-mode",
    ];
    const templates = {
      roots: { work: this.#sshd.folder },
      commands: {
        [name]: {
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
    };
    const values = { mode: `$(touch ${folder}/x); "fast" 'er' -`, file: file.slice(this.#sshd.folder.length + 1) };
    return {
      params: { host: "here", template: name, values },
      templates,
      ranAt,
      clients: this.#clientsFor(templates),
      world: () => Promise.resolve(existsSync(file) ? readFileSync(file, "utf8") : undefined),
      foreignChange: () => Promise.resolve(writeFileSync(file, "somebody else's\n")),
      ...strangers(folder, () => rmSync(file, { force: true }), arrange),
    };
  }

  /** A service that runs, or does not. */
  service(running: boolean): SshPlace {
    const folder = this.#fresh();
    const name = `shop-${made}`;
    const call = (verb: string): string[] => [this.#script, verb, folder];
    const templates = {
      services: {
        [name]: {
          hosts: ["here"],
          check: call("check"),
          active: call("active"),
          instance: call("instance"),
          restart: call("restart"),
          stop: call("stop"),
        },
      },
    };
    this.#services.push(folder);
    const arrange = (): void => {
      mkdirSync(folder, { recursive: true });
      if (running) this.script("restart", folder);
    };
    arrange();
    const remove = (): void => {
      this.script("stop", folder);
      rmSync(folder, { recursive: true });
    };
    return {
      params: { host: "here", service: name },
      templates,
      clients: this.#clientsFor(templates),
      // The run that ended does not come back: what is restored is whether there is one.
      world: () => Promise.resolve({ active: existsSync(join(folder, "pid")) }),
      foreignChange: () => Promise.resolve(this.script("stop", folder)),
      ...strangers(folder, remove, arrange),
    };
  }

  /** A folder with old and new files of several names. */
  disk(): SshPlace {
    const logs = join(this.#fresh(), "logs");
    const name = `logs-${made}`;
    const quarantine = join(this.#otherDisk, String(made));
    mkdirSync(quarantine);
    const arrange = (): void => {
      mkdirSync(join(logs, "deep er"), { recursive: true });
      const old = ["a.log", "deep er/it's $(b).log", "-rf.log"];
      for (const file of [...old, "keep.txt"]) {
        writeFileSync(join(logs, file), file.repeat(1000), { mode: 0o640 });
        utimesSync(join(logs, file), 1_700_000_000.25, 1_700_000_000.25);
      }
      writeFileSync(join(logs, "new.log"), "new");
      utimesSync(join(logs, "new.log"), newSince, newSince);
    };
    arrange();
    const templates = {
      disks: { [name]: { hosts: ["here"], path: logs, names: ["*.log"], olderThanMinutes: 60, quarantine } },
    };
    return {
      params: { host: "here", disk: name },
      templates,
      clients: this.#clientsFor(templates),
      world: () => Promise.resolve({ logs: contentsOf(logs), quarantine: contentsOf(quarantine) }),
      foreignChange: () => Promise.resolve(writeFileSync(join(logs, "deep er", "it's $(b).log"), "a new one")),
      ...strangers(join(logs, ".."), () => rmSync(logs, { recursive: true, force: true }), arrange),
    };
  }

  /** With a forced command, the host gets the list of what this configuration may run, and nothing else runs. */
  config(more: object): SshConfig {
    const host = { ...this.#sshd.host(), forcedCommand: this.#forcedCommand };
    const config = sshConfigSchema.parse({ knownHosts: this.#sshd.knownHosts, hosts: { here: host }, ...more });
    if (this.#forcedCommand) appendFileSync(join(this.#sshd.folder, "allow"), allowListFor(config, "here"));
    return config;
  }

  #clientsFor(templates: SshTemplates): (watch: Watch) => Clients {
    const config = this.config(templates);
    return (watch) => this.clients(config, watch);
  }

  clients(config: SshConfig, watch: Watch): Clients {
    const real = this.#clients.get(config) ?? new SshClient(config, createLog("conformance", "fatal"));
    this.#clients.set(config, real);
    const shell: RemoteShell = {
      run: (command, signal) => watch.call(command.effect === "change", () => real.run(command, signal)),
      fence: (host, owner, signal) => real.fence(host, owner, signal),
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

/** What others do to a place below this folder. */
function strangers(
  folder: string,
  remove: () => void,
  arrange: () => void,
): Pick<SshPlace, "otherChange" | "beside" | "remove" | "recreate"> {
  const beside = join(folder, "somebody-s.note");
  return {
    otherChange: () => writeFileSync(beside, "not Omega's"),
    beside: () => ({ folder: existsSync(folder), note: existsSync(beside) }),
    remove,
    recreate() {
      remove();
      arrange();
    },
  };
}

const refuse = (): never => {
  throw new Error("an SSH action uses nothing but SSH");
};
export const noKubernetes: KubernetesApi = { get: refuse, list: refuse, patch: refuse, evict: refuse };

/** Content, mode and time of every file below a folder; nothing of one that is not there. */
export function contentsOf(folder: string): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  if (!existsSync(folder)) return found;
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
