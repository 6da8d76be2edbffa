import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { busIdentity } from "@omega/shared/bus-identity.ts";
import { NatsBus } from "@omega/shared/nats-bus.ts";
import type { NatsServerProgram } from "@omega/shared/nats-server.ts";
import { natsPrograms } from "../nats-servers.ts";
import { OmegaUnderTest } from "./omega.ts";

const configs = fileURLToPath(new URL("../../infra/nats/", import.meta.url));

/** Older servers can't write through at each message, which these files ask for. */
function recentPrograms(): NatsServerProgram[] {
  return natsPrograms().filter(({ version }) => Number(version.split(".")[1]) >= 10);
}

test("the shipped configuration of a nats-server is accepted, with keys that omega bus keys made", async (t) => {
  const programs = recentPrograms();
  if (programs.length === 0)
    return t.skip("no nats-server of 2.10 or newer is here: OMEGA_TEST_NATS_SERVERS names some");
  const omega = new OmegaUnderTest(t);
  const environment = await nkeysOf(omega);
  for (const { path } of programs) {
    const [node] = await nodes(omega, 1);
    for (const file of ["nats-server.conf", "nats-cluster.conf"]) {
      const { status, stderr } = spawnSync(path, ["-c", join(configs, file), "-t"], {
        env: { ...environment, ...node },
        encoding: "utf8",
      });
      assert.equal(status, 0, stderr);
    }
  }
});

test("three servers by the shipped configuration keep the stream when one of them is killed", async (t) => {
  const program = recentPrograms().at(-1);
  if (program === undefined)
    return t.skip("no nats-server of 2.10 or newer is here: OMEGA_TEST_NATS_SERVERS names some");
  const omega = new OmegaUnderTest(t);
  const environment = await nkeysOf(omega);
  const given = await nodes(omega, 3);
  const servers = given.map((node) => startNode(t, program, { ...environment, ...node }));
  const urls = given.map((node) => `nats://127.0.0.1:${node.OMEGA_NATS_PORT}`);

  const installing = ["bus", "install", "--server", urls[0] ?? "", "--replicas", "3", "--max-gib", "1"];
  const installed = await until(async () => {
    const ended = await omega.run(...installing);
    return ended.code === 0 ? ended : undefined;
  });
  assert.match(installed.stdout, /holds the stream OMEGA in 3 copies/);
  const again = await omega.run(...installing);
  assert.equal(again.code, 0, "what is there is left as it is");
  const other = await omega.run("bus", "install", "--server", urls[0] ?? "", "--replicas", "1", "--max-gib", "1");
  assert.equal(other.code, 78);
  assert.match(other.stderr, /num_replicas: is 3, should be 1/);

  const bus = await NatsBus.connect({
    servers: urls,
    name: "scout",
    identity: busIdentity(join(omega.home, "keys"), "scout"),
  });
  assert.ok(bus.ok, JSON.stringify(bus));
  t.after(() => bus.value.close());
  const say = (id: string) =>
    bus.value.publish({ id, subject: "omega.signal.payments.cleared", body: Buffer.from("{}") });
  assert.ok((await say("before")).ok);
  servers[0]?.kill("SIGKILL");
  const after = await until(async () => {
    const said = await say("after");
    return said.ok ? said.value : undefined;
  });
  assert.ok(after.seq >= 2);
});

async function nkeysOf(omega: OmegaUnderTest): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await omega.run("bus", "keys");
  assert.equal(code, 0, stderr);
  return Object.fromEntries(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split("=") as [string, string]),
  );
}

interface NodeEnvironment extends Record<string, string> {
  OMEGA_NATS_PORT: string;
}

async function nodes(omega: OmegaUnderTest, count: number): Promise<NodeEnvironment[]> {
  const ports = await freePorts(count * 3);
  const routes = ports.slice(0, count).map((port) => `"nats://omega:between-servers@127.0.0.1:${port}"`);
  return Array.from({ length: count }, (_each, index) => ({
    OMEGA_NATS_NAME: `n${index}`,
    OMEGA_NATS_STORE: join(omega.home, `nats-${index}`),
    OMEGA_NATS_CLUSTER_LISTEN: `"127.0.0.1:${ports[index]}"`,
    OMEGA_NATS_ROUTES: `[${routes.join(", ")}]`,
    OMEGA_NATS_CLUSTER_PASSWORD: "between-servers",
    OMEGA_NATS_PORT: String(ports[count + index]),
    OMEGA_NATS_HTTP: `"127.0.0.1:${ports[2 * count + index]}"`,
  }));
}

function startNode(t: TestContext, program: NatsServerProgram, env: Record<string, string>): ChildProcess {
  const child = spawn(program.path, ["-c", join(configs, "nats-cluster.conf")], { env, stdio: "ignore" });
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return child;
}

/** All are held at once, so that no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

async function until<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  const limit = Date.now() + 60_000;
  for (;;) {
    const got = await attempt();
    if (got !== undefined) return got;
    assert.ok(Date.now() < limit, "not within a minute");
    await pause(250);
  }
}
