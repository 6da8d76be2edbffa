import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { busUsers } from "@omega/bus-schemas/access.ts";
import { agentEnvironment, agentNodeFlags } from "@omega/shared/agent-launch.ts";
import { busIdentity, makeBusIdentity } from "@omega/shared/bus-identity.ts";
import type { Clock } from "@omega/shared/clock.ts";
import { timeText } from "@omega/shared/clock.ts";
import { authorizationConfig } from "@omega/bus-schemas/authorization.ts";
import { installBus } from "@omega/shared/nats-bus.ts";
import { loadSigner } from "@omega/shared/signing.ts";
import { BusServer } from "./bus-server.ts";
import { BusSession } from "./bus-session.ts";
import { CommandFailure, exitCode } from "./exit-code.ts";
import { installation, makeHome, type Home } from "./home.ts";
import { clearLeftovers } from "./leftovers.ts";
import { removeRunRecord, writeRunRecord } from "./run-record.ts";
import { SupervisedProcess } from "./supervised-process.ts";

/** The agents, in the order in which they stop: first no new signals, then no new orders, then no effects, and the writer last. */
export const agentNames = ["scout", "coordinator", "surgeon", "scribe"] as const;

const agentDrainMs = 15_000;
const agentsUpWithinMs = 60_000;

export interface MachineOptions {
  readonly home: Home;
  /** Port of the bus; 0 takes a free one. */
  readonly port: number;
  /** Folder that holds `<agent>.yaml`. */
  readonly configFolder: string;
  /** Further variables for the agents, which their config files may refer to. */
  readonly environment: Readonly<Record<string, string>>;
  /** Port of the console, 0 for a free one; absent: no console. */
  readonly consolePort?: number;
  readonly clock: Clock;
  /** What else runs beside it and must be found again after a crash. */
  readonly alsoRunning?: () => readonly ProcessRow[];
  /** Told whenever a process comes or goes. */
  readonly tell: (name: string, what: string) => void;
}

export interface ProcessRow {
  readonly name: string;
  readonly pid: number | undefined;
  readonly state: string;
  readonly restarts: number;
  readonly log: string | undefined;
}

/** All of Omega on one machine: the bus with its stream, the keys, and the four agents as supervised processes. */
export class Machine {
  readonly session: BusSession;
  readonly url: string;
  readonly #server: BusServer;
  readonly #agents: readonly SupervisedProcess[];
  readonly #console: SupervisedProcess | undefined;
  readonly #options: MachineOptions;
  readonly #startedAt: string;

  private constructor(server: BusServer, session: BusSession, options: MachineOptions) {
    this.#server = server;
    this.session = session;
    this.url = server.url;
    this.#options = options;
    this.#startedAt = timeText(options.clock.now());
    this.#agents = agentNames.map((name) => this.#process(name, join("agents", name, "src", "main.ts")));
    if (options.consolePort !== undefined)
      this.#console = this.#process("console", join("console", "src", "main.ts"), "--address-only");
  }

  /** Resolves once every agent has said on the bus that it takes work. Throws a CommandFailure, having stopped what was started. */
  static async start(options: MachineOptions, signal: AbortSignal): Promise<Machine> {
    const { home, clock, tell } = options;
    makeHome(home);
    await clearLeftovers(home, clock, tell);
    let machine: Machine | undefined;
    const server = await BusServer.start({
      home,
      port: options.port,
      config: accessOf(home),
      clock,
      onChange: (what) => {
        tell("nats-server", what);
        machine?.record();
      },
    });
    tell("nats-server", `${server.program.version} listens at ${server.url}`);
    try {
      const installed = await installBus({
        servers: [server.url],
        name: "omega-up",
        identity: busIdentity(home.keys, "installer"),
      });
      if (!installed.ok) throw new CommandFailure(exitCode.unavailable, installed.failure.message);
      loadSigner(home.keys, "operator");
      machine = new Machine(server, await BusSession.open(home, server.url), options);
    } catch (error) {
      await server.stop();
      throw error;
    }
    try {
      await machine.#startAgents(signal);
      return machine;
    } catch (error) {
      await machine.stop();
      throw error;
    }
  }

  /**
   * Starts the console, which builds its page first where its sources changed. Resolves with its address, or with nothing where it ended
   * instead: Omega works without it, and it is started again.
   */
  async startConsole(): Promise<string | undefined> {
    this.#console?.start();
    return await this.#console?.firstLine.catch(() => undefined);
  }

  rows(): ProcessRow[] {
    return [
      { name: "nats-server", pid: this.#server.pid, state: "running", restarts: 0, log: undefined },
      ...this.#supervised().map(({ spec, pid, state, restarts, logFile }) => ({
        name: spec.name,
        pid,
        state,
        restarts,
        log: logFile,
      })),
    ];
  }

  /** Drains the agents one after the other, then the bus. */
  async stop(): Promise<void> {
    await this.session.close();
    for (const one of this.#supervised()) {
      await one.stop();
      this.#options.tell(one.spec.name, "stopped");
    }
    await this.#server.stop();
    this.#options.tell("nats-server", "stopped");
    removeRunRecord(this.#options.home);
  }

  record(): void {
    const processes = [...this.rows(), ...(this.#options.alsoRunning?.() ?? [])].flatMap(({ name, pid }) =>
      pid === undefined ? [] : [{ name, pid }],
    );
    writeRunRecord(this.#options.home, { pid: process.pid, startedAt: this.#startedAt, natsUrl: this.url, processes });
  }

  /** In the order in which they stop: the console watches until the end. */
  #supervised(): readonly SupervisedProcess[] {
    return this.#console === undefined ? this.#agents : [...this.#agents, this.#console];
  }

  #process(name: string, entry: string, ...flags: readonly string[]): SupervisedProcess {
    const { home, configFolder, environment, clock, tell, consolePort } = this.#options;
    return new SupervisedProcess(
      {
        name,
        args: [...agentNodeFlags, join(installation, entry), "--config", join(configFolder, `${name}.yaml`), ...flags],
        env: {
          ...process.env,
          ...agentEnvironment,
          OMEGA_KEYS: home.keys,
          OMEGA_POSTMORTEMS: home.postmortems,
          OMEGA_AUDIT: home.audit,
          OMEGA_AUDIT_BLOBS: home.auditBlobs,
          OMEGA_CONSOLE_STATE: home.console,
          OMEGA_SETTINGS: configFolder,
          ...(consolePort === undefined ? {} : { OMEGA_CONSOLE_PORT: String(consolePort) }),
          ...environment,
          OMEGA_NATS_URL: this.url,
        },
        cwd: process.cwd(),
        drainMs: agentDrainMs,
        restart: true,
      },
      {
        logs: home.logs,
        clock,
        onLine: () => undefined,
        onChange: (_process, what) => {
          tell(name, what);
          this.record();
        },
      },
    );
  }

  async #startAgents(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const waiting = new AbortController();
    const timeout = clock.sleep(agentsUpWithinMs, waiting.signal).then(() => waiting.abort());
    const stop = (): void => waiting.abort();
    signal.addEventListener("abort", stop, { once: true });
    const fromSeq = (await this.session.bus.lastSeq()) + 1;
    for (const agent of this.#agents) agent.start();
    const watching = this.#watchFailures(waiting);
    const missing = new Set<string>(agentNames);
    for await (const { event } of this.session.follow({ fromSeq, signal: waiting.signal })) {
      if (event.type !== "agent.started") continue;
      if (this.#agents.some(({ spec, pid }) => spec.name === event.data.agent && pid === event.data.pid)) {
        missing.delete(event.data.agent);
      }
      if (missing.size === 0) break;
    }
    waiting.abort();
    signal.removeEventListener("abort", stop);
    await Promise.all([timeout, watching]);
    if (signal.aborted) throw new CommandFailure(exitCode.interrupted, "interrupted");
    if (missing.size > 0) throw this.#notUp([...missing]);
  }

  /** An agent whose config file is bad will never come; waiting for the others would only hide why. */
  async #watchFailures(waiting: AbortController): Promise<void> {
    while (!waiting.signal.aborted) {
      if (this.#agents.some(({ state }) => state === "failed")) waiting.abort();
      await this.#options.clock.sleep(100, waiting.signal);
    }
  }

  #notUp(missing: readonly string[]): CommandFailure {
    const failed = this.#agents.find(({ state }) => state === "failed");
    const shown = failed ?? this.#agents.find(({ spec }) => missing.includes(spec.name));
    const said = (shown?.tail ?? []).map((line) => `  ${line}`).join("\n");
    return new CommandFailure(
      failed === undefined ? exitCode.unavailable : exitCode.config,
      `${missing.join(", ")} did not come up.\n${shown?.spec.name ?? ""} said:\n${said}\nLog: ${shown?.logFile ?? this.#options.home.logs}`,
    );
  }
}

/** Every process signs in to the embedded bus by its own key and may do only its part. Whoever gives no name may look. */
function accessOf({ keys }: Home): string {
  const users = busUsers.filter((user) => user !== "viewer");
  return authorizationConfig(
    users.map((user) => ({ user, nkey: makeBusIdentity(busIdentity(keys, user)) })),
    { lookingWithoutName: { password: randomBytes(24).toString("base64url") } },
  );
}
