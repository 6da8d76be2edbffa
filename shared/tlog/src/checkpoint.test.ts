import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { formatCheckpoint, openCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import { encodeUtf8 } from "./encoding.ts";
import { parseVerifierKey, publicKeyPem } from "./note-key.ts";
import { signNote } from "./note.ts";
import { newSigner } from "./test-keys.ts";
import { missing, tesseraKey, vectorsFolder } from "./test-vectors.ts";

const root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
const body = `example.com/behind-the-sofa\n20852163\n${root}\n`;
const openssl = hasOpenssl();

function hasOpenssl(): false | string {
  try {
    return execFileSync("openssl", ["version"], { encoding: "utf8" }) === "" ? "openssl prints no version" : false;
  } catch {
    return "there is no openssl on the PATH";
  }
}

test("the specification's example parses and is written back the same", () => {
  const parsed = parseCheckpoint(body);
  assert.ok(parsed.ok);
  assert.equal(parsed.value.size, 20_852_163);
  assert.equal(formatCheckpoint(parsed.value), body);
  const extended = parseCheckpoint(`${body}one\ntwo\n`);
  assert.ok(extended.ok);
  assert.deepEqual(extended.value.extensions, ["one", "two"]);
  assert.equal(formatCheckpoint(extended.value), `${body}one\ntwo\n`);
});

test("malformed checkpoints are refused", () => {
  const cases = [
    body.slice(0, -1),
    `\n20852163\n${root}\n`,
    `a\n020852163\n${root}\n`,
    `a\n-1\n${root}\n`,
    `a\n+1\n${root}\n`,
    `a\n1e3\n${root}\n`,
    `a\n\n${root}\n`,
    `a\n18446744073709551615\n${root}\n`,
    `a\n9007199254740992\n${root}\n`,
    `a\n1\n${root.slice(0, -1)}\n`,
    `a\n1\n${root.replace("q2I=", "q2J=")}\n`,
    `a\n1\nAAAA\n`,
    `a\n0\n${root}\n`,
    `a\n1\n`,
    `${body}\n`,
    `${body}\next\n`,
    "",
  ];
  for (const text of cases) assert.equal(parseCheckpoint(text).ok, false, JSON.stringify(text));
});

test("a checkpoint of another log's key is refused even when the key is known", () => {
  const signer = newSigner("example.com/other", "log");
  const note = signNote(body, [signer]);
  assert.ok(note.ok);
  assert.equal(openCheckpoint(encodeUtf8(note.value), [signer.verifier]).ok, false);
});

test("openssl verifies a checkpoint by the documented commands", { skip: openssl || missing }, () => {
  const folder = mkdtempSync(join(tmpdir(), "tlog-openssl-"));
  try {
    const verifier = parseVerifierKey(tesseraKey);
    assert.ok(verifier.ok);
    writeFileSync(join(folder, "public.pem"), publicKeyPem(verifier.value));
    writeFileSync(join(folder, "checkpoint"), readFileSync(join(vectorsFolder, "tessera/log/checkpoint")));
    // The commands are those of the module's description, so that what it says is what is tested.
    const source = readFileSync(new URL("checkpoint.ts", import.meta.url), "utf8");
    const commands = [...source.matchAll(/^ \*     (sed|tail|openssl)( .*)$/gm)].map(
      ([, tool, rest]) => `${tool}${rest}`,
    );
    assert.equal(commands.length, 3);
    const run = (): string => execFileSync("sh", ["-ec", commands.join("\n")], { cwd: folder, encoding: "utf8" });
    assert.match(run(), /Signature Verified Successfully/);
    const edited = readFileSync(join(folder, "checkpoint"), "utf8").replace("\n15\n", "\n14\n");
    writeFileSync(join(folder, "checkpoint"), edited);
    assert.throws(run, /Signature Verification Failure|Command failed/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
