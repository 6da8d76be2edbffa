import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Draft, EventType, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { definitionOf } from "@omega/bus-schemas/catalogue.ts";
import { rulesSchema } from "@omega/coordinator/config.ts";
import { coordinator, rulesAnnouncement } from "@omega/coordinator/definition.ts";
import type { State } from "@omega/coordinator/state.ts";
import { firstRulesOf, replay } from "@omega/coordinator/replay.ts";
import { runAgent, type AgentDefinition, type AgentRole, type RunningAgent } from "@omega/shared/agent.ts";
import { openEvent, sealEvent } from "@omega/shared/event-codec.ts";
import { createLog } from "@omega/shared/log.ts";
import { MemoryBus } from "@omega/shared/memory-bus.ts";
import { ok } from "@omega/shared/outcome.ts";
import { announcementOf } from "@omega/coordinator/policy-watch.ts";
import { readPolicyFolder } from "@omega/shared/policy/policy-set.ts";
import type { RecordedEvent } from "@omega/shared/recording.ts";
import { Keyring, loadSigner } from "@omega/shared/signing.ts";
import { HostileBus, Killed, type Hostility } from "./hostile-bus.ts";
import { VirtualClock } from "./virtual-clock.ts";

const keys = mkdtempSync(join(tmpdir(), "omega-simulation-"));
after(() => rmSync(keys, { recursive: true, force: true }));
const rules = rulesSchema.parse({
  namespaces: { allow: ["shop"] },
  budgets: { repeatsMax: 1000, actionsPerMinute: 1000, incidentsMax: 1000 },
  stormMs: 0,
});
const policies = readPolicyFolder(fileURLToPath(new URL("../../infra/config/policies", import.meta.url)));
const incidentCount = 3;
const seeds =
  process.env["OMEGA_SEED"] === undefined
    ? Array.from({ length: 25 }, (_, at) => at + 1)
    : [Number(process.env["OMEGA_SEED"])];

/** mulberry32 (public domain, Tommy Ettinger): one seed, one sequence. */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The world outside: how often each ordered action took effect in it. */
type World = Map<string, number>;

/** Answers each type with the golden sample of another; the order also takes effect in the world, once a target is where it should be. */
function answering(
  role: AgentRole,
  answers: Partial<Record<EventType, EventType>>,
  world: World,
): AgentDefinition<null, OmegaEvent> {
  return {
    role,
    version: "0.0.0",
    ackWaitMs: 2000,
    deliveriesMax: 1000,
    concurrency: 4,
    initialState: null,
    evolve: () => null,
    decide: (event) => ({ say: [], perform: answers[event.type] === undefined ? [] : [event] }),
    perform(event) {
      const says = answers[event.type];
      if (says === undefined) return Promise.resolve(ok([]));
      const actionId = "actionId" in event.data ? { actionId: event.data.actionId } : {};
      if (event.type === "action.ordered") world.set(event.data.actionId, 1);
      const data = { ...(definitionOf(says)?.example as object), ...actionId };
      return Promise.resolve(ok([{ type: says, incidentid: event.incidentid, data } as unknown as Draft]));
    },
  };
}

/** Keeps a process running: killed, it comes back after a second with nothing but what the stream says. */
class Process<State, Effect> {
  kills = 0;
  #agent: RunningAgent<State> | undefined;
  #ended = false;
  readonly #role: AgentRole;
  readonly #life: Promise<void>;

  constructor(
    definition: AgentDefinition<State, Effect>,
    bus: MemoryBus,
    clock: VirtualClock,
    chance: () => number,
    hostility: Hostility,
  ) {
    this.#role = definition.role;
    const around = {
      bus: new HostileBus(bus, chance, hostility),
      signer: loadSigner(keys, definition.role),
      keyring: new Keyring(keys),
      clock,
      ids: { random: () => chance().toString(16).slice(2).padEnd(16, "0") },
      log: createLog("simulation", "silent"),
      instance: definition.role,
      fence: 1,
    };
    this.#life = (async () => {
      while (!this.#ended) {
        try {
          this.#agent = await runAgent(definition, around);
          await this.#agent.done;
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          this.kills += 1;
          await clock.sleep(1000);
        }
      }
    })();
  }

  /** A process that is down comes up once more, to be stopped in order. */
  async end(clock: VirtualClock): Promise<void> {
    this.#ended = true;
    let over = false;
    void this.#life.finally(() => (over = true));
    const ended = await clock.runUntil(() => {
      // Not awaited: stopping takes virtual time, which passes only here.
      void this.#agent?.stop().catch(() => undefined);
      return over;
    }, 60_000);
    assert.ok(ended, `${this.#role} did not end`);
  }
}

async function recordingOf(bus: MemoryBus): Promise<RecordedEvent[]> {
  const recording: RecordedEvent[] = [];
  const keyring = new Keyring(keys);
  for await (const { seq, storedAt, body, subject } of bus.read({ fromSeq: 1, toSeq: await bus.lastSeq() })) {
    const opened = openEvent(body, subject, keyring);
    assert.ok(opened.ok);
    recording.push({ seq, storedAt, event: opened.value });
  }
  return recording;
}

/** As the Coordinator's process does it: rules and policies are on the stream before the first decision. */
function opening(state: State): Draft[] {
  const draft = announcementOf(policies, state.policies);
  return [...rulesAnnouncement(rules, state.rules), ...(draft === undefined ? [] : [draft])];
}

async function simulate(
  seed: number,
): Promise<{ recording: RecordedEvent[]; world: World; kills: number; healed: boolean }> {
  const chance = chanceOf(seed);
  const clock = new VirtualClock(Date.parse("2026-11-24T03:00:00.000Z"));
  const bus = new MemoryBus(clock);
  const world: World = new Map();
  const hostility: Hostility = {
    lostPublish: 0.05,
    lostAnswer: 0.05,
    lostAck: 0.05,
    repeatedDelivery: 0.05,
    kill: 0.02,
  };
  const processes = [
    new Process({ ...coordinator(rules), opening }, bus, clock, chance, hostility),
    new Process(
      answering(
        "scout",
        { "incident.opened": "diagnosis.reached", "verification.requested": "recovery.confirmed" },
        world,
      ),
      bus,
      clock,
      chance,
      hostility,
    ),
    new Process(answering("scribe", { "incident.opened": "memory.recalled" }, world), bus, clock, chance, hostility),
    new Process(
      answering(
        "surgeon",
        { "remediation.requested": "remediation.proposed", "action.ordered": "action.succeeded" },
        world,
      ),
      bus,
      clock,
      chance,
      hostility,
    ),
  ];
  for (let number = 0; number < incidentCount; number += 1) {
    const data = {
      ...(definitionOf("signal.detected")?.example as object),
      signalId: `sig-${number}`,
      service: `service-${number}`,
    };
    const draft = { type: "signal.detected", data } as Draft;
    const signer = loadSigner(keys, "scout");
    await bus.publish(sealEvent(draft, { signer, source: "/omega/test", now: clock.now(), causeId: `sig-${number}` }));
    // A second apart, so that each is an incident of its own rather than one storm.
    await clock.runUntil(() => false, 1000);
  }
  const healed = await clock.runUntil(async () => {
    const ends = (await recordingOf(bus)).filter(({ event }) => event.type === "incident.resolved");
    return new Set(ends.map(({ event }) => event.incidentid)).size === incidentCount;
  }, 600_000);
  for (const process of processes) await process.end(clock);
  const kills = processes.reduce((sum, process) => sum + process.kills, 0);
  return { recording: await recordingOf(bus), world, kills, healed };
}

describe("incidents on a hostile bus", () => {
  for (const seed of seeds) {
    it(`end healed by one effect each, and replay the same (OMEGA_SEED=${seed})`, async () => {
      const { recording, world, healed } = await simulate(seed);
      const story = recording.map(({ seq, event }) => `${seq} ${event.type} ${event.incidentid ?? ""}`).join("\n");
      assert.ok(healed, `not every incident was resolved\n${story}`);
      const orders = recording.filter(({ event }) => event.type === "action.ordered").map(({ event }) => event.id);
      assert.equal(new Set(orders).size, incidentCount, story);
      assert.deepEqual(
        [...world.values()],
        Array.from({ length: incidentCount }, () => 1),
        story,
      );
      // The recording tells the rules itself: nobody has to know them.
      const again = replay(recording, firstRulesOf(recording) ?? rulesSchema.parse({ confidenceMin: 1 }));
      assert.deepEqual(again.differing, [], story);
      assert.ok(again.decisions > 0);
    });
  }

  it("is the same run for the same seed", async () => {
    const [one, other] = [await simulate(4711), await simulate(4711)];
    const told = ({ recording }: { recording: RecordedEvent[] }): string[] =>
      recording.map(({ event, storedAt }) => `${event.id} ${storedAt}`);
    assert.deepEqual(told(one), told(other));
    assert.ok(one.kills > 0, "a simulation that kills nobody proves nothing");
  });
});
