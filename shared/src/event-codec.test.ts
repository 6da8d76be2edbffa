import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import fc from "fast-check";
import { catalogue, type Draft } from "@omega/bus-schemas/catalogue.ts";
import { canonicalJson } from "./canonical-json.ts";
import { openEvent, sealEvent, type SealedEvent } from "./event-codec.ts";
import { Keyring, loadSigner, makePersonKey } from "./signing.ts";

const keys = mkdtempSync(join(tmpdir(), "omega-codec-"));
after(() => rmSync(keys, { recursive: true, force: true }));
const signer = loadSigner(keys, "operator");
const keyring = new Keyring(keys);

function resumed(reason: string, by = "ada"): SealedEvent {
  const draft: Draft = { type: "control.resumed", data: { by, reason } };
  return sealEvent(draft, { signer, source: "/omega/operator/test", now: 1_795_000_000_000, causeId: "cause" });
}

const failureOf = (body: Uint8Array): string => {
  const opened = openEvent(body, "omega.control.resumed", keyring);
  return opened.ok ? "believed" : opened.failure.code;
};

describe("a sealed event", () => {
  it("is canonical JSON, whatever text it carries, and opens to what was said", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 200, unit: "binary" }), (reason) => {
        const sealed = resumed(reason, ',"sig":"x","source":"');
        assert.equal(Buffer.from(sealed.body).toString(), canonicalJson(sealed.event));
        const opened = openEvent(sealed.body, sealed.subject, keyring);
        assert.ok(opened.ok, JSON.stringify(opened));
        assert.deepEqual(opened.value, sealed.event);
      }),
    );
  });

  it("can be said by every type's speaker", () => {
    for (const definition of catalogue) {
      const [role] = definition.saidBy;
      assert.ok(role);
      const draft = { type: definition.type, incidentid: "inc-1", data: definition.example } as Draft;
      const sealed = sealEvent(draft, { signer: loadSigner(keys, role), source: "/o", now: 0, causeId: "c" });
      const opened = openEvent(sealed.body, sealed.subject, keyring);
      assert.ok(opened.ok, JSON.stringify(opened));
    }
  });

  it("is believed in any form of JSON, as `nats pub` may send it", () => {
    assert.equal(failureOf(Buffer.from(JSON.stringify(resumed("a reason").event, null, 2))), "believed");
  });

  it("is not believed after any change of a byte that changes its meaning", () => {
    const { body, event } = resumed("a reason");
    let refused = 0;
    for (let at = 0; at < body.length; at += 1) {
      const changed = Uint8Array.from(body);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const opened = openEvent(changed, "omega.control.resumed", keyring);
      if (opened.ok) assert.deepEqual(opened.value, event);
      else refused += 1;
    }
    assert.ok(refused >= body.length - 1, `${refused} of ${body.length}`);
  });

  it("is not believed with a second signature hidden in its data", () => {
    const { body, event } = resumed("a reason");
    const text = Buffer.from(body).toString();
    const hidden = text.replace('"reason":"a reason"', `"reason":"a reason","sig":"${event.sig}"`);
    assert.equal(failureOf(Buffer.from(hidden)), "bad_payload");
    const moved = `{"sig":"${event.sig}",${text.replace(`,"sig":"${event.sig}"`, "").slice(1)}`;
    assert.equal(failureOf(Buffer.from(moved)), "believed");
  });

  it("of a type that its speaker may not say is a bug of the speaker", () => {
    const draft = { type: "action.ordered", incidentid: "inc-1", data: {} } as unknown as Draft;
    assert.throws(
      () => sealEvent(draft, { signer, source: "/o", now: 0, causeId: "c" }),
      /operator may not say action\.ordered/,
    );
  });

  it("that does not fit its schema is a bug of the speaker", () => {
    const draft = { type: "control.resumed", data: { by: "ada" } } as unknown as Draft;
    assert.throws(() => sealEvent(draft, { signer, source: "/o", now: 0, causeId: "c" }), /does not fit its schema/);
  });
});

describe("a person's key", () => {
  const now = Date.parse("2026-11-24T03:00:00.000Z");
  const notAfter = "2026-11-24T03:00:00.000Z";
  const people = {
    viewer: makePersonKey(keys, "vic", { personRole: "viewer" }),
    responder: makePersonKey(keys, "ada", { personRole: "responder" }),
    admin: makePersonKey(keys, "eve", { personRole: "admin" }),
    expiring: makePersonKey(keys, "tom", { personRole: "admin", notAfter }),
  };
  const said = (who: keyof typeof people, draft: Draft, at = now, storedAt = at): string => {
    const sealed = sealEvent(draft, { signer: people[who], source: "/o", now: at, causeId: "cause" });
    const opened = openEvent(sealed.body, sealed.subject, keyring, storedAt);
    return opened.ok ? "believed" : opened.failure.code;
  };
  const press: Draft = { type: "control.panic-pressed", data: { by: "ada", windowMs: 300_000 } };
  const resume: Draft = { type: "control.resumed", data: { by: "ada", reason: "found it" } };

  it("of a viewer says nothing; of a responder presses; of an admin also resumes", () => {
    const outcomes = (["viewer", "responder", "admin"] as const).map((who) => [said(who, press), said(who, resume)]);
    assert.deepEqual(outcomes, [
      ["not_its_to_say", "not_its_to_say"],
      ["believed", "not_its_to_say"],
      ["believed", "believed"],
    ]);
  });

  it("that expired says nothing more, whatever time it claims", () => {
    assert.equal(said("expiring", press), "believed");
    assert.equal(said("expiring", press, now + 1), "expired_key");
    assert.equal(said("expiring", press, now - 60_000, now + 1), "expired_key");
  });
});
