import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CrashFiles, type Fault } from "./crash-files.ts";
import { encodeUtf8 } from "./encoding.ts";
import { hashLeaf, rootOf, sha256 } from "./merkle.ts";
import { formatVerifierKey, type NoteVerifier, parseVerifierKey } from "./note-key.ts";
import { openNote, signNote } from "./note.ts";
import { openLog } from "./open-log.ts";
import { openWitnessed, parsePolicy, type Policy } from "./policy.ts";
import { newSigner } from "./test-keys.ts";
import { WitnessClient } from "./witness-client.ts";
import { formatAddCheckpoint, parseAddCheckpoint } from "./witness-protocol.ts";
import { Witness } from "./witness.ts";

const signer = newSigner("example.com/log", "log");
const folder = mkdtempSync(join(tmpdir(), "tlog-witness-"));
let child: ChildProcess;
let verifier: NoteVerifier;
let url: string;

async function startWitness(): Promise<void> {
  const main = fileURLToPath(new URL("witness-main.ts", import.meta.url));
  const args = ["--state", join(folder, "state"), "--key-file", join(folder, "key"), "--name", "witness.example/one"];
  child = spawn(process.execPath, [main, ...args, "--log", formatVerifierKey(signer.verifier)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert.ok(child.stdout);
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const [vkey = "", at = ""] = line.toString().trim().split(" ");
  const parsed = parseVerifierKey(vkey);
  assert.ok(parsed.ok);
  [verifier, url] = [parsed.value, at];
}

async function stopWitness(): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

before(startWitness);

after(async () => {
  await stopWitness();
  rmSync(folder, { recursive: true });
});

async function logOf(entries: readonly string[]) {
  const opened = await openLog({ files: new CrashFiles(), signer });
  assert.ok(opened.ok);
  assert.ok((await opened.value.append(entries.map(encodeUtf8))).ok);
  return opened.value;
}

function policy(): Policy {
  const text = `log ${formatVerifierKey(signer.verifier)}\nwitness one ${formatVerifierKey(verifier)} ${url}/\nquorum one\n`;
  const parsed = parsePolicy(encodeUtf8(text));
  assert.ok(parsed.ok);
  return parsed.value;
}

test("a witness process cosigns a growing log, over restarts of both sides, and refuses every other history", async () => {
  const log = await logOf(["a", "b", "c"]);
  let client = new WitnessClient();
  for (const entry of ["d", "e", "f", "g"]) {
    const { quorum, lines } = await client.cosign(policy(), log.tree(), log.checkpoint);
    assert.ok(quorum);
    const cosigned = await log.attach(lines, [verifier]);
    assert.ok(cosigned.ok && openWitnessed(encodeUtf8(cosigned.value), policy()).ok);
    if (entry === "e") client = new WitnessClient();
    if (entry === "f") {
      await stopWitness();
      await startWitness();
    }
    assert.ok((await log.append([encodeUtf8(entry)])).ok);
  }
  const again = await client.cosign(policy(), log.tree(), log.checkpoint);
  assert.ok(again.quorum && (await client.cosign(policy(), log.tree(), log.checkpoint)).quorum);

  const reply = async (entries: readonly string[]) => {
    const other = await logOf(entries);
    const { quorum, replies } = await new WitnessClient().cosign(policy(), other.tree(), other.checkpoint);
    assert.equal(quorum, false);
    return replies.get("witness.example/one") ?? assert.fail();
  };
  const cut = await reply(["a", "b", "c"]);
  assert.deepEqual([cut.kind, cut.kind === "contradicted" && cut.knownSize], ["contradicted", 7]);
  const forked = await reply(["a", "b", "c", "X", "e", "f", "g"]);
  assert.match(
    forked.kind === "contradicted" ? forked.reason : "",
    /answered 409: this witness has cosigned another root/,
  );
  const rewritten = await reply(["X", "b", "c", "d", "e", "f", "g", "h", "i"]);
  assert.match(rewritten.kind === "contradicted" ? rewritten.reason : "", /answered 422/);
  const evidence = readdirSync(join(folder, "state"), { recursive: true }).filter((path) =>
    String(path).includes("evidence/"),
  );
  assert.equal(evidence.length, 2, "both contradicting checkpoints are kept");
  assert.equal(statSync(join(folder, "key")).mode & 0o777, 0o600);
});

test("an unreachable witness is unavailable, not a contradiction", async () => {
  const log = await logOf(["a"]);
  const witness = { verifier, url: "http://127.0.0.1:1" };
  const reply = await new WitnessClient().ask(witness, log.tree(), log.checkpoint);
  assert.equal(reply.kind, "unavailable");
});

/** Requests straight to a witness in this process, for the answers that a well-behaved client never gets. */
function checkpointOf(leaves: readonly string[], by = signer, origin = "example.com/log"): string {
  const root = Buffer.from(rootOf(leaves.map((leaf) => hashLeaf(encodeUtf8(leaf))))).toString("base64");
  const note = signNote(`${origin}\n${leaves.length}\n${root}\n`, [by]);
  assert.ok(note.ok);
  return note.value;
}

function newWitness(files = new CrashFiles(), writer = "writer"): { witness: Witness; key: NoteVerifier } {
  const own = newSigner("witness.example/two", "witness");
  return { witness: new Witness({ files, signer: own, logs: [signer.verifier], writer }), key: own.verifier };
}

test("each kind of bad request gets the status that the protocol has for it", async () => {
  const { witness, key } = newWitness();
  const ask = async (body: string) => witness.addCheckpoint(encodeUtf8(body));
  const one = checkpointOf(["a"]);
  const stranger = newSigner("example.com/log", "log");
  const other = newSigner("example.com/other", "log");
  assert.equal((await ask("")).status, 400);
  assert.equal((await ask(`old 00\n\n${one}`)).status, 400);
  assert.equal((await ask(`old 0\nshort\n\n${one}`)).status, 400);
  assert.equal((await ask(`old 0\n${`${"A".repeat(43)}=\n`.repeat(64)}\n${one}`)).status, 400);
  assert.equal((await ask(`old 0\n\nnot a note`)).status, 400);
  assert.equal((await ask(`old 2\n\n${one}`)).status, 400);
  assert.equal((await ask(`old 0\n\n${checkpointOf(["a"], stranger)}`)).status, 403);
  assert.equal((await ask(`old 0\n\n${checkpointOf(["a"], other, "example.com/other")}`)).status, 404);
  assert.equal((await ask(`old 0\n${"A".repeat(43)}=\n\n${one}`)).status, 422);
  assert.deepEqual(await ask(`old 1\n\n${one}`), { status: 409, contentType: "text/x.tlog.size", body: "0\n" });
  const good = await ask(`old 0\n\n${one}`);
  assert.equal(good.status, 200);
  assert.ok(openNote(encodeUtf8(one + good.body), [key]).ok);
  assert.deepEqual(await ask(`old 0\n\n${one}`), { status: 409, contentType: "text/x.tlog.size", body: "1\n" });
  assert.equal((await ask(`old 1\n\n${checkpointOf(["b"])}`)).status, 409);
  assert.equal((await ask(`old 1\n\n${checkpointOf(["a", "b"])}`)).status, 422);
});

test("of contradicting requests at the same time, to two witness processes on one folder, one is cosigned", async () => {
  const files = new CrashFiles();
  const [one, two] = [newWitness(files, "one").witness, newWitness(files, "two").witness];
  const ask = (witness: Witness, leaves: readonly string[]) =>
    witness.addCheckpoint(encodeUtf8(`old 0\n\n${checkpointOf(leaves)}`));
  const requests = [ask(one, ["a"]), ask(two, ["b"]), ask(one, ["a", "b"]), ask(two, ["c"])];
  const answers = await Promise.allSettled(requests);
  const cosigned = answers.filter((answer) => answer.status === "fulfilled" && answer.value.status === 200);
  assert.equal(cosigned.length, 1, JSON.stringify(answers));
});

test("a witness that loses power at any step never cosigns two histories", async () => {
  const cosign = (disk: CrashFiles, leaf: string) =>
    newWitness(disk).witness.addCheckpoint(encodeUtf8(`old 0\n\n${checkpointOf([leaf])}`));
  const undisturbed = new CrashFiles();
  assert.equal((await cosign(undisturbed, "a")).status, 200);
  for (let at = 1; at <= undisturbed.steps; at++) {
    for (const kind of ["before", "after", "torn"] satisfies Fault["kind"][]) {
      for (const keep of ["none", "all"] as const) {
        const disk = new CrashFiles({ at, kind });
        const answered = await cosign(disk, "a")
          .then(({ status }) => status)
          .catch(() => undefined);
        const forked = await cosign(disk.crash({ keep }), "b");
        assert.ok(answered !== 200 || forked.status === 409, `step ${at} ${kind} ${keep}`);
      }
    }
  }
  assert.ok(undisturbed.steps >= 8, `${undisturbed.steps} steps`);
});

test("the specification's example request parses", () => {
  const note = "example.com/log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u2014 a AAAAAAAA\n";
  const request = { oldSize: 20_852_014, proof: [sha256(encodeUtf8("x"))], checkpoint: note };
  assert.deepEqual(parseAddCheckpoint(encodeUtf8(formatAddCheckpoint(request))), { ok: true, value: request });
});
