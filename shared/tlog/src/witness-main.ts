import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { DiskFiles } from "./files.ts";
import {
  formatVerifierKey,
  generateKey,
  type NoteSigner,
  type NoteVerifier,
  parseSignerKey,
  parseVerifierKey,
} from "./note-key.ts";
import { witnessServer } from "./witness-server.ts";
import { Witness } from "./witness.ts";

/** A witness as a process of its own, to be run under an account, or better on a machine, that the log's owner cannot use. */

const usage = `usage: node witness-main.ts --state DIR --key-file FILE [--name NAME] --log VKEY [--log VKEY]... [--listen HOST:PORT]

  --state DIR       where the last cosigned checkpoints are kept; losing it means cosigning anything once more
  --key-file FILE   the witness's signer key; made, with mode 0600, if --name is given and there is none
  --log VKEY        verifier key of a log to watch over
  --listen          default 127.0.0.1:0, a free port

Prints one line with its verifier key and URL, then serves POST /add-checkpoint until it gets SIGTERM or SIGINT.
`;

function fail(message: string): never {
  process.stderr.write(`${message}\n\n${usage}`);
  process.exit(2);
}

async function readSigner(path: string, name: string | undefined): Promise<NoteSigner> {
  if (name !== undefined) {
    const key = generateKey(name, "witness");
    if (!key.ok) return fail(`--name: ${key.reason}`);
    await mkdir(dirname(path), { recursive: true });
    // Only ever created, so that starting a second time keeps the key.
    await writeFile(path, `${key.value.skey}\n`, { mode: 0o600, flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
  const signer = parseSignerKey((await readFile(path, "utf8")).trim(), () => Date.now() / 1000);
  if (!signer.ok) return fail(`${path}: ${signer.reason}`);
  return signer.value.verifier.role === "witness" ? signer.value : fail(`${path}: not the key of a witness`);
}

function readLogs(vkeys: readonly string[]): NoteVerifier[] {
  if (vkeys.length === 0) fail("give at least one --log");
  return vkeys.map((vkey) => {
    const key = parseVerifierKey(vkey);
    if (!key.ok) return fail(`--log: ${key.reason}`);
    return key.value.role === "log" ? key.value : fail(`--log: ${key.value.name} is not the key of a log`);
  });
}

const { values } = parseArgs({
  options: {
    state: { type: "string" },
    "key-file": { type: "string" },
    name: { type: "string" },
    log: { type: "string", multiple: true, default: [] },
    listen: { type: "string", default: "127.0.0.1:0" },
  },
});
if (values.state === undefined) fail("--state is missing");
if (values["key-file"] === undefined) fail("--key-file is missing");
const [, host = "", port = ""] = /^(.*):([0-9]+)$/.exec(values.listen) ?? fail("--listen is HOST:PORT");

const files = new DiskFiles(values.state);
await files.makeFolder(".");
const signer = await readSigner(values["key-file"], values.name);
const witness = new Witness({ files, signer, logs: readLogs(values.log), writer: randomUUID() });
const server = witnessServer(witness, (error) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
});
server.listen(Number(port), host);
await once(server, "listening");
const address = server.address() as AddressInfo;
process.stdout.write(`${formatVerifierKey(signer.verifier)} http://${host}:${address.port}\n`);
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => server.close());
