import { readFileSync, writeFileSync } from "node:fs";
import { encodeBase64 } from "@omega/tlog/encoding.ts";
import { parsePolicy, type Policy } from "@omega/tlog/policy.ts";
import { formatProof, parseProof, proveEntry, verifyProof } from "@omega/tlog/proof.ts";
import type { CommandContext } from "../commands/context.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { counted } from "@omega/shared/durations.ts";
import { printable } from "@omega/shared/terminal.ts";
import { AuditFolder, placesOf, type FolderOptions, type IndexedEntry } from "./audit-folder.ts";
import { verifyAudit } from "./verify-audit.ts";

export interface VerifyFlags extends FolderOptions {
  readonly checkpoint?: readonly string[];
  readonly policy?: string;
}

export interface ProofOptions extends FolderOptions {
  readonly out?: string;
}

export async function verify(context: CommandContext, options: VerifyFlags): Promise<number> {
  const places = placesOf(context, options);
  const older = (options.checkpoint ?? []).map((name) => ({ name, note: readOr(name) }));
  const policy = policyIn(options.policy);
  const verdict = await verifyAudit(places, { older, ...(policy === undefined ? {} : { policy }) });
  const { paint, say } = context;
  if (!verdict.ok) {
    const { index, size, file, reason } = verdict.problem;
    const place = index === undefined ? (size === undefined ? "" : `size ${size}: `) : `entry ${index}: `;
    if (options.json === true) say(JSON.stringify({ ok: false, ...verdict.problem }));
    else say(`${paint("bad", "NOT OK")}: ${place}${printable(file)}: ${printable(reason, 1000)}`);
    return exitCode.failed;
  }
  const { origin, size, root, checkpoint, begunBy } = verdict.value;
  const signedBy = checkpoint.note.signedBy.map(({ verifier }) => verifier.name);
  const { counts } = verdict;
  if (options.json === true) {
    say(JSON.stringify({ ok: true, origin, size, root: encodeBase64(root), signedBy, begunBy, ...counts }));
    return exitCode.ok;
  }
  say(`${paint("good", "OK")}: ${printable(origin)}, ${size} entries, root ${encodeBase64(root)}`);
  say(`signed by ${signedBy.map((name) => printable(name, 100)).join(", ")}`);
  say(
    `${counted(counts.events, "event")} signed by keys that may say them, ${counted(counts.incidents, "incident")} in order, no gap in the stream`,
  );
  if (counts.refused > 0)
    say(paint("warn", `${counted(counts.refused, "message")} that no key vouches for: Omega refused them at the time`));
  if (counts.erased > 0) say(`${counts.erased} with erased content`);
  if (counts.withheld > 0) say(`${counts.withheld} with content that is not here`);
  if (begunBy.length > 0) say(`begins with ${begunBy.join(", ")}`);
  return exitCode.ok;
}

export async function prove(context: CommandContext, which: string, options: ProofOptions): Promise<void> {
  const folder = await AuditFolder.open(context, options);
  const { index, bytes } = await findEntry(folder, which);
  const proof = await proveEntry(folder.tree(), index, folder.note);
  if (!proof.ok) throw new CommandFailure(exitCode.failed, `Entry ${index}: ${proof.reason}`);
  const file = options.out ?? `entry-${index}.tlog-proof`;
  writeFileSync(file, formatProof(proof.value));
  writeFileSync(`${file}.entry`, bytes);
  if (options.json === true) context.say(JSON.stringify({ index, proof: file, entry: `${file}.entry` }));
  else context.say(`Wrote ${file} and ${file}.entry. Check them with: omega audit check-proof ${file}`);
}

export async function verifyProofFile(
  context: CommandContext,
  file: string,
  options: FolderOptions & { readonly policy?: string },
): Promise<number> {
  const { verifiers } = placesOf(context, options);
  const parsed = parseProof(readOr(file));
  const trust = policyIn(options.policy) ?? verifiers;
  const checked = parsed.ok ? verifyProof(parsed.value, readOr(`${file}.entry`), trust) : parsed;
  const { paint, say } = context;
  if (!checked.ok || !parsed.ok) {
    const reason = checked.ok ? "" : checked.reason;
    if (options.json === true) say(JSON.stringify({ ok: false, reason }));
    else say(`${paint("bad", "NOT OK")}: ${printable(reason, 1000)}`);
    return exitCode.failed;
  }
  const { origin, size } = checked.value.checkpoint;
  const { index } = parsed.value;
  if (options.json === true) say(JSON.stringify({ ok: true, origin, size, index }));
  else
    say(
      `${paint("good", "OK")}: ${printable(file)}.entry is entry ${index} of ${printable(origin)}, signed at ${size} entries`,
    );
  return exitCode.ok;
}

async function findEntry(folder: AuditFolder, which: string): Promise<IndexedEntry> {
  if (/^[0-9]{1,15}$/.test(which)) return await folder.entry(Number(which));
  const seq = /^seq:([0-9]{1,15})$/.exec(which)?.[1];
  for await (const each of folder.entries()) {
    const { entry, bytes } = each;
    if (seq !== undefined ? entry.seq === Number(seq) : idOf(entry, bytes) === which) return each;
  }
  throw new CommandFailure(exitCode.failed, `The log has no entry ${printable(which, 140)}.`);
}

function idOf(entry: IndexedEntry["entry"], bytes: Uint8Array): string | undefined {
  if (entry.kind === "blob") return entry.about.id;
  const json: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
  const event: unknown = typeof json === "object" && json !== null && "event" in json ? json.event : undefined;
  const id: unknown = typeof event === "object" && event !== null && "id" in event ? event.id : undefined;
  return typeof id === "string" ? id : undefined;
}

function policyIn(path: string | undefined): Policy | undefined {
  if (path === undefined) return undefined;
  const policy = parsePolicy(readOr(path));
  if (!policy.ok) throw new CommandFailure(exitCode.config, `${path}: ${policy.reason}`);
  return policy.value;
}

function readOr(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CommandFailure(exitCode.unavailable, error instanceof Error ? error.message : String(error));
  }
}
