import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Draft, EventType, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { definitionOf } from "@omega/bus-schemas/catalogue.ts";
import { rulesSchema } from "@omega/coordinator/config.ts";
import { coordinator, rulesAnnouncement } from "@omega/coordinator/definition.ts";
import { announcementOf } from "@omega/coordinator/policy-watch.ts";
import { runAgent, type AgentDefinition, type AgentRole, type RunningAgent } from "@omega/shared/agent.ts";
import type { Bus } from "@omega/shared/bus.ts";
import { systemClock } from "@omega/shared/clock.ts";
import { openEvent } from "@omega/shared/event-codec.ts";
import { systemIds } from "@omega/shared/ids.ts";
import { createLog } from "@omega/shared/log.ts";
import { installBus, NatsBus } from "@omega/shared/nats-bus.ts";
import { startNatsServer } from "@omega/shared/nats-server.ts";
import { ok } from "@omega/shared/outcome.ts";
import { readPolicyFolder } from "@omega/shared/policy/policy-set.ts";
import { Keyring, loadSigner } from "@omega/shared/signing.ts";
import type { BenchResult, Report } from "./contract.ts";

export const about =
  "signal to order through four agents with no waits inside, as a ratio to as many raw JetStream round trips";

const policies = readPolicyFolder(fileURLToPath(new URL("../infra/config/policies", import.meta.url)));
/** As many orders as the bench makes, on one target: budgets are not what is measured. */
const unlimited = {
  actionsPerMinute: 1000,
  targetsPerHour: 1000,
  repeatsMax: 1000,
  incidentsMax: 1000,
};
const incidents = 200;
const warmup = 20;
/** signal, opened, diagnosis (recall beside it), requested, proposed, ordered: each waits for the one before it. */
const roundTrips = 6;

/** An agent that answers at once with its golden sample: what is measured is everything between the agents' own thinking. */
function prompt(role: AgentRole, hears: EventType, says: EventType): AgentDefinition<null, never> {
  const data = definitionOf(says)?.example;
  return {
    role,
    version: "0.0.0",
    ackWaitMs: 5000,
    deliveriesMax: 3,
    concurrency: 8,
    initialState: null,
    evolve: () => null,
    decide: (event) => ({
      say: event.type === hears ? [{ type: says, incidentid: event.incidentid, data } as Draft] : [],
      perform: [],
    }),
    perform: () => Promise.resolve(ok([])),
  };
}

export async function run(report: Report): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), "omega-bench-bus-"));
  const server = await startNatsServer({ storeDir: join(folder, "nats") });
  const open = async (): Promise<NatsBus> => {
    const bus = await NatsBus.connect({ servers: [server.url], name: "bench" });
    if (!bus.ok) throw new Error(bus.failure.message);
    return bus.value;
  };
  try {
    await installBus({ servers: [server.url], name: "bench" });
    report(`nats-server ${server.program.version}, synced ${server.synced}; ${incidents} incidents`);
    const chain = await measureChain(open, join(folder, "keys"));
    report("the same number of raw round trips");
    const floor = await measureFloor(await open(), await open());
    const figure = quantile(chain, 0.5);
    const rawMs = quantile(floor, 0.5);
    return {
      name: "bus",
      figure,
      unit: "ms, p50",
      floor: rawMs,
      ratio: figure / rawMs,
      p95: quantile(chain, 0.95),
      floorP95: quantile(floor, 0.95),
      ratioP95: quantile(chain, 0.95) / quantile(floor, 0.95),
      roundTrips,
      incidents,
      server: server.program.version,
      synced: server.synced,
    };
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureChain(open: () => Promise<NatsBus>, keys: string): Promise<number[]> {
  const rules = rulesSchema.parse({ settleMs: 0, stormMs: 0, budgets: unlimited, namespaces: { allow: ["shop"] } });
  const agents: { agent: Pick<RunningAgent<unknown>, "stop" | "say">; bus: Bus }[] = [];
  const start = async <State, Effect>(definition: AgentDefinition<State, Effect>): Promise<RunningAgent<State>> => {
    const bus = await open();
    const agent = await runAgent(definition, {
      bus,
      signer: loadSigner(keys, definition.role),
      keyring: new Keyring(keys),
      clock: systemClock,
      ids: systemIds,
      log: createLog("bench", "silent"),
      instance: `${definition.role}-bench`,
      fence: 1,
    });
    agents.push({ agent, bus });
    return agent;
  };
  const scout = await start(prompt("scout", "incident.opened", "diagnosis.reached"));
  await start(prompt("scribe", "incident.opened", "memory.recalled"));
  await start(prompt("surgeon", "remediation.requested", "remediation.proposed"));
  await start({
    ...coordinator(rules),
    opening: (state) => {
      const loaded = announcementOf(policies, state.policies);
      return [...rulesAnnouncement(rules, state.rules), ...(loaded === undefined ? [] : [loaded])];
    },
  });
  const times: number[] = [];
  for await (const time of signalToOrder(await open(), scout, keys)) times.push(time);
  for (const { agent, bus } of agents) {
    await agent.stop();
    await bus.close();
  }
  return times.slice(warmup);
}

/** Says a signal, waits for its order, and so on; yields milliseconds. */
async function* signalToOrder(
  watching: Bus,
  scout: Pick<RunningAgent<null>, "say">,
  keys: string,
): AsyncIterable<number> {
  const stop = new AbortController();
  const keyring = new Keyring(keys);
  const ordered = watching.read({ fromSeq: 1, signal: stop.signal })[Symbol.asyncIterator]();
  for (let number = 0; number < incidents + warmup; number += 1) {
    const from = performance.now();
    const data = {
      ...(definitionOf("signal.detected")?.example as object),
      signalId: `sig-${number}`,
      service: `service-${number}`,
    };
    await scout.say({ type: "signal.detected", data } as Draft, `bench-${number}`);
    let event: OmegaEvent | undefined;
    while (event?.type !== "action.ordered") {
      const { value, done } = await ordered.next();
      if (done === true) throw new Error("the stream ended before the order");
      const opened = openEvent(value.body, value.subject, keyring);
      event = opened.ok ? opened.value : undefined;
    }
    yield performance.now() - from;
  }
  stop.abort();
  await watching.close();
}

/** One client publishes, the other gets the message by its durable and acknowledges; as many times in sequence as the chain has steps. */
async function measureFloor(speaker: Bus, listener: Bus): Promise<number[]> {
  const queue = { durable: "bench-floor", ackWaitMs: 5000, maxAckPending: 1 };
  const body = new Uint8Array(1024).fill(120);
  const stop = new AbortController();
  const deliveries = listener.work(queue, stop.signal)[Symbol.asyncIterator]();
  const roundTrip = async (id: string): Promise<void> => {
    await speaker.publish({ id, subject: "omega.control.resumed", body });
    for (;;) {
      const { value, done } = await deliveries.next();
      if (done === true) throw new Error("the deliveries ended");
      await value.ack();
      if (value.subject === "omega.control.resumed") return;
    }
  };
  const times: number[] = [];
  for (let number = 0; number < incidents + warmup; number += 1) {
    const from = performance.now();
    for (let trip = 0; trip < roundTrips; trip += 1) await roundTrip(`floor-${number}-${trip}`);
    times.push(performance.now() - from);
  }
  stop.abort();
  await listener.close();
  await speaker.close();
  return times.slice(warmup);
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
