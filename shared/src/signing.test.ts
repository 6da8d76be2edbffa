import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Keyring, keyCards, loadSigner, makePersonKey, revokeKey, verifySignature } from "./signing.ts";

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

  it("of a person are good for what their card says, until the time that it says", () => {
    const people = mkdtempSync(join(tmpdir(), "omega-keys-"));
    const keyring = new Keyring(people);
    const owner = loadSigner(people, "operator");
    assert.equal(keyring.find(owner.keyId)?.personRole, "admin");
    const ada = makePersonKey(people, "ada", { personRole: "responder", notAfter: "2027-01-01T00:00:00.000Z" });
    const found = keyring.find(ada.keyId);
    assert.deepEqual(
      [found?.personRole, found?.holder, found?.notAfter],
      ["responder", "ada", Date.parse("2027-01-01T00:00:00.000Z")],
    );
    assert.equal(loadSigner(people, "operator", "ada").keyId, ada.keyId);
    assert.throws(() => makePersonKey(people, "ada", { personRole: "admin" }), /ada has a key/);
    revokeKey(people, ada.keyId, "2026-11-24T03:00:00.000Z");
    assert.equal(keyring.find(ada.keyId)?.notAfter, Date.parse("2026-11-24T03:00:00.000Z"));
    assert.equal(revokeKey(people, "operator-0000000000000000", "2026-11-24T03:00:00.000Z"), undefined);
    rmSync(people, { recursive: true });
  });

  it("of a person whose card says nothing are good for looking only", () => {
    const people = mkdtempSync(join(tmpdir(), "omega-keys-"));
    const { keyId } = loadSigner(people, "operator");
    const [card] = keyCards(people);
    assert.ok(card);
    const { personRole: _dropped, ...bare } = card;
    writeFileSync(join(people, "trusted", `${keyId}.json`), JSON.stringify(bare));
    assert.equal(new Keyring(people).find(keyId)?.personRole, "viewer");
    rmSync(people, { recursive: true });
  });
});
