import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import test, { type TestContext } from "node:test";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "nats";
import { findNatsServer, startNatsServer, type NatsServerProgram } from "./nats-server.ts";

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "omega-nats-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A program that only says its version. */
function pretender(folder: string, version: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "nats-server");
  writeFileSync(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Every server on this machine that the tests were told of: the one that would be used, and OMEGA_TEST_NATS_SERVERS. */
function programs(): NatsServerProgram[] {
  const named = (process.env["OMEGA_TEST_NATS_SERVERS"] ?? "").split(delimiter).filter((path) => path !== "");
  const found = [findNatsServer(), ...named.map((path) => findNatsServer({ OMEGA_NATS_SERVER: path }))];
  return found.map((outcome) => (outcome.ok ? outcome.value : assert.fail(outcome.message)));
}

for (const program of programs()) {
  test(`nats-server ${program.version} keeps what it acknowledged across kill -9`, async (t) => {
    const storeDir = join(temporary(t), "a folder with spaces");
    const first = await startNatsServer({ storeDir, program });
    t.after(() => first.kill());
    const client = await connect({ servers: first.url });
    t.after(() => client.close());
    await (await jetstreamManager(client)).streams.add({ name: "KEPT", subjects: ["kept.>"] });
    await jetstream(client).publish("kept.one", "before the crash");
    await client.close();
    await first.kill();

    const second = await startNatsServer({ storeDir, program });
    t.after(() => second.stop());
    const again = await connect({ servers: second.url });
    t.after(() => again.close());
    const message = await (await jetstreamManager(again)).streams.getMessage("KEPT", { seq: 1 });
    assert.equal(message?.string(), "before the crash");
    const always = /sync_interval: always/.test(readFileSync(join(storeDir, "nats-server.conf"), "utf8"));
    assert.equal(always, second.synced === "each write");
    assert.equal(always, !program.version.startsWith("2.9."));
  });
}

test("two servers take two free ports, and stop() ends the process", async (t) => {
  const servers = await Promise.all([1, 2].map(() => startNatsServer({ storeDir: temporary(t) })));
  for (const server of servers) t.after(() => server.stop());
  assert.notEqual(servers[0]?.url, servers[1]?.url);
  for (const { pid, stop, exited } of servers) {
    await stop();
    await exited;
    assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  }
});

test("a busy port is named", async (t) => {
  const squatter = createServer().listen(0, "127.0.0.1");
  t.after(() => squatter.close());
  await once(squatter, "listening");
  const address = squatter.address();
  assert.ok(address !== null && typeof address === "object");
  const attempt = startNatsServer({ storeDir: temporary(t), port: address.port });
  await assert.rejects(attempt, new RegExp(`^Error: port ${address.port} on 127.0.0.1 is busy`));
});

test("a refused config shows what the server said", async (t) => {
  const attempt = startNatsServer({ storeDir: temporary(t), config: "no_such_key: 1" });
  await assert.rejects(attempt, /did not start[^]*no_such_key/);
});

test("a message above maxPayload is refused", async (t) => {
  const server = await startNatsServer({ storeDir: temporary(t), maxPayload: 1024 });
  t.after(() => server.stop());
  const client = await connect({ servers: server.url });
  t.after(() => client.close());
  assert.equal(client.info?.max_payload, 1024);
});

test("a program that can't be run is named", async (t) => {
  const program = { path: join(temporary(t), "absent"), version: "2.12.3" };
  await assert.rejects(
    startNatsServer({ storeDir: temporary(t), program }),
    /nats-server 2\.12\.3 \(.*absent\) did not start/,
  );
});

test("the search goes: OMEGA_NATS_SERVER, PATH, the set-up's record; too old ones are passed over", (t) => {
  const root = temporary(t);
  const named = pretender(join(root, "named"), "2.12.3");
  const old = pretender(join(root, "old"), "2.9.9");
  const onPath = pretender(join(root, "on-path"), "2.9.10");
  const kept = pretender(join(root, "kept"), "2.10.29");
  mkdirSync(join(root, ".omega"));
  writeFileSync(join(root, ".omega/nats-server.json"), JSON.stringify({ path: kept }));
  const PATH = [join(root, "old"), join(root, "on-path")].join(delimiter);

  const path = (environment: NodeJS.ProcessEnv): string => {
    const found = findNatsServer(environment, join(root, "kept"));
    return found.ok ? found.value.path : found.message;
  };
  assert.equal(path({ OMEGA_NATS_SERVER: named, PATH }), named);
  assert.equal(path({ PATH }), onPath);
  assert.equal(path({ PATH: join(root, "old") }), kept);
  assert.match(path({ OMEGA_NATS_SERVER: old, PATH }), /old\/nats-server is version 2\.9\.9; Omega needs 2\.9\.10/);
  assert.match(path({ OMEGA_NATS_SERVER: join(root, "nowhere"), PATH }), /doesn't run as a nats-server/);
  rmSync(join(root, ".omega"), { recursive: true });
  assert.match(path({ PATH: "" }), /^no nats-server 2\.9\.10 or later was found: run the set-up/);
});
