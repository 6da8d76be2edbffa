import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Draft, EventType } from "@omega/bus-schemas/catalogue.ts";
import { definitionOf } from "@omega/bus-schemas/catalogue.ts";
import type { Role } from "@omega/bus-schemas/define-event.ts";
import { blobEntry, inlineEntry } from "@omega/shared/audit/entry.ts";
import type { StoredMessage } from "@omega/shared/bus.ts";
import { sealEvent } from "@omega/shared/event-codec.ts";
import { Keyring, loadSigner } from "@omega/shared/signing.ts";
import { FolderBlobStore } from "@omega/tlog/blob-store.ts";
import { DiskFiles } from "@omega/tlog/files.ts";
import { Auditor } from "./auditor.ts";

const folder = mkdtempSync(join(tmpdir(), "omega-auditor-"));
const keys = join(folder, "keys");
const blobs = new FolderBlobStore(new DiskFiles(join(folder, "blobs")));
await new DiskFiles(join(folder, "blobs")).makeFolder(".");
after(() => rmSync(folder, { recursive: true }));

/** A stream in miniature: each event follows from the one before it. */
class Stream {
  readonly messages: StoredMessage[] = [];
  #cause = "nothing";

  say(role: Role, type: EventType, data: object = {}, by: Role = role): this {
    const incidentid = type.startsWith("signal.") || type.startsWith("agent.") ? {} : { incidentid: "inc-1" };
    const draft = {
      type,
      ...incidentid,
      key: `${type} ${this.messages.length}`,
      data: { ...(definitionOf(type)?.example as object), ...data },
    } as unknown as Draft;
    const signer = { ...loadSigner(keys, by), role };
    const sealed = sealEvent(draft, { signer, source: "/omega/test", now: Date.now(), causeId: this.#cause });
    this.#cause = sealed.id;
    return this.put(sealed.subject, sealed.body);
  }

  put(subject: string, body: Uint8Array): this {
    this.messages.push({ seq: this.messages.length + 1, storedAt: 1, subject, body });
    return this;
  }
}

function incident(): Stream {
  return new Stream().say("scout", "signal.detected").say("coordinator", "incident.opened");
}

function ordered(): Stream {
  return incident()
    .say("surgeon", "remediation.proposed")
    .say("coordinator", "remediation.authorized")
    .say("coordinator", "action.ordered");
}

async function verdictOf(
  { messages }: Stream,
  entryOf: (message: StoredMessage) => Promise<Uint8Array> | Uint8Array = inlineEntry,
): Promise<{ index: number; reason: string } | undefined> {
  const auditor = new Auditor(new Keyring(keys), blobs);
  for (const [index, message] of messages.entries()) {
    const reason = await auditor.take(index, await entryOf(message));
    if (reason !== undefined) return { index, reason };
  }
  return auditor.unvouched();
}

describe("the auditor", () => {
  it("finds nothing to say of an incident in order", async () => {
    const whole = ordered()
      .say("surgeon", "action.started")
      .say("surgeon", "action.succeeded")
      .say("coordinator", "verification.requested")
      .say("scout", "recovery.confirmed")
      .say("coordinator", "incident.resolved");
    assert.equal(await verdictOf(whole), undefined);
  });

  const planHash = "0".repeat(64);
  const broken: readonly [string, Stream, number, RegExp][] = [
    ["an order without authorisation", incident().say("coordinator", "action.ordered"), 2, /not authorised/],
    [
      "a start with another plan than was ordered",
      ordered().say("surgeon", "action.started", { planHash }),
      5,
      /no order has this action and plan/,
    ],
    [
      "an approval that nobody gave",
      incident()
        .say("surgeon", "remediation.proposed")
        .say("coordinator", "approval.requested")
        .say("coordinator", "remediation.authorized", { by: { kind: "person", name: "ada" } }),
      4,
      /no person was asked and approved/,
    ],
    [
      "a plan that nobody proposed",
      incident().say("coordinator", "remediation.authorized", { planHash }),
      2,
      /nobody proposed this plan/,
    ],
    ["a healing that nobody verified", ordered().say("coordinator", "incident.resolved"), 5, /nobody confirmed/],
    [
      "an incident that was not opened",
      new Stream().say("scout", "signal.detected").say("scout", "diagnosis.reached"),
      1,
      /was not opened/,
    ],
    [
      "an effect without its cause",
      new Stream().say("coordinator", "incident.opened"),
      0,
      /cause nothing is not in the log/,
    ],
    [
      "a key that may not say it",
      incident().say("coordinator", "remediation.requested", {}, "scout"),
      2,
      /not_its_to_say/,
    ],
  ];
  for (const [what, stream, index, reason] of broken) {
    it(`finds ${what}`, async () => {
      const verdict = await verdictOf(stream);
      assert.equal(verdict?.index, index);
      assert.match(verdict.reason, reason);
    });
  }

  it("finds a gap, and sequences that were given away again", async () => {
    const gap = incident();
    gap.messages.splice(0, 1);
    assert.match((await verdictOf(gap))?.reason ?? "", /sequence 2 follows 0: 1 messages were never logged/);
    const again = incident();
    again.messages.push({ ...must(again.messages[0]), seq: 2 });
    assert.deepEqual((await verdictOf(again))?.index, 2);
  });

  it("takes junk for an edit until an agent has refused it", async () => {
    const junk = incident().put("omega.control.junk", Buffer.from("junk"));
    assert.match((await verdictOf(junk))?.reason ?? "", /^not_json/);
    assert.equal(await verdictOf(junk.say("surgeon", "agent.faulted", { seq: 3 })), undefined);
  });

  it("believes content outside of the log by its salted hash, judges the rest when it was erased, and finds what was swapped", async () => {
    const stream = incident().say("surgeon", "remediation.proposed").say("coordinator", "remediation.authorized");
    const names: string[] = [];
    const outside = async (message: StoredMessage): Promise<Uint8Array> => {
      if (message.seq !== 3) return inlineEntry(message);
      names[0] ??= await blobs.put(message.body);
      return blobEntry(message, { salted: names[0], bytes: message.body.length });
    };
    assert.equal(await verdictOf(stream, outside), undefined);
    const [name = ""] = names;
    await new DiskFiles(join(folder, "blobs")).overwrite(`${name.slice(0, 2)}/${name}`, Buffer.alloc(64));
    assert.match((await verdictOf(stream, outside))?.reason ?? "", /something else under the salted hash/);
    await blobs.erase(name);
    assert.equal(await verdictOf(stream, outside), undefined);
  });
});

function must<T>(value: T | undefined): T {
  assert.ok(value !== undefined);
  return value;
}
