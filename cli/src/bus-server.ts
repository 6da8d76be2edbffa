import type { Clock } from "@omega/shared/clock.ts";
import {
  findNatsServer,
  startNatsServer,
  type NatsServerProgram,
  type RunningNatsServer,
} from "@omega/shared/nats-server.ts";
import { reasonOf } from "@omega/shared/outcome.ts";
import { CommandFailure, exitCode } from "./exit-code.ts";
import { installation, type Home } from "./home.ts";

const backoffFirstMs = 250;
const backoffMaxMs = 10_000;

export interface BusServerOptions {
  readonly home: Home;
  readonly port: number;
  /** Further lines of nats-server's own configuration: who may connect, and what they may do. */
  readonly config: string;
  readonly clock: Clock;
  readonly onChange: (what: string) => void;
}

/** The embedded nats-server, started again at the same port should it die: agents reconnect by themselves and lose nothing. */
export class BusServer {
  readonly url: string;
  readonly program: NatsServerProgram;
  readonly #storeDir: string;
  readonly #config: string;
  readonly #clock: Clock;
  readonly #onChange: (what: string) => void;
  readonly #stopping = new AbortController();
  #server: RunningNatsServer;
  #kept: Promise<void>;

  private constructor(server: RunningNatsServer, options: BusServerOptions) {
    this.#server = server;
    this.url = server.url;
    this.program = server.program;
    this.#storeDir = options.home.natsStore;
    this.#config = options.config;
    this.#clock = options.clock;
    this.#onChange = options.onChange;
    this.#kept = this.#keep();
  }

  /** Port 0 takes a free one. Throws a CommandFailure for a busy port, a missing program, a store that the server refuses. */
  static async start(options: BusServerOptions): Promise<BusServer> {
    const { home, port, config } = options;
    const program = findNatsServer(process.env, installation);
    if (!program.ok) throw new CommandFailure(exitCode.unavailable, program.message);
    try {
      const server = await startNatsServer({ storeDir: home.natsStore, port, config, program: program.value });
      return new BusServer(server, options);
    } catch (error) {
      throw new CommandFailure(exitCode.unavailable, reasonOf(error));
    }
  }

  get pid(): number {
    return this.#server.pid;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#server.stop();
    await this.#kept;
  }

  async #keep(): Promise<void> {
    const port = Number(new URL(this.url).port);
    let pauseMs = backoffFirstMs;
    await this.#server.exited;
    while (!this.#stopping.signal.aborted) {
      this.#onChange(`ended; starting again at port ${port} in ${pauseMs} ms`);
      await this.#clock.sleep(pauseMs, this.#stopping.signal);
      if (this.#stopping.signal.aborted) return;
      try {
        this.#server = await startNatsServer({
          storeDir: this.#storeDir,
          port,
          config: this.#config,
          program: this.program,
        });
        pauseMs = backoffFirstMs;
        this.#onChange(`runs as process ${this.#server.pid}`);
        await this.#server.exited;
      } catch (error) {
        this.#onChange(reasonOf(error));
        pauseMs = Math.min(backoffMaxMs, pauseMs * 2);
      }
    }
  }
}
