import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { StoredMessage } from "@omega/shared/bus.ts";
import { busIdentity } from "@omega/shared/bus-identity.ts";
import { openEvent } from "@omega/shared/event-codec.ts";
import { NatsBus } from "@omega/shared/nats-bus.ts";
import { Keyring } from "@omega/shared/signing.ts";
import { CommandFailure, exitCode } from "./exit-code.ts";
import type { Home } from "./home.ts";
import { isAlive, readRunRecord } from "./run-record.ts";

/** An event with its place in the stream. */
export interface Recorded {
  readonly seq: number;
  /** Milliseconds since the epoch, by the server's clock. */
  readonly storedAt: number;
  readonly event: OmegaEvent;
}

/** Where the bus is: said explicitly, by the environment, by a running `omega up`, or at the standard port. */
export function busUrl(home: Home, explicit: string | undefined, environment: NodeJS.ProcessEnv): string {
  if (explicit !== undefined) return explicit;
  const fromEnvironment = environment["OMEGA_NATS_URL"];
  if (fromEnvironment !== undefined && fromEnvironment !== "") return fromEnvironment;
  const running = readRunRecord(home);
  return running !== undefined && isAlive(running.pid) ? running.natsUrl : "nats://127.0.0.1:4222";
}

/** The bus as a person's command uses it: reads what trusted keys signed, and counts what it must not believe. */
export class BusSession {
  readonly bus: NatsBus;
  readonly url: string;
  readonly #keyring: Keyring;
  /** Messages that no trusted key vouches for, or that don't fit the catalogue. */
  refused = 0;

  private constructor(bus: NatsBus, url: string, keyring: Keyring) {
    this.bus = bus;
    this.url = url;
    this.#keyring = keyring;
  }

  static async open(home: Home, url: string): Promise<BusSession> {
    const bus = await NatsBus.connect({
      servers: [url],
      name: "omega-cli",
      identity: busIdentity(home.keys, "operator"),
    });
    if (!bus.ok) {
      throw new CommandFailure(exitCode.unavailable, `${bus.failure.message}\nIs it running? Start it with: omega up`);
    }
    return new BusSession(bus.value, url, new Keyring(home.keys));
  }

  /** Every believable event up to now, in order. */
  async events(): Promise<Recorded[]> {
    const events: Recorded[] = [];
    for await (const recorded of this.follow({ fromSeq: 1, toSeq: await this.bus.lastSeq() })) events.push(recorded);
    return events;
  }

  async *follow(range: { fromSeq: number; toSeq?: number; signal?: AbortSignal }): AsyncIterable<Recorded> {
    for await (const message of this.bus.read(range)) {
      const recorded = this.#opened(message);
      if (recorded !== undefined) yield recorded;
    }
  }

  async close(): Promise<void> {
    await this.bus.close();
  }

  #opened({ seq, storedAt, body, subject }: StoredMessage): Recorded | undefined {
    const opened = openEvent(body, subject, this.#keyring, storedAt);
    if (opened.ok) return { seq, storedAt, event: opened.value };
    this.refused += 1;
    return undefined;
  }
}
