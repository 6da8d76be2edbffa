import assert from "node:assert/strict";
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { busUsers, inboxPrefixOf, permissionsOf, type BusUser } from "@omega/bus-schemas/access.ts";
import { catalogue } from "@omega/bus-schemas/catalogue.ts";
import { roles } from "@omega/bus-schemas/define-event.ts";
import { leaseBucket, omegaStream, workQueues } from "@omega/bus-schemas/streams.ts";
import { subjectFor, sayingPattern } from "@omega/bus-schemas/subjects.ts";
import { busIdentity, makeBusIdentity } from "@omega/shared/bus-identity.ts";
import { authorizationConfig } from "@omega/bus-schemas/authorization.ts";
import { installBus, NatsBus, queueOf } from "@omega/shared/nats-bus.ts";
import { startNatsServer, type RunningNatsServer } from "@omega/shared/nats-server.ts";
import { connect, nkeyAuthenticator, PermissionViolationError, type NatsConnection } from "nats";
import { natsPrograms } from "../nats-servers.ts";

const stream = omegaStream.name;

for (const program of natsPrograms()) {
  describe(`who may do what on the bus, nats-server ${program.version}`, () => {
    const folder = mkdtempSync(join(tmpdir(), "omega-access-"));
    const keys = join(folder, "keys");
    let server: RunningNatsServer;

    before(async () => {
      const named = busUsers.filter((user) => user !== "viewer");
      const users = named.map((user) => ({ user, nkey: makeBusIdentity(busIdentity(keys, user)) }));
      const config = authorizationConfig(users, { lookingWithoutName: { password: "of-no-use" } });
      server = await startNatsServer({ storeDir: join(folder, "nats"), program, config });
      const installed = await installBus({ ...at("installer"), name: "install" });
      assert.deepEqual(installed, { ok: true, value: undefined });
    });
    after(async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const at = (user: BusUser) => ({ servers: [server.url], identity: busIdentity(keys, user) });

    async function busOf(t: TestContext, user: BusUser): Promise<NatsBus> {
      const bus = await NatsBus.connect({ ...at(user), name: user });
      assert.ok(bus.ok, JSON.stringify(bus));
      t.after(() => bus.value.close());
      return bus.value;
    }

    /** A plain client that signs in as this user, as an attacker with its key would. */
    async function rawOf(t: TestContext, user: BusUser): Promise<NatsConnection> {
      const seed = user === "viewer" ? undefined : readFileSync(busIdentity(keys, user).credentialsFile);
      const connection = await connect({
        servers: server.url,
        inboxPrefix: inboxPrefixOf(user),
        ...(seed === undefined ? {} : { authenticator: nkeyAuthenticator(Buffer.from(seed.toString().trim())) }),
      });
      t.after(() => connection.close());
      return connection;
    }

    it("each process says what it may, takes its own work, reads the stream and holds its lease", async (t) => {
      for (const role of ["scout", "coordinator", "surgeon", "scribe"] as const) {
        const bus = await busOf(t, role);
        for (const event of catalogue.filter(({ saidBy }) => saidBy.includes(role))) {
          const data = event.scope === "agent" ? { ...Object(event.example), agent: role } : event.example;
          const subject = subjectFor({ type: event.type, incidentid: "inc-1", data });
          const said = await bus.publish({ id: `${role}-${event.type}`, subject, body: Buffer.from("{}") });
          assert.ok(said.ok, JSON.stringify(said));
        }
        const lastSeq = await bus.lastSeq();
        let read = 0;
        for await (const message of bus.read({ fromSeq: 1, toSeq: lastSeq })) read += message.seq > 0 ? 1 : 0;
        assert.equal(read, lastSeq);
        const stop = new AbortController();
        for await (const delivery of bus.work(queueOf(workQueues[role]), stop.signal)) {
          await delivery.ack();
          if (delivery.seq >= lastSeq) stop.abort();
        }
        assert.equal(await bus.ackFloor(queueOf(workQueues[role])), lastSeq);
        for (const key of [role, `${role}.part`]) {
          const revision = await bus.leases().create(key, "holder");
          assert.ok(revision !== undefined);
          const renewed = await bus.leases().update(key, "holder", revision);
          assert.ok(renewed !== undefined);
          assert.equal(await bus.leases().create(key, "another"), undefined);
          await bus.leases().release(key, renewed);
        }
      }
    });

    it("nobody says what another role says: every type of the catalogue, every user", async (t) => {
      let tried = 0;
      for (const user of busUsers) {
        const speaksFor = user === "console" ? "operator" : user;
        const forbidden = catalogue.filter(({ saidBy }) => !saidBy.some((role) => role === speaksFor));
        const connection = await rawOf(t, user);
        for (const event of forbidden) {
          const subject = subjectFor({ type: event.type, incidentid: "inc-1", data: event.example });
          await refused(connection, subject, Buffer.from("{}"));
          tried += 1;
        }
      }
      assert.ok(tried > catalogue.length * 3, `${tried} tried`);
    });

    it("an agent can't speak of another's life", async (t) => {
      const scout = await busOf(t, "scout");
      const said = await scout.publish({
        id: "forged",
        subject: "omega.agent.surgeon.started",
        body: Buffer.from("{}"),
      });
      assert.ok(!said.ok && said.failure.kind === "terminal" && said.failure.code === "not_permitted");
      assert.match(said.failure.message, /omega\.agent\.surgeon\.started/);
    });

    const administration = [
      `$JS.API.STREAM.CREATE.OTHER`,
      `$JS.API.STREAM.UPDATE.${stream}`,
      `$JS.API.STREAM.DELETE.${stream}`,
      `$JS.API.STREAM.PURGE.${stream}`,
      `$JS.API.STREAM.MSG.DELETE.${stream}`,
      `$JS.API.STREAM.RESTORE.${stream}`,
      `$JS.API.STREAM.PURGE.KV_${leaseBucket.name}`,
      `$JS.API.STREAM.DELETE.KV_${leaseBucket.name}`,
      `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.mine`,
      `$JS.API.SERVER.REMOVE`,
      `$JS.API.ACCOUNT.PURGE.$G`,
      "$SYS.REQ.SERVER.PING",
    ];
    it("nobody changes, purges or deletes the stream or the leases' bucket", async (t) => {
      for (const user of busUsers) {
        const connection = await rawOf(t, user);
        for (const subject of administration) await refused(connection, subject, Buffer.from("{}"));
        if (user === "installer") continue;
        for (const verb of ["CREATE", "SNAPSHOT"])
          await refused(connection, `$JS.API.STREAM.${verb}.${stream}`, Buffer.from("{}"));
      }
    });

    it("nobody takes, acknowledges, changes or deletes another's work, nor touches another's lease", async (t) => {
      for (const user of busUsers) {
        const connection = await rawOf(t, user);
        for (const [role, { durable }] of Object.entries(workQueues)) {
          const making = [
            `$JS.API.CONSUMER.DELETE.${stream}.${durable}`,
            ...(user === "installer"
              ? []
              : [`$JS.API.CONSUMER.CREATE.${stream}.${durable}`, `$JS.API.CONSUMER.CREATE.${stream}.${durable}.x`]),
          ];
          const taking = [
            `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`,
            `$JS.ACK.${stream}.${durable}.1.1.1.1.0`,
            `$JS.ACK._.acc.${stream}.${durable}.1.1.1.1.0.x`,
            `$KV.${leaseBucket.name}.${role}`,
          ];
          for (const subject of [...making, ...(user === role ? [] : taking)])
            await refused(connection, subject, Buffer.from("{}"));
        }
      }
    });

    it("nobody hears the replies of another", async (t) => {
      for (const user of busUsers) {
        const connection = await rawOf(t, user);
        for (const other of busUsers) {
          if (other === user) continue;
          const heard = connection.subscribe(`${inboxPrefixOf(other)}.>`);
          await assert.rejects(async () => {
            for await (const message of heard) void message;
          }, PermissionViolationError);
        }
      }
    });

    it("who gives no name may look, and do nothing else", async (t) => {
      const looking = await NatsBus.connect({ servers: [server.url], name: "looking" });
      assert.ok(looking.ok, JSON.stringify(looking));
      t.after(() => looking.value.close());
      let seen = 0;
      for await (const message of looking.value.read({ fromSeq: 1, toSeq: await looking.value.lastSeq() }))
        seen += message.seq > 0 ? 1 : 0;
      assert.ok(seen > 0);
      const said = await looking.value.publish({ id: "x", subject: "omega.control.resumed", body: Buffer.from("{}") });
      assert.ok(!said.ok && said.failure.code === "not_permitted");
    });

    it("a key that the server does not know is refused by name", async () => {
      const stranger = busIdentity(join(folder, "strangers"), "surgeon");
      makeBusIdentity(stranger);
      const bus = await NatsBus.connect({ servers: [server.url], name: "stranger", identity: stranger });
      assert.ok(!bus.ok && bus.failure.kind === "terminal" && bus.failure.code === "bus_refused");
      assert.match(bus.failure.message, /no surgeon with the key in .*surgeon\.nk/);
    });

    it("plain nats looks at stream and leases", (t) => {
      const nats = process.env["NATS_CLI"];
      if (nats === undefined) return t.skip("NATS_CLI names no nats command");
      const commands = [
        ["stream", "ls", "--names"],
        ["stream", "info", stream],
        ["stream", "get", stream, "1"],
        ["sub", "omega.>", "--stream", stream, "--all", "--count", "3"],
        ["consumer", "ls", stream],
        ["kv", "ls", leaseBucket.name],
      ];
      for (const command of commands) {
        const { status, stderr }: SpawnSyncReturns<string> = spawnSync(
          nats,
          ["--server", server.url, "--timeout", "3s", ...command],
          {
            encoding: "utf8",
            input: "q\n",
            timeout: 20_000,
          },
        );
        assert.equal(status, 0, `nats ${command.join(" ")}: ${stderr}`);
      }
      const forbidden = spawnSync(nats, ["--server", server.url, "--timeout", "1s", "stream", "purge", stream, "-f"], {
        encoding: "utf8",
        timeout: 20_000,
      });
      assert.notEqual(forbidden.status, 0);
    });
  });
}

describe("permissions", () => {
  it("name every type that a role may say, and no more", () => {
    for (const role of roles) {
      const allowed = permissionsOf(role).publish.allow.filter((subject) => subject.startsWith("omega."));
      const said = catalogue.filter(({ saidBy }) => saidBy.includes(role)).map((event) => sayingPattern(event, role));
      assert.deepEqual(new Set(allowed), new Set(said));
    }
  });
});

/** Asks and expects the server to refuse the subject itself, which is not the same as its refusing what was asked. */
async function refused(connection: NatsConnection, subject: string, body: Uint8Array): Promise<void> {
  await assert.rejects(
    connection.request(subject, body, { timeout: 5000 }),
    (error: unknown) =>
      error instanceof PermissionViolationError ||
      (error instanceof Error && error.cause instanceof PermissionViolationError),
    subject,
  );
}
