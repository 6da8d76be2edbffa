import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { DiskReader } from "./disk-reader.ts";
import { encodeBase64 } from "./encoding.ts";
import { parseVerifierKey } from "./note-key.ts";
import { parsePolicy } from "./policy.ts";
import { type ShownCheckpoint, type Verdict, verifyLog, type VerifyOptions } from "./verify.ts";

/** The command line around `verifyLog`; also the end of the stand-alone `verifier.mjs`. */

const usage = `usage: node verifier.mjs LOGDIR --key VKEY [--checkpoint OLD]... [--policy FILE] [--json]

Verifies a tamper-evident log (c2sp.org/tlog-tiles) in a folder, offline, with nothing but Node.

  --key VKEY         verifier key of the log: <name>+<key id>+<base64>; may be left out when the policy names the log
  --checkpoint OLD   file with a checkpoint seen earlier or elsewhere, which the log has to begin with; any number
  --policy FILE      policy (c2sp.org/tlog-policy) whose quorum of witnesses must have cosigned the checkpoint
  --json             print the verdict as JSON

exit code: 0 the log is whole, 1 it is not, 2 the call was wrong, 3 a file could not be read
`;

const exitCodes = { whole: 0, broken: 1, misused: 2, unreadable: 3 } as const;

async function readOptions(args: readonly string[]): Promise<VerifyOptions & { readonly json: boolean }> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      key: { type: "string", multiple: true, default: [] },
      checkpoint: { type: "string", multiple: true, default: [] },
      policy: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const [folder, ...others] = positionals;
  if (folder === undefined || others.length > 0) throw new TypeError("give exactly one LOGDIR");
  const logs = values.key.map((vkey) => {
    const key = parseVerifierKey(vkey);
    if (!key.ok) throw new TypeError(`--key: ${key.reason}`);
    if (key.value.role !== "log") throw new TypeError(`--key: ${key.value.name} is not a log's key`);
    return key.value;
  });
  const policy = values.policy === undefined ? undefined : parsePolicy(await readFile(values.policy));
  if (policy !== undefined && !policy.ok) throw new TypeError(`${values.policy}: ${policy.reason}`);
  if (logs.length === 0 && (policy?.value.logs.length ?? 0) === 0)
    throw new TypeError("give --key, or a --policy with a log");
  const older: ShownCheckpoint[] = [];
  for (const name of values.checkpoint) older.push({ name, note: await readFile(name) });
  const files = new DiskReader(folder);
  return { files, logs, older, json: values.json, ...(policy && { policy: policy.value }) };
}

function describe(verdict: Verdict): string {
  if (!verdict.ok) {
    const { index, size, file, reason } = verdict.problem;
    const place = index === undefined ? (size === undefined ? "" : `size ${size}: `) : `entry ${index}: `;
    return `NOT OK: ${place}${file}: ${reason}\n`;
  }
  const { origin, size, root, checkpoint, begunBy } = verdict.value;
  const signers = checkpoint.note.signedBy.map(({ verifier }) => verifier.name).join(", ");
  const begins = begunBy.length === 0 ? "" : `, begins with ${begunBy.join(", ")}`;
  return `OK: ${origin}, ${size} entries, root ${encodeBase64(root)}, signed by ${signers}${begins}\n`;
}

function asJson(verdict: Verdict): string {
  if (!verdict.ok) return `${JSON.stringify({ ok: false, ...verdict.problem })}\n`;
  const { origin, size, root, checkpoint, begunBy } = verdict.value;
  const signedBy = checkpoint.note.signedBy.map(({ verifier }) => verifier.name);
  return `${JSON.stringify({ ok: true, origin, size, root: encodeBase64(root), signedBy, begunBy })}\n`;
}

/** Runs the command and returns its exit code. Prints to standard output, or to standard error when misused. */
export async function runVerifier(args: readonly string[]): Promise<number> {
  try {
    const options = await readOptions(args);
    const verdict = await verifyLog(options);
    process.stdout.write(options.json ? asJson(verdict) : describe(verdict));
    return verdict.ok ? exitCodes.whole : exitCodes.broken;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const misused = error instanceof TypeError;
    process.stderr.write(misused ? `${message}\n\n${usage}` : `${message}\n`);
    return misused ? exitCodes.misused : exitCodes.unreadable;
  }
}

if (import.meta.main) process.exitCode = await runVerifier(process.argv.slice(2));
