import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Draft, EventOf, EventType, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { definitionOf } from "@omega/bus-schemas/catalogue.ts";
import type { Role } from "@omega/bus-schemas/define-event.ts";
import { agentEnvironment, agentNodeFlags } from "@omega/shared/agent-launch.ts";
import type { Bus } from "@omega/shared/bus.ts";
import { systemClock } from "@omega/shared/clock.ts";
import { openEvent, sealEvent } from "@omega/shared/event-codec.ts";
import { Keyring, loadSigner } from "@omega/shared/signing.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

export interface AgentProcess {
  readonly process: ChildProcess;
  /** What it logged so far. */
  log(): string;
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** Starts one agent as operators do: its main file, a config file, the environment. */
export function startAgent(
  role: Exclude<Role, "operator">,
  environment: Record<string, string>,
  args: string[] = [],
): AgentProcess {
  const child = spawn(process.execPath, [...agentNodeFlags, `agents/${role}/src/main.ts`, ...args], {
    cwd: root,
    env: { ...process.env, ...agentEnvironment, ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const gone = once(child, "exit");
  return {
    process: child,
    log: () => log,
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
    async stop() {
      child.kill("SIGTERM");
      await gone;
      return child.exitCode;
    },
  };
}

/** Waits for a condition; fails with what was awaited and what `show` says. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  show: () => string = () => "",
  limitMs = 20_000,
): Promise<void> {
  const limit = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > limit) throw new Error(`never: ${what}\n${show()}`);
    await systemClock.sleep(20);
  }
}

/** The rest of the world on a bus: says events in any role and reads what is there. */
export class Stage {
  readonly #bus: Bus;
  readonly #keys: string;

  constructor(bus: Bus, keys: string) {
    this.#bus = bus;
    this.#keys = keys;
  }

  /** Says the golden sample of a type, changed as told. */
  async say<Type extends EventType>(
    role: Role,
    type: Type,
    options: { incidentid?: string; data?: object; causeId: string },
  ): Promise<string> {
    const data = { ...(definitionOf(type)?.example as object), ...options.data };
    const { incidentid } = options;
    const draft = { type, data, ...(incidentid === undefined ? {} : { incidentid }) } as unknown as Draft;
    const sealed = sealEvent(draft, {
      signer: loadSigner(this.#keys, role),
      source: "/omega/test",
      now: Date.now(),
      causeId: options.causeId,
    });
    const published = await this.#bus.publish(sealed);
    if (!published.ok) throw new Error(published.failure.message);
    return sealed.id;
  }

  async history(): Promise<OmegaEvent[]> {
    const keyring = new Keyring(this.#keys);
    const events: OmegaEvent[] = [];
    for await (const stored of this.#bus.read({ fromSeq: 1, toSeq: await this.#bus.lastSeq() })) {
      const opened = openEvent(stored.body, stored.subject, keyring);
      if (opened.ok) events.push(opened.value);
    }
    return events;
  }

  async of<Type extends EventType>(type: Type): Promise<EventOf<Type>[]> {
    return (await this.history()).filter((event): event is Extract<OmegaEvent, EventOf<Type>> => event.type === type);
  }

  async first<Type extends EventType>(type: Type, show: () => string = () => ""): Promise<EventOf<Type>> {
    let found: EventOf<Type> | undefined;
    await until(`${type} is said`, async () => (found = (await this.of(type))[0]) !== undefined, show);
    if (found === undefined) throw new Error(type);
    return found;
  }
}
