import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { installBus, NatsBus } from "@omega/shared/nats-bus.ts";
import {
  findNatsServer,
  startNatsServer,
  type NatsServerProgram,
  type RunningNatsServer,
} from "@omega/shared/nats-server.ts";

/** The server that would be used here, and those that OMEGA_TEST_NATS_SERVERS names, one of each version. */
export function natsPrograms(): NatsServerProgram[] {
  const named = (process.env["OMEGA_TEST_NATS_SERVERS"] ?? "").split(delimiter).filter((path) => path !== "");
  const found = [findNatsServer(), ...named.map((path) => findNatsServer({ OMEGA_NATS_SERVER: path }))];
  const programs = found.map((outcome) => (outcome.ok ? outcome.value : assert.fail(outcome.message)));
  return [...new Map(programs.map((program) => [program.version, program])).values()];
}

export interface InstalledBus {
  readonly server: RunningNatsServer;
  readonly storeDir: string;
  connect(): Promise<NatsBus>;
  close(): Promise<void>;
}

/** A server of its own on a free port, with the stream installed. */
export async function installedBus(program?: NatsServerProgram): Promise<InstalledBus> {
  const storeDir = mkdtempSync(join(tmpdir(), "omega-bus-"));
  const server = await startNatsServer({ storeDir, ...(program === undefined ? {} : { program }) });
  const installed = await installBus({ servers: [server.url], name: "test-install" });
  assert.ok(installed.ok, JSON.stringify(installed));
  const buses: NatsBus[] = [];
  return {
    server,
    storeDir,
    async connect() {
      const bus = await NatsBus.connect({ servers: [server.url], name: "test" });
      assert.ok(bus.ok, JSON.stringify(bus));
      buses.push(bus.value);
      return bus.value;
    },
    async close() {
      for (const bus of buses) await bus.close();
      await server.stop();
      rmSync(storeDir, { recursive: true, force: true });
    },
  };
}
