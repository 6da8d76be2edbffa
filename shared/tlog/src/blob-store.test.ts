import assert from "node:assert/strict";
import { test } from "node:test";
import { FolderBlobStore, saltedHash } from "./blob-store.ts";
import { CrashFiles } from "./crash-files.ts";
import { encodeUtf8 } from "./encoding.ts";
import { openLog } from "./open-log.ts";
import { proveEntry, verifyProof } from "./proof.ts";
import { newSigner } from "./test-keys.ts";
import { verifyLog } from "./verify.ts";

const prompt = encodeUtf8("the customer's name is Ada");

test("the same content has another name each time, and its name is the salted hash", async () => {
  const store = new FolderBlobStore(new CrashFiles());
  const [one, two] = [await store.put(prompt), await store.put(prompt)];
  assert.notEqual(one, two);
  const found = await store.get(one);
  assert.ok(found.kind === "found");
  assert.deepEqual(Buffer.from(found.content), Buffer.from(prompt));
  assert.equal(saltedHash(found.salt, found.content), one);
  assert.equal(found.salt.length, 32);
});

test("erasing removes content and salt, and the log and every proof stay valid", async () => {
  const signer = newSigner("example.com/log", "log");
  const [files, blobs] = [new CrashFiles(), new CrashFiles()];
  const store = new FolderBlobStore(blobs);
  const opened = await openLog({ files, signer });
  assert.ok(opened.ok);
  const name = await store.put(prompt);
  const entry = encodeUtf8(JSON.stringify({ prompt: name }));
  assert.ok((await opened.value.append([entry])).ok);
  const proof = await proveEntry(opened.value.tree(), 0, opened.value.checkpoint);
  assert.ok(proof.ok);
  await store.erase(name);
  await store.erase(name);
  assert.deepEqual(await store.get(name), { kind: "erased" });
  assert.equal(blobs.crash({ keep: "none" }).snapshot().size, 0, "nothing comes back after a loss of power");
  assert.ok(verifyProof(proof.value, entry, [signer.verifier]).ok);
  assert.ok((await verifyLog({ files, logs: [signer.verifier] })).ok);
});

test("what was put outlives a loss of power, and a changed blob is called damaged", async () => {
  const disk = new CrashFiles();
  const name = await new FolderBlobStore(disk).put(prompt);
  const after = disk.crash({ keep: "none" });
  const store = new FolderBlobStore(after);
  assert.equal((await store.get(name)).kind, "found");
  await after.overwrite(`${name.slice(0, 2)}/${name}`, encodeUtf8("x".repeat(40)));
  assert.deepEqual(await store.get(name), { kind: "damaged" });
  for (const bad of ["", "../../etc/passwd", name.toUpperCase()]) {
    assert.deepEqual(await store.get(bad), { kind: "erased" });
    await store.erase(bad);
  }
});
