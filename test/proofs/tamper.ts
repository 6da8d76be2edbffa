import { CrashFiles } from "@omega/tlog/crash-files.ts";
import { encodeUtf8 } from "@omega/tlog/encoding.ts";
import { formatVerifierKey, type NoteVerifier } from "@omega/tlog/note-key.ts";
import { openLog } from "@omega/tlog/open-log.ts";
import { parsePolicy, type Policy } from "@omega/tlog/policy.ts";
import { newSigner } from "@omega/tlog/test-keys.ts";
import { formatBundle, formatTile, splitBundle, splitTile } from "@omega/tlog/tiles.ts";
import { type ShownCheckpoint, type Verdict, verifyLog } from "@omega/tlog/verify.ts";
import { WitnessClient } from "@omega/tlog/witness-client.ts";
import { Witness } from "@omega/tlog/witness.ts";
import type { ProofResult, Report } from "./contract.ts";

export const about = "every change to an audit log of 40 entries is found, at the right place";

/**
 * The log: two batches of 24 and 16 entries, cosigned by a witness. For each attack the right answer is defined beforehand:
 *
 * - a changed, missing or cut entry or hash, in any file: the index of that entry;
 * - an entry put in, taken out or swapped in a bundle alone: the first index from which on entries are not what they were;
 * - entries and hashes changed together, so that only signatures tell: the smallest signed size that covers the change;
 *   where fewer entries than signed are left, the first missing index, unless such a size comes before it;
 * - the checkpoint or the writer's state changed: that file; a state that names a larger size: the first entry that is not there;
 * - the log cut or forked and signed again with its own key: with an older checkpoint, the first missing index or the size
 *   of that checkpoint; with a policy, the checkpoint that lacks its cosignature, and a refusal from the witness.
 */
const counts = [24, 16] as const;
const size = 40;
const origin = "audit.example/log";

type Folder = Map<string, Uint8Array>;

interface Answer {
  readonly index?: number;
  readonly size?: number;
  readonly file?: string;
}

interface Attack {
  readonly name: string;
  readonly folder: Folder;
  /** Any of these is right. */
  readonly right: readonly Answer[];
}

function entryAt(index: number): Uint8Array {
  return encodeUtf8(`event ${index}${"!".repeat(index % 4)}`);
}

const entries = Array.from({ length: size }, (_, index) => entryAt(index));
const logSigner = newSigner(origin, "log");
const witnessSigner = newSigner("witness.example/one", "witness");
const witness = new Witness({
  files: new CrashFiles(),
  signer: witnessSigner,
  logs: [logSigner.verifier],
  writer: "one",
});

/** The client's `fetch`, led straight to the witness in this process. */
const toWitness: typeof fetch = async (_url, init) => {
  if (typeof init?.body !== "string") throw new TypeError("the witness protocol sends text");
  const { status, contentType, body } = await witness.addCheckpoint(encodeUtf8(init.body));
  return new Response(body, { status, headers: { "content-type": contentType } });
};

/** A verifier that answers a question asked before from memory; a million verdicts ask mostly the same ones. */
function remembering(verifier: NoteVerifier): NoteVerifier {
  const answers = new Map<string, boolean>();
  return {
    ...verifier,
    verify: (text, signature) => {
      const question = `${text}\n${Buffer.from(signature).toString("base64")}`;
      const answer = answers.get(question) ?? verifier.verify(text, signature);
      if (answers.size < 10_000) answers.set(question, answer);
      return answer;
    },
  };
}

function makePolicy(): Policy {
  const lines = [
    `log ${formatVerifierKey(logSigner.verifier)}`,
    `witness one ${formatVerifierKey(witnessSigner.verifier)} http://witness.example`,
    "quorum one\n",
  ];
  const parsed = parsePolicy(encodeUtf8(lines.join("\n")));
  if (!parsed.ok) throw new Error(parsed.reason);
  const { logs, witnesses, quorum } = parsed.value;
  const verifier = remembering(witnessSigner.verifier);
  return {
    logs: logs.map((log) => ({ ...log, verifier: remembering(log.verifier) })),
    witnesses: witnesses.map((one) => ({ ...one, verifier })),
    quorum: quorum.kind === "witness" ? { ...quorum, verifier } : quorum,
  };
}

interface Written {
  readonly folder: Folder;
  readonly older: readonly ShownCheckpoint[];
  /** What the witness said to the last checkpoint. */
  readonly cosigned: boolean;
  readonly contradicted: boolean;
}

/** Writes a log with the log's own key, as its owner does, and asks the witness to cosign where told. */
async function writeLog(contents: readonly Uint8Array[], batches: readonly number[], ask: boolean): Promise<Written> {
  const files = new CrashFiles();
  const opened = await openLog({ files, signer: logSigner });
  if (!opened.ok) throw new Error(opened.failure.message);
  const log = opened.value;
  const older: ShownCheckpoint[] = [];
  let kind = "unasked";
  for (const [at, count] of batches.entries()) {
    const appended = await log.append(contents.slice(log.size, log.size + count));
    if (!appended.ok) throw new Error(appended.failure.message);
    older.push({ name: `shown ${log.size}`, note: encodeUtf8(appended.value.checkpoint) });
    if (!ask || at < batches.length - 1) continue;
    const client = new WitnessClient({ fetch: toWitness });
    const [target] = makePolicy().witnesses;
    if (target === undefined) throw new Error("the policy has a witness");
    const reply = await client.ask(target, log.tree(), log.checkpoint);
    kind = reply.kind;
    if (reply.kind === "cosigned") await log.attach(reply.lines, [witnessSigner.verifier]);
  }
  await log.close();
  return { folder: files.snapshot(), older, cosigned: kind === "cosigned", contradicted: kind === "contradicted" };
}

function verify(folder: Folder, policy: Policy | undefined, older: readonly ShownCheckpoint[] = []): Promise<Verdict> {
  const read = async (path: string): Promise<Uint8Array | undefined> => folder.get(path);
  const list = async (at: string): Promise<string[]> =>
    [...folder.keys()].filter((path) => path.startsWith(`${at}/`)).map((path) => path.slice(at.length + 1));
  return verifyLog({ files: { read, list }, logs: [logSigner.verifier], older, ...(policy && { policy }) });
}

function change(folder: Folder, path: string, bytes: Uint8Array | undefined): Folder {
  const changed = new Map(folder);
  if (bytes === undefined) changed.delete(path);
  else changed.set(path, bytes);
  return changed;
}

/** The entry that a byte of a file belongs to, or `undefined` for files that hold no entries. */
function entryOfByte(path: string, offset: number): number | undefined {
  if (path.startsWith("tile/0/")) return Math.floor(offset / 32);
  if (!path.startsWith("tile/entries/")) return undefined;
  let end = 0;
  return entries.findIndex((entry) => (end += 2 + entry.length) > offset);
}

function rightOfByte(path: string, offset: number): Answer[] {
  const index = entryOfByte(path, offset);
  if (index !== undefined) return [{ index, file: path }];
  return path.startsWith("state/") ? [{ file: path }, { index: size }] : [{ file: path }];
}

function* edits(folder: Folder): Generator<Attack> {
  for (const [path, bytes] of folder) {
    for (let offset = 0; offset < bytes.length; offset++) {
      const right = rightOfByte(path, offset);
      for (let flip = 1; flip < 256; flip++) {
        const edited = Uint8Array.from(bytes);
        edited[offset] = (edited[offset] ?? 0) ^ flip;
        yield { name: `edit ${path} at ${offset} by ${flip}`, folder: change(folder, path, edited), right };
      }
    }
  }
}

function* cutFiles(folder: Folder): Generator<Attack> {
  for (const [path, bytes] of folder) {
    for (let length = 0; length < bytes.length; length++) {
      const cut = change(folder, path, bytes.slice(0, length));
      yield { name: `cut ${path} to ${length}`, folder: cut, right: rightOfByte(path, length) };
    }
  }
}

/** All files rewritten to hold these entries, the signed ones left as they are: what somebody without the key can do. */
function rewrite(folder: Folder, written: Folder): Folder {
  const kept = [...folder].filter(([path]) => !path.startsWith("tile/"));
  return new Map([...kept, ...[...written].filter(([path]) => path.startsWith("tile/"))]);
}

/** Where only signatures tell: the smallest signed size beyond the first changed entry. */
function signedBeyond(index: number): number {
  return index < counts[0] ? counts[0] : size;
}

const bundlePath = "tile/entries/000.p/40";
const tilePath = "tile/0/000.p/40";

function* reorderings(folder: Folder): Generator<Attack> {
  const bundle = splitBundle(folder.get(bundlePath) ?? new Uint8Array(0)).entries;
  const hashes = splitTile(folder.get(tilePath) ?? new Uint8Array(0)).hashes;
  const swapped = <T>(list: readonly T[], i: number, j: number): T[] => {
    const [a, b] = [list[i], list[j]];
    return a === undefined || b === undefined ? [...list] : list.with(i, b).with(j, a);
  };
  for (let i = 0; i < size; i++) {
    for (let j = i + 1; j < size; j++) {
      const inBundle = change(folder, bundlePath, formatBundle(swapped(bundle, i, j)));
      yield { name: `swap ${i} and ${j}`, folder: inBundle, right: [{ index: i, file: bundlePath }] };
      const inBoth = change(inBundle, tilePath, formatTile(swapped(hashes, i, j)));
      // The older partial files still have the first 24 entries in order; behind them only the root tells.
      const right = i < counts[0] ? { index: i } : { size };
      yield { name: `swap ${i} and ${j} with their hashes`, folder: inBoth, right: [right] };
    }
    const without = change(folder, bundlePath, formatBundle(bundle.toSpliced(i, 1)));
    yield { name: `drop ${i}`, folder: without, right: [{ index: i, file: bundlePath }] };
    const inserted = change(folder, bundlePath, formatBundle(bundle.toSpliced(i, 0, encodeUtf8("put in"))));
    yield { name: `put in before ${i}`, folder: inserted, right: [{ index: i, file: bundlePath }] };
  }
}

async function* rewritings(folder: Folder): AsyncGenerator<Attack> {
  for (let i = 0; i < size; i++) {
    for (let j = i + 1; j < size; j++) {
      const swapped = entries.with(i, entryAt(j)).with(j, entryAt(i));
      const { folder: written } = await writeLog(swapped, counts, false);
      const right = [{ size: signedBeyond(i) }];
      yield { name: `swap ${i} and ${j} in all files`, folder: rewrite(folder, written), right };
    }
    const { folder: dropped } = await writeLog(entries.toSpliced(i, 1), [counts[0], counts[1] - 1], false);
    const right = i < counts[0] ? [{ size: counts[0] }] : [{ index: size - 1 }];
    yield { name: `drop ${i} in all files`, folder: rewrite(folder, dropped), right };
    const { folder: cut } = await writeLog(entries, batchesUpTo(i), false);
    yield { name: `cut after ${i} entries`, folder: rewrite(folder, cut), right: [{ index: i }] };
  }
  for (const path of folder.keys()) {
    if (path === bundlePath || path === tilePath) {
      yield {
        name: `remove ${path}`,
        folder: change(folder, path, undefined),
        right: [{ index: counts[0], file: path }],
      };
    }
  }
  yield { name: "remove checkpoint", folder: change(folder, "checkpoint", undefined), right: [{ file: "checkpoint" }] };
}

function batchesUpTo(end: number): number[] {
  return end <= counts[0] ? [end] : [counts[0], end - counts[0]];
}

interface Tally {
  tried: number;
  detected: number;
  rightIndex: number;
  readonly missed: string[];
}

function judge(tally: Tally, name: string, verdict: Verdict, right: readonly Answer[]): void {
  tally.tried++;
  if (!verdict.ok) tally.detected++;
  const isRight = !verdict.ok && right.some((answer) => matches(verdict.problem, answer));
  if (isRight) tally.rightIndex++;
  else tally.missed.push(`${name}: ${verdict.ok ? "not found" : JSON.stringify(verdict.problem)}`);
}

function matches(problem: Answer, right: Answer): boolean {
  return (
    (right.index === undefined || right.index === problem.index) &&
    (right.size === undefined || right.size === problem.size) &&
    (right.file === undefined || right.file === problem.file)
  );
}

/** What the log's owner can do with the key: cut or change the history and sign the result. */
async function signAgain(tally: Tally, { older }: Written, policy: Policy): Promise<void> {
  for (let end = 0; end < size; end++) {
    const forged = await writeLog(entries, batchesUpTo(end), true);
    const name = `cut after ${end} entries and sign again`;
    judge(tally, `${name}, older checkpoint`, await verify(forged.folder, undefined, older), [{ index: end }]);
    judge(tally, `${name}, policy`, await verify(forged.folder, policy), [{ file: "checkpoint" }]);
    refuses(tally, `${name}, witness`, forged);
  }
  for (let index = 0; index < size; index++) {
    const changed = entries.with(index, encodeUtf8("another history"));
    for (const batches of [counts, [...counts, 1]]) {
      const forged = await writeLog([...changed, entryAt(size)], batches, true);
      const name = `change ${index} and sign ${batches.length} batches again`;
      const right = [{ size: signedBeyond(index) }];
      judge(tally, `${name}, older checkpoints`, await verify(forged.folder, undefined, older), right);
      judge(tally, `${name}, policy`, await verify(forged.folder, policy), [{ file: "checkpoint" }]);
      refuses(tally, `${name}, witness`, forged);
    }
  }
}

function refuses(tally: Tally, name: string, { contradicted, cosigned }: Written): void {
  tally.tried++;
  if (contradicted && !cosigned) {
    tally.detected++;
    tally.rightIndex++;
  } else {
    tally.missed.push(`${name}: ${cosigned ? "cosigned" : "not contradicted"}`);
  }
}

export async function run(report: Report): Promise<ProofResult> {
  const policy = makePolicy();
  const whole = await writeLog(entries, counts, true);
  const sound = await verify(whole.folder, policy, whole.older);
  if (!sound.ok) throw new Error(`the log itself does not verify: ${JSON.stringify(sound.problem)}`);
  const tally: Tally = { tried: 0, detected: 0, rightIndex: 0, missed: [] };
  const attacks = async (name: string, all: Iterable<Attack> | AsyncIterable<Attack>): Promise<number> => {
    const before = tally.tried;
    for await (const { name: attack, folder, right } of all) judge(tally, attack, await verify(folder, policy), right);
    report(`${name}: ${tally.tried - before} tried, ${tally.missed.length} of all so far missed or misplaced`);
    return tally.tried - before;
  };
  const files = whole.folder.size;
  const editCount = await attacks(`every single-byte edit of ${files} files`, edits(whole.folder));
  const cutCount = await attacks(`every truncation of ${files} files`, cutFiles(whole.folder));
  const orderCount = await attacks("every swap, drop and insertion in the bundle", reorderings(whole.folder));
  const rewriteCount = await attacks("swaps, drops and cuts with all files rewritten", rewritings(whole.folder));
  await signAgain(tally, whole, policy);
  report(
    `signed again with the log's own key: ${tally.tried - editCount - cutCount - orderCount - rewriteCount} tried`,
  );
  for (const missed of tally.missed.slice(0, 20)) report(missed);
  const { tried, detected, rightIndex } = tally;
  return {
    name: "tamper",
    tried,
    held: rightIndex,
    edits: editCount,
    detected,
    rightIndex,
    truncations: cutCount,
    reorderings: orderCount,
    rewritings: rewriteCount,
    signedAgain: tried - editCount - cutCount - orderCount - rewriteCount,
  };
}
