import { leaseBucket } from "@omega/bus-schemas/streams.ts";
import type { z } from "zod";
import { runAgent, type AgentDefinition, type AgentRole, type AgentSurroundings, type RunningAgent } from "./agent.ts";
import type { AgentConfig } from "./agent-config.ts";
import { busIdentity } from "./bus-identity.ts";
import type { Bus } from "./bus.ts";
import { systemClock } from "./clock.ts";
import { systemIds } from "./ids.ts";
import { HistoryLost } from "./known-past.ts";
import { leadOnce, type Leadership } from "./lease.ts";
import { createLog, type Log } from "./log.ts";
import { NatsBus } from "./nats-bus.ts";
import { reasonOf } from "./outcome.ts";
import { configFromCommandLine } from "./process-config.ts";
import { Keyring, loadSigner } from "./signing.ts";
import { startTelemetry } from "./telemetry.ts";

/** EX_TEMPFAIL of sysexits.h: start it again. */
const historyLostCode = 75;
const connectRetryMs = 500;

/** What an agent's composition root is given. */
export interface AgentSetting<Config> {
  readonly config: Config;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly bus: Bus;
  readonly keyring: Keyring;
  /** Distinguishes replicas, e.g. `scribe-4242`. */
  readonly instance: string;
}

/** What it gives back: the definition, and what runs beside it (receivers, timers). */
export interface Composition<State, Effect> {
  readonly definition: AgentDefinition<State, Effect>;
  /** Called once the agent is on the bus. */
  started?(agent: RunningAgent<State>): Promise<void>;
  /** Work beside the agent until the setting's signal aborts. The process ends when it rejects: that is a bug. */
  beside?(agent: RunningAgent<State>): Promise<void>;
  /** Called when it drains. */
  stopped?(): Promise<void>;
}

/**
 * The life of an agent's process: config file, log, keys, bus (waiting for it as long as it takes), lease where one leads, agent, and a
 * graceful drain on SIGTERM or SIGINT. Exit codes: 0 after a drain, 78 (EX_CONFIG) for a bad config, 75 (EX_TEMPFAIL) when the stream
 * went back in time, 1 for a bug or a lost lease.
 */
export async function runAgentProcess<Schema extends z.ZodType<AgentConfig>, State, Effect>(options: {
  role: AgentRole;
  version: string;
  configSchema: Schema;
  /** Only one process of this role works at a time. */
  leads?: boolean;
  /** `undefined` after it wrote what is wrong with the config to standard error: the process exits with 78. */
  compose(setting: AgentSetting<z.output<Schema>>): Promise<Composition<State, Effect> | undefined>;
}): Promise<void> {
  const { role } = options;
  const started = configFromCommandLine({
    name: role,
    program: `agents/${role}/src/main.ts`,
    schema: options.configSchema,
  });
  if (started === undefined) return;
  const { config } = started;
  const log = createLog(role, config.log.level);
  const stopping = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stopping.abort());
  const telemetry = await startTelemetry(role, exportsTraces(process.env));
  const bus = await connectPatiently(config, role, log, stopping.signal);
  if (bus === undefined) return;
  try {
    const around = { bus, log, instance: `${role}-${process.pid}`, clock: systemClock, ids: systemIds };
    const leadership = options.leads === true ? await lead(role, around, stopping.signal) : undefined;
    if (options.leads === true && leadership === undefined) return;
    const keyring = new Keyring(config.keys);
    const { instance } = around;
    const composition = await options.compose({ config, log, signal: stopping.signal, bus, keyring, instance });
    if (composition === undefined) {
      process.exitCode = 78;
      return;
    }
    const agent = await runAgent(composition.definition, {
      ...around,
      signer: loadSigner(config.keys, role),
      keyring,
      fence: leadership?.fence ?? 0,
    });
    await composition.started?.(agent);
    log.info({ instance: around.instance }, "up");
    const beside = composition.beside?.(agent);
    await untilDone(agent, stopping, leadership, beside);
    await beside;
    await composition.stopped?.();
    await leadership?.release();
  } catch (error) {
    if (error instanceof HistoryLost) {
      log.fatal(
        { seq: error.seq },
        "the stream went back in time; this process ends, and folds it anew when it is started again",
      );
      process.exitCode = historyLostCode;
      return;
    }
    log.fatal(
      { reason: reasonOf(error), stack: error instanceof Error ? error.stack : undefined },
      "a bug ends this process",
    );
    process.exitCode = 1;
  } finally {
    stopping.abort();
    await bus.close();
    await telemetry.shutdown();
    // Receivers and sockets of third parties may hold the loop; everything that matters is closed.
    setTimeout(() => process.exit(), 2000).unref();
  }
}

async function untilDone<State>(
  agent: RunningAgent<State>,
  stopping: AbortController,
  leadership?: Leadership,
  beside?: Promise<void>,
): Promise<void> {
  const asked = new Promise<"asked">((resolve) => {
    if (stopping.signal.aborted) resolve("asked");
    stopping.signal.addEventListener("abort", () => resolve("asked"), { once: true });
  });
  const lost = new Promise<"lost">((resolve) => leadership?.lost.addEventListener("abort", () => resolve("lost")));
  // Work beside the agent ends by itself only when it fails, and then this rejects.
  const failed = new Promise<never>((_resolve, reject) => beside?.catch(reject));
  const ended = await Promise.race([asked, lost, failed, agent.done.then(() => "done" as const)]);
  if (ended === "lost") throw new Error("the lease was lost; another process may lead already");
  stopping.abort();
  await agent.stop();
}

async function connectPatiently(
  config: AgentConfig,
  role: AgentRole,
  log: Log,
  signal: AbortSignal,
): Promise<NatsBus | undefined> {
  const identity = busIdentity(config.keys, role, config.bus.credentials);
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    const bus = await NatsBus.connect({ servers: config.bus.servers, name: `omega-${role}`, identity });
    if (bus.ok) return bus.value;
    if (attempt % 10 === 1) log.warn({ failure: bus.failure, attempt }, "waiting for the bus");
    await systemClock.sleep(connectRetryMs, signal);
  }
  return undefined;
}

function lead(
  role: AgentRole,
  around: Pick<AgentSurroundings, "bus" | "log" | "instance" | "clock">,
  signal: AbortSignal,
): Promise<Leadership | undefined> {
  return leadOnce(around.bus.leases(), {
    key: role,
    holder: around.instance,
    ttlMs: leaseBucket.ttlMs,
    clock: around.clock,
    signal,
    onTrouble: (reason) => around.log.warn({ reason }, "the lease store did not answer"),
  });
}

function exportsTraces(environment: Readonly<Record<string, string | undefined>>): boolean {
  return (
    (environment["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]) !== undefined
  );
}
