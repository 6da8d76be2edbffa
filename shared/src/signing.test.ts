import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Keyring, loadSigner, verifySignature } from "./signing.ts";

const folder = mkdtempSync(join(tmpdir(), "omega-keys-"));
after(() => rmSync(folder, { recursive: true, force: true }));

describe("keys", () => {
  it("are made at the first start, kept, and readable by their owner only", () => {
    const first = loadSigner(folder, "scout");
    assert.equal(loadSigner(folder, "scout").keyId, first.keyId);
    assert.match(first.keyId, /^scout-[0-9a-f]{16}$/);
    assert.equal(statSync(join(folder, "scout.key")).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(join(folder, "trusted")), [`${first.keyId}.json`]);
  });

  it("verify what they signed and nothing else, also for a keyring opened before the key was made", () => {
    const keyring = new Keyring(folder);
    const signer = loadSigner(folder, "surgeon");
    const key = keyring.find(signer.keyId);
    assert.ok(key);
    const signature = signer.sign("the plan");
    assert.ok(verifySignature(key, "the plan", signature));
    assert.ok(!verifySignature(key, "the plaN", signature));
    const other = keyring.find(loadSigner(folder, "scout").keyId);
    assert.ok(other && !verifySignature(other, "the plan", signature));
  });

  it("refuse a card whose key id is not the key's, naming the file", () => {
    const spoiled = mkdtempSync(join(tmpdir(), "omega-keys-"));
    loadSigner(spoiled, "scribe");
    const [card = ""] = readdirSync(join(spoiled, "trusted"));
    const publicKey = Buffer.alloc(32, 1).toString("base64url");
    writeFileSync(
      join(spoiled, "trusted", card),
      JSON.stringify({ keyId: card.replace(".json", ""), role: "scribe", publicKey }),
    );
    assert.throws(() => new Keyring(spoiled), new RegExp(`${card}: the key id does not match the key`));
    rmSync(spoiled, { recursive: true });
  });
});
