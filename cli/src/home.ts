import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the installation: the folder that holds `agents/` and `infra/`. */
export const installation = fileURLToPath(new URL("../../", import.meta.url));

/** Where one Omega keeps its state; `OMEGA_HOME`, else `.omega` in the working folder. */
export interface Home {
  readonly folder: string;
  readonly keys: string;
  readonly postmortems: string;
  readonly natsStore: string;
  /** The audit log, and the content that it only names. */
  readonly audit: string;
  readonly auditBlobs: string;
  /** Sign-in links and session key of the console. */
  readonly console: string;
  readonly logs: string;
  /** What is running, for the other commands. */
  readonly runFile: string;
}

export function homeAt(folder: string): Home {
  const root = resolve(folder);
  return {
    folder: root,
    keys: join(root, "keys"),
    postmortems: join(root, "postmortems"),
    natsStore: join(root, "nats"),
    audit: join(root, "audit"),
    auditBlobs: join(root, "audit-blobs"),
    console: join(root, "console"),
    logs: join(root, "run", "logs"),
    runFile: join(root, "run", "run.json"),
  };
}

export function homeOf(environment: Readonly<Record<string, string | undefined>>): Home {
  return homeAt(environment["OMEGA_HOME"] ?? ".omega");
}

export function makeHome(home: Home): void {
  mkdirSync(home.folder, { recursive: true, mode: 0o700 });
  for (const folder of [home.keys, home.postmortems, home.natsStore, home.logs]) mkdirSync(folder, { recursive: true });
}
