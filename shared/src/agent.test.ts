import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Draft, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { definitionOf } from "@omega/bus-schemas/catalogue.ts";
import type { Role } from "@omega/bus-schemas/define-event.ts";
import { runAgent, type AgentDefinition, type AgentSurroundings, type EffectContext } from "./agent.ts";
import { systemClock } from "./clock.ts";
import { openEvent, sealEvent } from "./event-codec.ts";
import { deriveId, systemIds } from "./ids.ts";
import { createLog } from "./log.ts";
import { MemoryBus } from "./memory-bus.ts";
import { fail, ok, type Outcome } from "./outcome.ts";
import { Keyring, loadSigner } from "./signing.ts";

const keys = mkdtempSync(join(tmpdir(), "omega-agent-"));
after(() => rmSync(keys, { recursive: true, force: true }));
const signers = new Map<Role, ReturnType<typeof loadSigner>>();
const signerOf = (role: Role): ReturnType<typeof loadSigner> => {
  const signer = signers.get(role) ?? loadSigner(keys, role);
  signers.set(role, signer);
  return signer;
};

interface Heard {
  readonly opened: readonly string[];
  readonly storedBefore: readonly string[];
}
type Effect = { readonly recall: string };

const recalled: Draft["data"] = definitionOf("memory.recalled")?.example as Draft["data"];

/** A Scribe of a few lines: it recalls for every incident, unless the stream says that it did. */
function scribe(change: Partial<AgentDefinition<Heard, Effect>> = {}): AgentDefinition<Heard, Effect> {
  return {
    role: "scribe",
    version: "0.0.0",
    ackWaitMs: 300,
    deliveriesMax: 3,
    concurrency: 4,
    initialState: { opened: [], storedBefore: [] },
    evolve(state, event) {
      if (event.type === "incident.opened") return { ...state, opened: [...state.opened, event.id] };
      if (event.type === "memory.recalled")
        return { ...state, storedBefore: [...state.storedBefore, event.causationid ?? ""] };
      return state;
    },
    decide: (event, state) => ({
      say: [],
      perform: event.type === "incident.opened" && !state.storedBefore.includes(event.id) ? [{ recall: event.id }] : [],
    }),
    perform: () => Promise.resolve(ok([{ type: "memory.recalled", incidentid: "inc-1", data: recalled } as Draft])),
    ...change,
  };
}

function around(bus: MemoryBus): AgentSurroundings {
  return {
    bus,
    signer: signerOf("scribe"),
    keyring: new Keyring(keys),
    clock: systemClock,
    ids: systemIds,
    log: createLog("agent-test", "silent"),
    instance: "scribe-test",
    fence: 0,
  };
}

async function say(bus: MemoryBus, role: Role, draft: Draft, causeId = "cause"): Promise<string> {
  const sealed = sealEvent(draft, { signer: signerOf(role), source: "/omega/test", now: Date.now(), causeId });
  const published = await bus.publish(sealed);
  assert.ok(published.ok);
  return sealed.id;
}

const opened = (incidentid = "inc-1"): Draft =>
  ({ type: "incident.opened", incidentid, data: definitionOf("incident.opened")?.example }) as Draft;

async function history(bus: MemoryBus): Promise<OmegaEvent[]> {
  const events: OmegaEvent[] = [];
  for await (const stored of bus.read({ fromSeq: 1, toSeq: await bus.lastSeq() })) {
    const event = openEvent(stored.body, stored.subject, new Keyring(keys));
    if (event.ok) events.push(event.value);
  }
  return events;
}

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const limit = Date.now() + 8000;
  while (!(await holds())) {
    assert.ok(Date.now() < limit, `never: ${what}`);
    await systemClock.sleep(5);
  }
}

const saidTypes = async (bus: MemoryBus): Promise<string[]> =>
  (await history(bus)).map((event) => event.type).filter((type) => type !== "agent.started");

describe("runAgent", () => {
  it("answers an event once, with an id that follows from it", async () => {
    const bus = new MemoryBus();
    const agent = await runAgent(scribe(), around(bus));
    const cause = await say(bus, "coordinator", opened());
    await until("recalled", async () => (await saidTypes(bus)).length === 2);
    await agent.stop();
    const answer = (await history(bus)).find((event) => event.type === "memory.recalled");
    assert.equal(answer?.id, deriveId(cause, "memory.recalled"));
    assert.equal(answer?.causationid, cause);
    assert.equal(await bus.ackFloor({ durable: "scribe-work", ackWaitMs: 1, maxAckPending: 1 }), await bus.lastSeq());
  });

  it("carries on the trace of the event that it answers", async () => {
    const { startTelemetry } = await import("./telemetry.ts");
    const telemetry = await startTelemetry("test", false);
    const bus = new MemoryBus();
    const agent = await runAgent(scribe(), around(bus));
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const sealed = sealEvent(opened(), {
      signer: signerOf("coordinator"),
      source: "/omega/test",
      now: Date.now(),
      causeId: "cause",
      traceparent,
    });
    await bus.publish(sealed);
    await until("recalled", async () => (await saidTypes(bus)).includes("memory.recalled"));
    await agent.stop();
    await telemetry.shutdown();
    const answer = (await history(bus)).find((event) => event.type === "memory.recalled");
    const [, trace, span] = answer?.traceparent?.split("-") ?? [];
    assert.equal(trace, "0af7651916cd43dd8448eb211c80319c");
    assert.notEqual(span, "b7ad6b7169203331");
  });

  it("tries again after a retryable failure, and parks what never works", async () => {
    const bus = new MemoryBus();
    let attempts = 0;
    const failing = scribe({
      perform() {
        attempts += 1;
        return Promise.resolve(fail("retryable", "chroma_down", "no answer"));
      },
    });
    const agent = await runAgent(failing, around(bus));
    const cause = await say(bus, "coordinator", opened());
    await until("parked", async () => (await saidTypes(bus)).includes("agent.faulted"));
    await agent.stop();
    assert.equal(attempts, 3);
    const faulted = (await history(bus)).find((event) => event.type === "agent.faulted");
    assert.ok(faulted?.type === "agent.faulted");
    assert.equal(faulted.data.failure.code, "deliveries_exhausted");
    assert.match(faulted.data.failure.message, new RegExp(cause));
    assert.ok(
      (await history(bus)).some((event) => event.id === cause),
      "the message stays in the stream",
    );
  });

  const bad: readonly [string, string, (bus: MemoryBus) => Promise<unknown>][] = [
    [
      "bytes that are no event",
      "not_json",
      (bus) => bus.publish({ id: "x", subject: "omega.control.resumed", body: Buffer.from("{") }),
    ],
    [
      "an unknown type",
      "unknown_event_type",
      async (bus) => {
        const sealed = sealEvent(opened(), { signer: signerOf("coordinator"), source: "/o", now: 0, causeId: "c" });
        const envelope = { ...sealed.event, type: "incident.opend" };
        await bus.publish({ ...sealed, body: Buffer.from(JSON.stringify(envelope)) });
      },
    ],
    [
      "a changed payload",
      "bad_signature",
      async (bus) => {
        const sealed = sealEvent(opened(), { signer: signerOf("coordinator"), source: "/o", now: 0, causeId: "c" });
        await bus.publish({
          ...sealed,
          body: Buffer.from(Buffer.from(sealed.body).toString().replace("fails", "falls")),
        });
      },
    ],
    [
      "a subject that is not the event's",
      "wrong_subject",
      async (bus) => {
        const sealed = sealEvent(opened(), { signer: signerOf("coordinator"), source: "/o", now: 0, causeId: "c" });
        await bus.publish({ ...sealed, subject: "omega.incident.inc-2.incident.opened" });
      },
    ],
    [
      "a type that the key may not say",
      "not_its_to_say",
      async (bus) => {
        const forged = { ...signerOf("scout"), role: "coordinator" as const };
        await bus.publish(sealEvent(opened(), { signer: forged, source: "/o", now: 0, causeId: "c" }));
      },
    ],
    [
      "a key that nobody trusts",
      "unknown_key",
      async (bus) => {
        const folder = mkdtempSync(join(tmpdir(), "omega-stranger-"));
        const signer = loadSigner(folder, "coordinator");
        rmSync(folder, { recursive: true });
        await bus.publish(sealEvent(opened(), { signer, source: "/o", now: 0, causeId: "c" }));
      },
    ],
  ];
  for (const [what, code, publish] of bad) {
    it(`parks ${what}, says so once, and goes on`, async () => {
      const bus = new MemoryBus();
      const agent = await runAgent(scribe(), around(bus));
      await publish(bus);
      await say(bus, "coordinator", opened());
      await until("recalled", async () => (await saidTypes(bus)).includes("memory.recalled"));
      await until("faulted", async () => (await saidTypes(bus)).includes("agent.faulted"));
      await agent.stop();
      const faults = (await history(bus)).filter((event) => event.type === "agent.faulted");
      assert.deepEqual(
        faults.map((event) => event.data.failure.code),
        [code],
      );
      assert.equal(agent.state().opened.length, 1);
    });
  }

  it("dies of a bug, and the next start finishes the work with the same id", async () => {
    const bus = new MemoryBus();
    const buggy = await runAgent(
      scribe({
        perform: () => {
          throw new Error("a bug");
        },
      }),
      around(bus),
    );
    const cause = await say(bus, "coordinator", opened());
    await assert.rejects(buggy.done, /a bug/);
    const mended = await runAgent(scribe(), around(bus));
    await until("recalled", async () => (await saidTypes(bus)).includes("memory.recalled"));
    await mended.stop();
    assert.equal(
      (await history(bus)).find((event) => event.type === "memory.recalled")?.id,
      deriveId(cause, "memory.recalled"),
    );
  });

  it("does not perform again what the stream says is done", async () => {
    const bus = new MemoryBus();
    let performed = 0;
    const perform = (_effect: Effect, context: EffectContext<Heard>): Promise<Outcome<readonly Draft[]>> => {
      performed += 1;
      return context.say({ type: "memory.recalled", incidentid: "inc-1", data: recalled } as Draft).then(() => {
        // The result is on the stream, the acknowledgement is not: the process dies right here.
        throw new Error("killed");
      });
    };
    const killed = await runAgent(scribe({ perform }), around(bus));
    await say(bus, "coordinator", opened());
    await assert.rejects(killed.done, /killed/);
    const next = await runAgent(scribe({ perform }), around(bus));
    const queue = { durable: "scribe-work", ackWaitMs: 300, maxAckPending: 4 };
    await until("all acknowledged", async () => (await bus.ackFloor(queue)) === (await bus.lastSeq()));
    await next.stop();
    assert.equal(performed, 1);
  });

  it("drains: what is in work ends, nothing new begins", async () => {
    const bus = new MemoryBus();
    const gate = Promise.withResolvers<void>();
    const agent = await runAgent(
      scribe({
        perform: async () => {
          await gate.promise;
          return ok([{ type: "memory.recalled", incidentid: "inc-1", data: recalled } as Draft]);
        },
      }),
      around(bus),
    );
    await say(bus, "coordinator", opened());
    await until("in work", () => agent.state().opened.length === 1);
    const stopping = agent.stop();
    await say(bus, "coordinator", opened("inc-2"), "another");
    gate.resolve();
    await stopping;
    assert.deepEqual(await saidTypes(bus), ["incident.opened", "incident.opened", "memory.recalled"]);
  });

  it("says a deadline when it passes, also one that passed while it was down", async () => {
    const bus = new MemoryBus();
    const cause = await say(bus, "coordinator", opened());
    const waiting: AgentDefinition<{ readonly due?: number; readonly passed: number }, never> = {
      role: "coordinator",
      version: "0.0.0",
      ackWaitMs: 300,
      deliveriesMax: 3,
      concurrency: 1,
      initialState: { passed: 0 },
      evolve: (state, event, at) => {
        if (event.type === "incident.opened") return { ...state, due: at + 50 };
        return event.type === "deadline.passed" ? { passed: state.passed + 1 } : state;
      },
      decide: () => ({ say: [], perform: [] }),
      perform: () => Promise.resolve(ok([])),
      nextDeadline: (state) => state.due,
      passedDeadlines: (state, now) =>
        state.due !== undefined && state.due <= now
          ? [
              {
                causeId: cause,
                draft: {
                  type: "deadline.passed",
                  incidentid: "inc-1",
                  data: { awaited: "diagnosis", dueAt: new Date(state.due).toISOString() },
                },
              },
            ]
          : [],
    };
    await systemClock.sleep(60);
    const agent = await runAgent(waiting, { ...around(bus), signer: signerOf("coordinator") });
    await until("passed", () => agent.state().passed === 1);
    await agent.stop();
    assert.deepEqual(await saidTypes(bus), ["incident.opened", "deadline.passed"]);
  });
});
