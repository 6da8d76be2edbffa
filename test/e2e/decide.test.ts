import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { definitionOf, type DataOf, type Draft, type EventType } from "@omega/bus-schemas/catalogue.ts";
import { sealEvent, openEvent } from "@omega/shared/event-codec.ts";
import { installBus, NatsBus } from "@omega/shared/nats-bus.ts";
import { startNatsServer } from "@omega/shared/nats-server.ts";
import { Keyring, loadSigner } from "@omega/shared/signing.ts";
import { OmegaUnderTest } from "./omega.ts";

/** A bus without agents, on which an incident waits for a person. */
async function waitingIncident(
  t: TestContext,
  expiresAt: string,
): Promise<{ omega: OmegaUnderTest; bus: NatsBus; url: string }> {
  const omega = new OmegaUnderTest(t);
  const server = await startNatsServer({ storeDir: join(omega.home, "nats") });
  assert.ok((await installBus({ servers: [server.url], name: "test" })).ok);
  const bus = await NatsBus.connect({ servers: [server.url], name: "test" });
  assert.ok(bus.ok);
  t.after(async () => {
    await bus.value.close();
    await server.stop();
  });
  const say = async <Type extends EventType>(type: Type, changes: Partial<DataOf<Type>> = {}): Promise<void> => {
    const definition = definitionOf(type);
    assert.ok(definition !== undefined);
    // The catalogue's sample with fields of its own type changed is of that type.
    const draft = {
      type,
      incidentid: "inc-1",
      data: { ...(definition.example as object), ...changes },
    } as unknown as Draft;
    const signer = loadSigner(join(omega.home, "keys"), definition.saidBy[0] ?? "operator");
    const sealed = sealEvent(draft, { signer, source: "/omega/test/1", now: Date.now(), causeId: `cause of ${type}` });
    assert.ok((await bus.value.publish(sealed)).ok);
  };
  await say("incident.opened");
  await say("diagnosis.reached");
  await say("remediation.proposed");
  await say("approval.requested", { expiresAt });
  return { omega, bus: bus.value, url: server.url };
}

test("an approval is signed by the operator for exactly the plan that was asked about, once", async (t) => {
  const { omega, bus, url } = await waitingIncident(t, new Date(Date.now() + 600_000).toISOString());
  const listed = await omega.run("incidents", "ls", "--open", "--server", url);
  assert.match(listed.stdout, /inc-1 .*awaiting approval .*payments\/loyalty\.ts:21/);

  const approved = await omega.run("approve", "last", "--by", "ada@example.com", "--server", url);
  assert.equal(approved.code, 0, approved.stderr);
  assert.match(approved.stdout, /Approved by ada@example\.com: k8s\.rollout-undo on Deployment shop\/payments/);
  assert.match(approved.stdout, /- shop\/payments:1\.5\.0\n +\+ shop\/payments:1\.4\.0/);

  const last = await bus.lastSeq();
  for await (const message of bus.read({ fromSeq: last, toSeq: last })) {
    const opened = openEvent(message.body, message.subject, new Keyring(join(omega.home, "keys")));
    assert.ok(opened.ok && opened.value.type === "approval.granted");
    assert.match(opened.value.keyid, /^operator-/);
    const asked = definitionOf("approval.requested")?.example;
    assert.ok(typeof asked === "object" && asked !== null);
    assert.equal(opened.value.data.planHash, Reflect.get(asked, "planHash"));
    assert.equal(opened.value.data.by, "ada@example.com");
  }

  const again = await omega.run("deny", "inc-1", "--server", url);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /inc-1 waits for no approval/);
  assert.equal(await bus.lastSeq(), last);
});

test("an expired request takes no decision", async (t) => {
  const { omega, bus, url } = await waitingIncident(t, "2026-01-01T00:00:00.000Z");
  const late = await omega.run("approve", "inc-1", "--server", url);
  assert.equal(late.code, 1);
  assert.match(late.stderr, /expired at 2026-01-01/);
  assert.equal(await bus.lastSeq(), 4);
});

test("events that no trusted key vouches for are left out of what people see, and said to be", async (t) => {
  const { omega, bus, url } = await waitingIncident(t, new Date(Date.now() + 600_000).toISOString());
  const forged = Buffer.from(JSON.stringify({ type: "incident.resolved" }));
  assert.ok((await bus.publish({ id: "forged", subject: "omega.incident.inc-1.incident.resolved", body: forged })).ok);
  const shown = await omega.run("incidents", "show", "inc-1", "--server", url);
  assert.equal(shown.code, 0);
  assert.match(shown.stdout, /awaiting approval/);
  assert.match(shown.stderr, /1 message on the stream left out/);
  const exported = await omega.run("events", "export", "--server", url);
  assert.equal(exported.stdout.trim().split("\n").length, 5, "the recording is evidence and holds the forgery too");
});
